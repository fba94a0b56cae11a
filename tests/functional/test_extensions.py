"""Extensions of SMTP: what goes over the wire where the smart host offers them, and where it does
not. DSN, REQUIRETLS and SMTPUTF8 by themselves are in test_delivery_options.py."""

import datetime
import email
import socket

import pytest

import dkimverify
from dkimverify import Key
from expect import ENVELOPE, HEADER, MESSAGE, body_of, delivered, failed, silent, wire
from smtpscript import CLOSE, CUT, EHLO, RESET, Script, times

CHUNKING = EHLO + ("CHUNKING",)
STEP_BY_STEP = ("SIZE", "8BITMIME")
BOTH = pytest.mark.parametrize("caps", [EHLO, CHUNKING], ids=["data", "bdat"])
LARGE = HEADER + b"\n" + 20000 * b"hello\n"
LIMIT = 64 * 1024   # of a message whose sender does not wait for the answers to RCPT
CLEAR = {"tls": "off", "auth": ""}


def names(count):
    return [f"user{n}@example.net" for n in range(1, count + 1)]


def to(*recipients):
    return ("-f", "a@example.org", *recipients)


def message_of(size):
    """A message with so many bytes on the wire."""
    left = size - len(wire(HEADER)) - 2
    lines = [b"x" * 98 + b"\n"] * (left // 100 - 1)
    last = left - 100 * len(lines) - 2
    return HEADER + b"\n" + b"".join(lines) + last * b"y" + b"\n"


def verbs(session):
    return [c.split(b" ")[0].decode() for c in session.commands]


def transactions(server):
    """Of each session the recipients of each message taken, by the number in their names."""
    server.settle()
    return [[[int(r.split(b"@")[0][4:]) for r in m.taken] for m in c.messages if m.accepted]
            for c in server.connections]


# CHUNKING, RFC 3030

@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_bdat_is_one_flight(rig, tls):
    server = rig.serve(tls=tls, caps=CHUNKING)
    message = delivered(rig.send(*ENVELOPE, "c@example.net", input=MESSAGE), server)
    size = len(wire(MESSAGE))
    assert server.only.flights[-1] == (
        b"MAIL FROM:<a@example.org> SIZE=%d\r\nRCPT TO:<b@example.net>\r\n"
        b"RCPT TO:<c@example.net>\r\nBDAT %d LAST\r\n%sQUIT\r\n" % (size, size, wire(MESSAGE)))
    assert message.chunks == [size] and message.data == wire(MESSAGE)


def test_bdat_step_by_step(rig):
    server = rig.serve(caps=("CHUNKING",))
    delivered(rig.send(*ENVELOPE, input=MESSAGE), server)
    assert server.only.flights[-4:] == [
        b"MAIL FROM:<a@example.org>\r\n", b"RCPT TO:<b@example.net>\r\n",
        b"BDAT %d LAST\r\n%s" % (len(wire(MESSAGE)), wire(MESSAGE)), b"QUIT\r\n"]


def test_data_without_chunking(rig):
    server = rig.serve(caps=EHLO + ("CHUNKINGX", "X-CHUNKING"))
    assert delivered(rig.send(*ENVELOPE, input=MESSAGE), server).chunks is None
    assert server.only.flights[-1] == wire(MESSAGE) + b".\r\nQUIT\r\n"


@pytest.mark.parametrize("text", [
    b"", b".\n", b"..\n", b".x\n", b"x\n.\n.\n..\n...\nx\n", b"x\n.", b"\n.\n", b"\r\n.\r\n",
    b"BDAT 5 LAST\nQUIT\n", b"h\xc3\xa9llo \xff\n", 40000 * b".\n", 3000 * b"h\xc3\xa9llo\n",
], ids=lambda text: repr(text[:20]))
def test_the_same_bytes_by_data_and_by_bdat(rig, text):
    """Signed, and without a dot too many."""
    key = Key("example.org", "s1")
    path = rig.program.file("s1.key", key.pem)
    found = []
    for caps in (EHLO, CHUNKING):
        server = rig.serve(caps=caps, dkim={"example.org": {"selector": "s1", "key_file": path}})
        message = delivered(rig.send(*ENVELOPE, input=HEADER + b"\n" + text), server)
        assert dkimverify.dkimpy(message.data, key)
        assert sum(message.chunks or [len(message.data)]) == len(message.data)
        assert b" SIZE=%d" % len(message.data) in message.sender
        assert (b" BODY=8BITMIME" in message.sender) == (max(text, default=0) > 127)
        found.append(body_of(message.data))
    assert found[0] == found[1]


def test_bdat_without_8bitmime(rig):
    """What is not ASCII is encoded, and the message is counted afterwards."""
    server = rig.serve(caps=("PIPELINING", "CHUNKING", "SIZE"))
    text = HEADER + b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nh\xc3\xa9llo\n"
    message = delivered(rig.send(*ENVELOPE, input=text), server)
    assert b" SIZE=%d" % len(message.data) in message.sender
    assert max(message.data) < 128
    assert email.message_from_bytes(message.data).get_payload(decode=True) == b"h\xc3\xa9llo\r\n"


@pytest.mark.parametrize("megabytes", [1, 5])
def test_bdat_of_a_large_message(rig, megabytes):
    server = rig.serve(caps=CHUNKING)
    text = HEADER + b"\n" + megabytes * 20000 * (49 * b"x" + b"\n" + b".\n")
    message = delivered(rig.send(*ENVELOPE, input=text), server)
    assert message.data == wire(text) and sum(message.chunks) == len(wire(text))


def test_bdat_in_bs(rig):
    server = rig.serve(caps=CHUNKING)
    with rig.talk() as bs:
        for text in (MESSAGE, LARGE, MESSAGE):
            bs.send(text)
    assert [m.data for m in server.only.messages] == [wire(m) for m in (MESSAGE, LARGE, MESSAGE)]
    assert verbs(server.only).count("BDAT") == 3


def test_requiretls_with_bdat(rig):
    server = rig.serve(caps=CHUNKING + ("REQUIRETLS",))
    message = delivered(rig.send("-O", "requiretls=yes", *ENVELOPE, input=MESSAGE), server)
    assert b" REQUIRETLS" in message.sender and message.chunks is not None


@pytest.mark.parametrize("reply, status", [
    ("550 5.7.1 spam", 77), ("552 too large", 65), ("452 4.3.1 disk full", 75), ("554 no", 69)])
def test_bdat_refused(rig, reply, status):
    server = rig.serve(caps=CHUNKING, steps={"end": reply})
    failed(rig.send(*ENVELOPE, input=MESSAGE), status, reply)
    assert len(server.connections) == 1


@pytest.mark.parametrize("step", ["mail", "rcpt", "end"])
@pytest.mark.parametrize("how", [CLOSE, CUT, RESET])
def test_lost_behind_the_last_chunk(rig, step, how):
    """All of it has gone out, so nobody knows; even if it was a RCPT that was not answered."""
    server = rig.serve(caps=CHUNKING, steps={step: how})
    failed(rig.send(*ENVELOPE, input=MESSAGE), 75, "may have been delivered")
    assert len(server.connections) == 1


@pytest.mark.parametrize("step", ["mail", "rcpt"])
def test_lost_ahead_of_the_last_chunk(rig, step):
    rig.serve(caps=CHUNKING, steps={step: CLOSE})
    done = rig.send(*ENVELOPE, input=LARGE)
    failed(done, 75)
    assert "may have been" not in done.stderr.decode()


# what waits for the answers to RCPT, and what does not

@BOTH
@pytest.mark.parametrize("size, waits", [(LIMIT, False), (LIMIT + 1, True), (3 * LIMIT, True)])
def test_a_large_message_waits(rig, caps, size, waits):
    server = rig.serve(caps=caps, steps={"rcpt": "550 5.1.1 nobody"})
    text = message_of(size)
    assert len(wire(text)) == size
    failed(rig.send(*ENVELOPE, input=text), 67, "nobody")
    assert ("DATA" in verbs(server.only) or "BDAT" in verbs(server.only)) == (not waits)
    assert server.messages == []


@BOTH
@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_a_large_message_arrives(rig, caps, size):
    server = rig.serve(caps=caps)
    text = message_of(size)
    assert delivered(rig.send(*ENVELOPE, input=text), server).data == wire(text)


@BOTH
@pytest.mark.parametrize("replies, status", [
    (["250 ok", "550 5.1.1 no"], 67), (["450 4.2.0 no", "250 ok"], 75), (["250 ok", "250 ok"], 0)])
def test_all_or_nothing_waits(rig, caps, replies, status):
    server = rig.serve(settings={"partial": "abort"}, caps=caps,
                       steps={f"rcpt{n}": reply for n, reply in enumerate(replies, 1)})
    done = rig.send(*to(*names(2)), input=MESSAGE)
    assert done.status == status, str(done)
    assert ("DATA" in verbs(server.only) or "BDAT" in verbs(server.only)) == (status == 0)
    assert transactions(server) == ([[[1, 2]]] if status == 0 else [[]])


@BOTH
def test_partly_refused(rig, caps):
    server = rig.serve(caps=caps, steps={"rcpt2": "550 5.1.1 nobody"})
    failed(rig.send(*to(*names(3)), input=MESSAGE), 67, "user2@example.net")
    assert transactions(server) == [[[1, 3]]]
    assert server.messages[0].data == wire(MESSAGE)


@BOTH
def test_quit_does_not_wait(rig, caps):
    server = rig.serve(caps=caps)
    delivered(rig.send(*ENVELOPE, input=MESSAGE), server)
    assert server.only.flights[-1].endswith(b"QUIT\r\n") and server.only.flights[-1] != b"QUIT\r\n"


@pytest.mark.parametrize("steps, status", [
    ({"mail": "452 4.3.1 full"}, 75), ({"rcpt": "550 5.1.1 nobody"}, 67)])
def test_quit_is_no_text(rig, steps, status):
    """A server that wants a message from nobody gets an empty one, and no command for a text."""
    server = rig.serve(steps={**steps, "data": "354 go on"})
    failed(rig.send(*ENVELOPE, input=MESSAGE), status)
    assert server.only.received.split(b"DATA\r\n")[1] in (b"", b".\r\n", b".\r\nQUIT\r\n")


# LIMITS, RFC 9422, and servers that say so late

@BOTH
@pytest.mark.parametrize("limits, expected", [
    ("RCPTMAX=2", [[[1, 2], [3, 4], [5]]]),
    ("RCPTMAX=5", [[[1, 2, 3, 4, 5]]]),
    ("RCPTMAX=1", [[[1], [2], [3], [4], [5]]]),
    ("rcptmax=4", [[[1, 2, 3, 4], [5]]]),
    ("MAILMAX=1 RCPTMAX=2", [[[1, 2]], [[3, 4]], [[5]]]),
    ("RCPTMAX=2 MAILMAX=2 RCPTDOMAINMAX=9", [[[1, 2], [3, 4]], [[5]]]),
    ("MAILMAX=1", [[[1, 2, 3, 4, 5]]]),
    ("RCPTMAX=x X=1", [[[1, 2, 3, 4, 5]]]),
    ("", [[[1, 2, 3, 4, 5]]]),
])
def test_limits(rig, caps, limits, expected):
    server = rig.serve(caps=caps + (f"LIMITS {limits}".strip(),))
    silent(rig.send(*to(*names(5)), input=MESSAGE))
    assert transactions(server) == expected
    assert all(m.data == wire(MESSAGE) for m in server.messages)
    for session in server.connections:      # only who has said all says goodbye
        assert verbs(session).count("QUIT") == 1 and verbs(session)[-1] == "QUIT"


@BOTH
def test_limits_and_refusals(rig, caps):
    """A group of whom nobody is wanted holds up nobody else."""
    refused = iter(["250 ok", "550 5.1.1 second", "550 5.1.1 third", "450 4.2.0 fourth", "250 ok"])
    server = rig.serve(caps=caps + ("LIMITS RCPTMAX=2",), steps={"rcpt": lambda: next(refused)})
    failed(rig.send(*to(*names(5)), input=MESSAGE), 67, "second", "third", "fourth", lines=3)
    assert [m for session in transactions(server) for m in session] == [[1], [5]]


@BOTH
@pytest.mark.parametrize("limits", ["RCPTMAX=2", "MAILMAX=1 RCPTMAX=2"])
def test_limits_and_a_refused_message(rig, caps, limits):
    """Others have it already: who does not get it is told by name, and the rest do get it."""
    answers = times("250 ok", "554 5.7.1 spam", "250 ok")
    server = rig.serve(caps=caps + (f"LIMITS {limits}",), steps={"end": answers})
    done = rig.send(*to(*names(5)), input=MESSAGE)
    failed(done, 77, "end of data <user3@example.net>: 554 5.7.1 spam",
           "end of data <user4@example.net>: 554 5.7.1 spam", lines=2)
    assert [m for session in transactions(server) for m in session] == [[1, 2], [5]]


@BOTH
@pytest.mark.parametrize("limits, step", [
    ("RCPTMAX=1", "mail"), ("RCPTMAX=1", "rcpt"), ("RCPTMAX=1 MAILMAX=1", "greeting")])
def test_limits_and_a_lost_session(rig, caps, limits, step):
    """What it has been told of is only the failure: so it says who would get the message twice."""
    replies = ["220 hi" if step == "greeting" else "250 ok"] * 2
    server = rig.serve(caps=caps + (f"LIMITS {limits}",), steps={step: times(*replies, CLOSE)})
    failed(rig.send(*to(*names(4)), input=MESSAGE), 75, "connection lost",
           "sendmail: <user1@example.net> has the message all the same",
           "sendmail: <user2@example.net> has the message all the same", lines=3)
    assert [m for session in transactions(server) for m in session] == [[1], [2]]


@BOTH
@pytest.mark.parametrize("count, limit", [(5, 2), (5, 1), (3, 2), (25, 10)])
def test_too_many_recipients(rig, caps, count, limit):
    """452 to some: they go in further transactions, until everybody has it, and once."""
    server = rig.serve(caps=caps, rcpt_limit=limit)
    silent(rig.send(*to(*names(count)), input=MESSAGE))
    got = [m for session in transactions(server) for m in session]
    assert got == [list(range(n, min(n + limit, count + 1))) for n in range(1, count + 1, limit)]
    assert all(m.data == wire(MESSAGE) for m in server.messages)


@pytest.mark.parametrize("caps, text", [(EHLO, MESSAGE), (CHUNKING, LARGE), (EHLO, LARGE),
                                        (EHLO[1:], MESSAGE), (CHUNKING[1:], MESSAGE)],
                         ids=["data", "bdat-large", "data-large", "data-steps", "bdat-steps"])
def test_too_many_recipients_in_one_session(rig, caps, text):
    """Where the answers are known before the end of the message, QUIT is not said too early."""
    server = rig.serve(caps=caps, rcpt_limit=2)
    silent(rig.send(*to(*names(5)), input=text))
    assert transactions(server) == [[[1, 2], [3, 4], [5]]]


def test_too_many_recipients_and_quit_was_said(rig):
    server = rig.serve(caps=CHUNKING, rcpt_limit=2)
    silent(rig.send(*to(*names(3)), input=MESSAGE))
    assert transactions(server) == [[[1, 2]], [[3]]]


@BOTH
@pytest.mark.parametrize("reply", ["452 4.5.3 too many", "452 too many", "452 4.2.2 over quota"])
def test_no_room_for_anybody(rig, caps, reply):
    """A try with nobody accepted is the last one."""
    server = rig.serve(caps=caps, steps={"rcpt": reply})
    failed(rig.send(*to(*names(3)), input=MESSAGE), 75, *names(3), lines=3)
    assert transactions(server) == [[]]
    assert verbs(server.only).count("RCPT") == 3


class Picky:
    """Answers RCPT by its number in the whole session or run."""

    def __init__(self, **replies):
        self.count, self.replies = 0, replies

    def __call__(self):
        self.count += 1
        return self.replies.get(f"nr{self.count}", "250 ok")


@BOTH
@pytest.mark.parametrize("first", ["452 4.5.3 too many", "452 too many", "552 5.5.3 too many",
                                   "552 too many"])
@pytest.mark.parametrize("then, status", [
    ("250 ok", 0), ("452 4.5.3 too many", 75), ("550 5.1.1 no", 67)])
def test_no_room_for_one(rig, caps, first, then, status):
    """Who is refused once more, now alone, is not asked for ever."""
    server = rig.serve(caps=caps, steps={"rcpt": Picky(nr2=first, nr4=then)})
    done = rig.send(*to(*names(3)), input=MESSAGE)
    if status:
        failed(done, status, "user2@example.net", then)
    else:
        silent(done)
    got = [m for session in transactions(server) for m in session]
    assert got == ([[1, 3]] if status else [[1, 3], [2]])
    assert sum(verbs(c).count("RCPT") for c in server.connections) == 4


@BOTH
@pytest.mark.parametrize("reply", ["452 4.2.2 over quota", "450 4.2.1 later", "552 5.2.2 quota"])
def test_no_room_for_another_reason(rig, caps, reply):
    """That is no matter of how many there are."""
    server = rig.serve(caps=caps, steps={"rcpt": Picky(nr2=reply)})
    failed(rig.send(*to(*names(3)), input=MESSAGE), 75 if reply[0] == "4" else 69, reply)
    assert transactions(server) == [[[1, 3]]]
    assert verbs(server.only).count("RCPT") == 3


@BOTH
def test_all_or_nothing_and_no_room(rig, caps):
    """Two transactions cannot be one: nobody gets it."""
    server = rig.serve(settings={"partial": "abort"}, caps=caps, rcpt_limit=2)
    done = rig.send(*to(*names(3)), input=MESSAGE)
    assert done.status == 75, str(done)
    assert [m for session in transactions(server) for m in session] == []


# HELO, where EHLO is not known and neither TLS nor AUTH is wanted

@pytest.mark.parametrize("reply", ["500 what?", "502 5.5.1 what?", "550 no", "504 no"])
def test_helo(rig, reply):
    server = rig.serve(**CLEAR, steps={"ehlo": reply})
    message = delivered(rig.send(*ENVELOPE, "c@example.net", input=MESSAGE), server)
    assert server.only.commands == [
        b"EHLO client.example.org", b"HELO client.example.org", b"MAIL FROM:<a@example.org>",
        b"RCPT TO:<b@example.net>", b"RCPT TO:<c@example.net>", b"DATA", b"QUIT"]
    assert message.data == wire(MESSAGE)


@pytest.mark.parametrize("options, account", [
    ({"tls": "implicit", "auth": ""}, {}), ({"tls": "starttls", "auth": ""}, {}),
    ({"tls": "off", "auth": "PLAIN"}, {"auth": ["PLAIN"]}),
    ({"tls": "off", "auth": "PLAIN", "need_auth": False}, {"auth": ["PLAIN"]})], ids=repr)
def test_no_helo_where_more_is_wanted(rig, options, account):
    server = rig.serve(**options, account=account, steps={"ehlo": "502 5.5.1 what?"})
    failed(rig.send(*ENVELOPE, input=MESSAGE), 76, "EHLO", "502 5.5.1 what?")
    assert not any(c.startswith((b"HELO", b"MAIL")) for c in server.only.commands)


@pytest.mark.parametrize("steps, status, words", [
    ({"ehlo": "421 4.3.2 busy"}, 75, "busy"), ({"ehlo": "450 later"}, 75, "later"),
    ({"ehlo": "502 no", "helo": "550 5.7.1 not you"}, 77, "not you"),
    ({"ehlo": "502 no", "helo": "421 4.3.2 busy"}, 75, "busy"),
    ({"ehlo": "502 no", "helo": CLOSE}, 75, "localhost"),
], ids=repr)
def test_helo_does_not_help(rig, steps, status, words):
    server = rig.serve(**CLEAR, steps=steps)
    failed(rig.send(*ENVELOPE, input=MESSAGE), status, words)
    assert verbs(server.only).count("HELO") == ("helo" in steps)


# LMTP, RFC 2033

@pytest.fixture(params=["tcp", "tcp6", "unix"])
def lmtp(rig, request):
    """Starts an LMTP server, at each kind of address."""
    def serve(**options):
        address = {"tcp": "127.0.0.1", "tcp6": "::1", "unix": rig.program.folder / "lmtp"}
        server = rig.server(Script(**{**CLEAR, "lmtp": True, **options}),
                            address=address[request.param])
        rig.configure(server, account={"host": "::1"} if request.param == "tcp6" else {})
        return server
    return serve


@BOTH
def test_lmtp(lmtp, rig, caps):
    server = lmtp(caps=caps)
    message = delivered(rig.send(*to(*names(3)), input=MESSAGE), server)
    assert server.only.commands[0] == b"LHLO client.example.org"
    assert transactions(server) == [[[1, 2, 3]]]
    assert message.data == wire(MESSAGE)


@BOTH
@pytest.mark.parametrize("replies, status", [
    (["250 2.1.5 first", "550 5.1.1 second", "250 2.1.5 third"], 67),
    (["250 2.1.5 first", "450 4.2.2 second", "250 2.1.5 third"], 75),
    (["450 4.2.2 first", "550 5.7.1 second", "250 2.1.5 third"], 77),
    (["552 5.2.2 first", "450 4.2.2 second", "450 4.2.2 third"], 69),
    (["450 4.2.2 first", "450 4.2.2 second", "450 4.2.2 third"], 75),
    (["550 5.1.1 first", "550 5.7.1 second", "550 5.7.1 third"], 67),
    (["250 2.1.5 first", "250 2.1.5 second", "250-2.1.5 th\n250 2.1.5 ird"], 0),
])
def test_lmtp_answers_for_each(lmtp, rig, caps, replies, status):
    server = lmtp(caps=caps, steps={f"end{n}": reply for n, reply in enumerate(replies, 1)})
    done = rig.send(*to(*names(3)), input=MESSAGE)
    taken = [n for n, reply in enumerate(replies, 1) if reply.startswith("2")]
    refused = [n for n in (1, 2, 3) if n not in taken]
    if status:
        words = [f"user{n}@example.net" for n in refused] + [replies[n - 1] for n in refused]
        failed(done, status, *words, lines=len(refused))
    else:
        silent(done)
    assert transactions(server) == [[taken] if taken else []]
    assert len(server.messages) == 1


@BOTH
def test_lmtp_answers_only_for_the_accepted(rig, caps):
    server = rig.serve(**CLEAR, lmtp=True, caps=caps, steps={
        "rcpt1": "550 5.1.1 first", "rcpt3": "450 4.2.1 third", "end2": "452 4.2.2 fourth"})
    failed(rig.send(*to(*names(4)), input=MESSAGE), 67, "user1", "user3", "user4", "first", "third",
           "fourth", lines=3)
    assert transactions(server) == [[[2]]]


@BOTH
@pytest.mark.parametrize("reply, status", [
    ("452 over quota", 75), ("452 4.5.3 too many", 75), ("552 too large", 65),
    ("552 5.5.3 too many", 76), ("452 4.2.2 over quota", 75)])
def test_lmtp_final_refusals_are_final(rig, caps, reply, status):
    """The codes that mean "too many recipients" at RCPT; here all of them were taken."""
    server = rig.serve(**CLEAR, lmtp=True, caps=caps, steps={"end2": reply})
    failed(rig.send(*to(*names(3)), input=MESSAGE), status,
           f"end of data <user2@example.net>: {reply}")
    assert transactions(server) == [[[1, 3]]]
    assert verbs(server.only).count("RCPT") == 3


@pytest.mark.parametrize("replies", [
    ["250 2.1.5 queued as X1", "550 5.1.1 nobody", "250 2.1.5 queued as X3"],
    ["550 5.1.1 nobody", "250 2.1.5 queued as X1", "450 4.2.1 later"],
    ["250 2.1.5 queued as X1", "250 2.1.5 queued as X2", "250 2.1.5 queued as X3"],
], ids=repr)
def test_the_log_of_lmtp(rig, replies):
    """The reply is one by which somebody has it: there is the name by which to find it."""
    log = rig.program.folder / "log"
    rig.serve(**CLEAR, lmtp=True, settings={"log": "file", "log_file": log},
              steps={f"end{n}": reply for n, reply in enumerate(replies, 1)})
    rig.send(*to(*names(3)), input=MESSAGE)
    assert 'reply="250 2.1.5 queued as X1"' in log.read_text()


def test_lmtp_in_clear_needs_to_be_asked_for(rig):
    """protocol = lmtp is no less strict about TLS and AUTH."""
    server = rig.serve(lmtp=True, offer_starttls=False, auth_in_clear=True)
    failed(rig.send(*ENVELOPE, input=MESSAGE), 78, "STARTTLS")
    assert server.only.commands in ([b"LHLO client.example.org"],
                                    [b"LHLO client.example.org", b"QUIT"])


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_lmtp_with_tls_and_auth(rig, tls):
    server = rig.serve(tls=tls, lmtp=True)
    delivered(rig.send(*ENVELOPE, input=MESSAGE), server)
    assert server.only.user == "alice"


@pytest.mark.parametrize("how", [CLOSE, RESET])
def test_lmtp_lost_between_the_answers(rig, how):
    """The first one has it; of the second nobody knows."""
    rig.serve(**CLEAR, lmtp=True, steps={"end2": how})
    done = rig.send(*to(*names(2)), input=MESSAGE)
    failed(done, 75, "may have been delivered",
           "<user1@example.net> has the message all the same", lines=2)


def test_lmtp_421_between_the_answers(rig):
    """421 ends the session, not what the server has done for those whom it has not answered."""
    rig.serve(**CLEAR, lmtp=True, steps={"end2": ["421 4.3.2 bye", CLOSE]})
    failed(rig.send(*to(*names(3)), input=MESSAGE), 75, "421 4.3.2 bye; the message may have been",
           "<user1@example.net> has the message all the same", lines=2)


@pytest.mark.parametrize("options, account", [({"lmtp": True}, {"protocol": "smtp"}),
                                              ({"lmtp": False}, {"protocol": "lmtp"})])
def test_the_other_protocol(rig, options, account):
    server = rig.serve(**CLEAR, **options, account=account)
    failed(rig.send(*ENVELOPE, input=MESSAGE), 76, "500")
    assert not any(c.startswith(b"MAIL") for c in server.only.commands)


def test_lmtp_in_bs(rig):
    """One message, one answer: so there is one recipient, and the others are for later."""
    answers = times("250 ok", "550 5.1.1 full", "250 ok")
    server = rig.serve(**CLEAR, lmtp=True, steps={"end": answers})
    with rig.talk() as bs:
        bs.send(MESSAGE)
        bs.say("MAIL FROM:<a@example.org>", 250)
        bs.say("RCPT TO:<b@example.net>", 250)
        bs.say("RCPT TO:<c@example.net>", 452, "too many recipients")
        bs.say("DATA", 354)
        bs.finish(MESSAGE, 550, "full")
        bs.send(MESSAGE)
    assert [len(m.taken) for m in server.messages] == [1, 0, 1]


def test_smtp_at_a_unix_socket(rig):
    server = rig.server(Script(**CLEAR), address=rig.program.folder / "smtp")
    rig.configure(server)
    assert delivered(rig.send(*ENVELOPE, input=MESSAGE), server).data == wire(MESSAGE)


def test_no_unix_socket(rig):
    server = rig.server(Script(**CLEAR), address=rig.program.folder / "smtp")
    rig.configure(server, account={"host": rig.program.folder / "nobody"})
    failed(rig.send(*ENVELOPE, input=MESSAGE), 75, str(rig.program.folder / "nobody"))


# MT-PRIORITY, RFC 6710, and FUTURERELEASE, RFC 4865

def parameters(server):
    """Of the only MAIL, but SIZE and BODY."""
    [mail] = [c.decode() for c in server.only.commands if c.startswith(b"MAIL")]
    return [w for w in mail.split(" ")[2:] if not w.startswith(("SIZE=", "BODY="))]


@pytest.mark.parametrize("value", ["-9", "-1", "0", "3", "9"])
@pytest.mark.parametrize("caps", [
    EHLO, EHLO + ("MT-PRIORITY",), CHUNKING + ("MT-PRIORITY STANAG4406",)],
    ids=["not-offered", "offered", "profile"])
def test_priority(rig, value, caps):
    """A wish, not a demand."""
    server = rig.serve(caps=caps)
    delivered(rig.send("-O", f"mt-priority={value}", *ENVELOPE, input=MESSAGE), server)
    assert parameters(server) == ([] if caps == EHLO else [f"MT-PRIORITY={value}"])


@pytest.mark.parametrize("value", ["10", "-10", "x", "", "1 SIZE=1", "3.5", "--1"])
def test_priorities_that_are_none(rig, value):
    server = rig.serve(caps=EHLO + ("MT-PRIORITY",))
    failed(rig.send("-O", f"mt-priority={value}", *ENVELOPE, input=MESSAGE), 64, "-O")
    assert server.settle().connections == []


def hours(count):
    """A time so many hours from now, as RFC 3339 has it."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    return (now + datetime.timedelta(hours=count)).strftime("%Y-%m-%dT%H:%M:%SZ")


def future_release():
    return EHLO + (f"FUTURERELEASE 86400 {hours(24)}",)


@pytest.mark.parametrize("seconds", [1, 60, 86400])
def test_hold_for(rig, seconds):
    server = rig.serve(caps=future_release())
    delivered(rig.send("-O", f"holdfor={seconds}", *ENVELOPE, input=MESSAGE), server)
    assert parameters(server) == [f"HOLDFOR={seconds}"]


@pytest.mark.parametrize("caps", [EHLO, CHUNKING], ids=["data", "bdat"])
def test_hold_until(rig, caps):
    server, date = rig.serve(caps=caps + future_release()), hours(2)
    delivered(rig.send("-O", f"holduntil={date}", *ENVELOPE, input=MESSAGE), server)
    assert parameters(server) == [f"HOLDUNTIL={date}"]


@pytest.mark.parametrize("option, offered", [
    ("holdfor=60", False), ("holduntil=2", False), ("holdfor=86401", True), ("holduntil=48", True)])
def test_holds_that_cannot_be_had(rig, option, offered):
    if option.startswith("holduntil"):
        option = f"holduntil={hours(int(option.split('=')[1]))}"
    server = rig.serve(caps=future_release() if offered else EHLO)
    failed(rig.send("-O", option, *ENVELOPE, input=MESSAGE), 78, "hold")
    assert not any(c.startswith(b"MAIL") for c in server.only.commands)


@pytest.mark.parametrize("option", [
    "holdfor=", "holdfor=x", "holdfor=-1", "holdfor=1 SIZE=2", "holduntil=tomorrow", "holduntil=",
    "holduntil=2030-13-01T00:00:00Z", "holduntil=2030-02-30T00:00:00Z"])
def test_holds_that_are_none(rig, option):
    server = rig.serve(caps=future_release())
    failed(rig.send("-O", option, *ENVELOPE, input=MESSAGE), 64, "-O")
    assert server.settle().connections == []


def test_a_hold_holds_for_each_transaction(rig):
    server = rig.serve(caps=future_release() + ("LIMITS RCPTMAX=1", "MT-PRIORITY"))
    silent(rig.send("-O", "holdfor=60", "-O", "mt-priority=2", *to(*names(2)), input=MESSAGE))
    assert all(b"HOLDFOR=60" in m.sender and b"MT-PRIORITY=2" in m.sender for m in server.messages)
    assert len(server.messages) == 2


# the scripted server itself: what no client may do is seen

ENVELOPE_SAID = b"MAIL FROM:<>\r\nRCPT TO:<b@x>\r\n"


@pytest.mark.parametrize("caps, said, words", [
    ((), b"MAIL FROM:<> BODY=8BITMIME\r\n", "BODY was not offered"),
    ((), b"MAIL FROM:<\"> X=1\"@x> SIZE=1\r\n", "SIZE was not offered"),
    (("DSN",), b"MAIL FROM:<>\r\nRCPT TO:<b@x> NOTIFY=NEVER X=1\r\n", "X was not offered"),
    (("FUTURERELEASE 9",), b"MAIL FROM:<> HOLDFOR=5 MT-PRIORITY=3\r\n", "MT-PRIORITY was not"),
    ((), ENVELOPE_SAID + b"BDAT 2 LAST\r\n\r\n", "BDAT without CHUNKING"),
    (("CHUNKING",), ENVELOPE_SAID + b"BDAT 1\r\nxDATA\r\n", "DATA after BDAT"),
    (("CHUNKING",), ENVELOPE_SAID + b"BDAT 1 LAST\r\nx", "the last line has no end"),
    (("CHUNKING",), ENVELOPE_SAID + b"BDAT LAST\r\n", "no BDAT command"),
    (("CHUNKING", "SIZE"), b"MAIL FROM:<> SIZE=2\r\nRCPT TO:<b@x>\r\nBDAT 3 LAST\r\nx\r\n",
     "SIZE=2"),
    (("LIMITS RCPTMAX=1",), ENVELOPE_SAID + b"RCPT TO:<c@x>\r\n", "RCPT number 2"),
    (("LIMITS MAILMAX=1",), ENVELOPE_SAID + b"RSET\r\nMAIL FROM:<>\r\n", "MAIL number 2"),
    ((), b"MAIL FROM:<>\r\nMAIL FROM:<>\r\n", "MAIL inside a transaction"),
    (("CHUNKING",), ENVELOPE_SAID + b"BDAT 2\r\n\r\nBDAT 2 LAST\r\n\r\nQUIT\r\n", None),
])
def test_violations_are_seen(rig, caps, said, words):
    rig.unruly = True
    server = rig.server(**CLEAR, caps=("PIPELINING",) + caps)
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.recv(1000)
        client.sendall(b"EHLO x\r\n")
        client.recv(1000)
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1000):
            pass
    violations = server.settle().violations
    assert violations == [] if words is None else any(words in v for v in violations), violations


def test_talking_ahead_of_the_greeting_is_seen(rig):
    rig.unruly = True
    servers = [rig.server(**CLEAR, caps=caps, greet_after=1) for caps in (EHLO, ("PIPECONNECT",))]
    for server in servers:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"EHLO x\r\n")
            client.shutdown(socket.SHUT_WR)
            while client.recv(1000):
                pass
    assert [len(server.settle().violations) for server in servers] == [1, 0]
