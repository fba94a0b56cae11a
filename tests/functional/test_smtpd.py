"""sendmail -bs towards the smart host: what is asked, what is answered, when it goes wrong."""

import pytest

import dkimverify
from conftest import PASSWORD
from dkimverify import Key
from expect import HEADER, MESSAGE, field, has, untouched, wire
from smtpscript import CLOSE, CUT, EHLO, RESET, Script, times

QUEUED = times("250 2.0.0 Ok: queued as ABC123", "250 2.0.0 Ok: queued as DEF456")
WITH_DSN = EHLO + ("DSN",)


def test_symfony(rig):
    """The dialogue of its SendmailTransport, byte for byte."""
    server = rig.serve(steps={"end": "250 2.0.0 Ok: queued as 4BXyz0"})
    bs = rig.talk(hello=None)
    assert str(bs.greeting).startswith("220 ")
    assert bs.say("HELO [127.0.0.1]", 250).lines[0] != "2.0.0"
    assert str(bs.say("MAIL FROM:<a@example.org>")).startswith("250 ")
    assert str(bs.say("RCPT TO:<b@example.net>")).startswith("250 ")
    assert str(bs.say("DATA")).startswith("354 ")
    bs.write(wire(HEADER) + b"\r\nhello\r\n..dot\r\n")
    assert str(bs.say(b"\r\n.\r\n")) == "250 Ok: queued as 4BXyz0"
    assert bs.say("QUIT").code == 221
    done = bs.close()
    assert (done.status, done.stdout, done.stderr) == (0, b"", b"")
    [message] = server.messages
    assert message.data == wire(HEADER) + b"\r\nhello\r\n.dot\r\n\r\n"


def test_symfony_after_an_error(rig):
    server = rig.serve(steps={"rcpt": times("550 5.1.1 nobody here", "250 2.1.5 ok"),
                              "end": "250 Ok: queued as X"})
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        bs.say("RCPT TO:<nobody@example.net>", 550)
        bs.say("RSET", 250)
        bs.say("NOOP", 250)
        assert str(bs.send(MESSAGE)) == "250 Ok: queued as X"
    assert [m.recipients for m in server.messages] == [[b"b@example.net"]]
    assert len(server.connections) == 1


def codes(replies):
    """The enhanced status codes in front of replies' texts, "" where there is none."""
    words = [r.text.split(" ")[0] for r in replies]
    return [w if w.count(".") == 2 and w[0].isdigit() else "" for w in words]


@pytest.mark.parametrize("hello, expected", [
    ("HELO x", [""] * 7), ("EHLO x", ["2.1.0", "2.1.5", "", "2.0.0", "2.0.0", "2.0.0", "5.5.1"]),
])
def test_enhanced_codes_are_for_ehlo(rig, hello, expected):
    rig.serve()
    with rig.talk(hello=hello) as bs:
        replies = [bs.say("MAIL FROM:<a@example.org>", 250), bs.say("RCPT TO:<b@example.net>", 250),
                   bs.say("DATA", 354), bs.finish(MESSAGE), bs.say("RSET", 250),
                   bs.say("NOOP", 250), bs.say("NONSENSE", 500)]
    assert codes(replies) == expected


@pytest.mark.parametrize("hello", ["HELO x", "EHLO x"])
@pytest.mark.parametrize("reply, code, words", [
    ("550 5.1.1 nobody here", 550, "nobody here"),
    ("550 nobody here", 550, "nobody here"),
    ("450 4.2.0 greylisted, come back", 450, "greylisted, come back"),
    ("452 4.2.2 over quota", 452, "over quota"),
    ("553-5.1.3 two\n553 5.1.3 lines", 553, "lines"),
    ("551 5.1.6 moved", 551, "moved"),
])
def test_a_refused_recipient_in_the_host_s_own_words(rig, hello, reply, code, words):
    server = rig.serve(steps={"rcpt1": reply})
    with rig.talk(hello=hello) as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        refusal = bs.say("RCPT TO:<x@example.net>", code, words)
        enhanced = reply[4:9] if reply[4] in "45" else ""
        assert codes([refusal]) == [enhanced if hello.startswith("EHLO") else ""]
        bs.say("RCPT TO:<b@example.net>", 250)
        bs.say("DATA", 354)
        bs.finish(MESSAGE)
    assert [m.recipients for m in server.messages] == [[b"b@example.net"]]


@pytest.mark.parametrize("step, reply, code", [
    ("mail", "550 5.7.1 not you", 550), ("mail", "451 4.3.0 later", 451),
    ("data", "554 5.5.0 no thanks", 554), ("data", "450 4.0.0 later", 450),
    ("end", "550 5.7.1 spam", 550), ("end", "452 4.3.1 disk full", 452),
    ("end", "552 5.3.4 too big", 552),
])
def test_refusals_elsewhere(rig, step, reply, code):
    server = rig.serve(steps={step: times(reply, "354 go on" if step == "data" else "250 ok")})
    with rig.talk() as bs:
        answer = bs.say("MAIL FROM:<a@example.org>")
        if step != "mail":
            bs.say("RCPT TO:<b@example.net>", 250)
            bs.say("DATA", 354)
            answer = bs.finish(MESSAGE, None)
        assert answer.code == code and reply[10:] in answer.text
        bs.send(MESSAGE)
    assert [m.accepted for m in server.messages].count(True) == 1
    assert len(server.connections) == 1


def test_nothing_of_the_network_before_mail(rig):
    """No server, no configuration that could be read: greeting, HELO and the rest are at once."""
    server = rig.serve()
    with rig.talk(hello=None) as bs:
        for command, code in (("HELO x", 250), ("NOOP", 250), ("VRFY root", 252), ("HELP", 214),
                              ("EHLO x", 250), ("RSET", 250)):
            bs.say(command, code)
    untouched(server)


def test_greeting_without_a_configuration(rig):
    rig.program.configure("nonsense")
    with rig.talk() as bs:
        bs.say("NOOP", 250)


@pytest.mark.parametrize("text, words", [(None, "sendmail.conf"), ("nonsense = 1\n", "nonsense"),
                                         ("", "account")])
def test_missing_configuration_is_451(rig, text, words):
    if text is not None:
        rig.program.configure(text)
    with rig.talk() as bs:
        for _ in range(2):
            bs.say("MAIL FROM:<a@example.org>", 451, words)
            bs.say("RCPT TO:<b@example.net>", 503)
    server = rig.serve()
    with rig.talk() as bs:
        bs.send(MESSAGE)
    assert len(server.messages) == 1


def test_configuration_that_comes_later(rig):
    """A worker that lives long need not be restarted once the file is mended."""
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 451)
        server = rig.serve()
        bs.send(MESSAGE)
    assert len(server.messages) == 1


def test_a_hundred_messages_share_a_connection(rig):
    server = rig.serve()
    with rig.talk() as bs:
        for n in range(100):
            bs.send(MESSAGE.replace(b"hello", b"%d" % n))
    assert [m.data for m in server.only.messages] == [
        wire(MESSAGE.replace(b"hello", b"%d" % n)) for n in range(100)]
    assert server.only.commands[-1] == b"QUIT"
    assert sum(c.startswith((b"AUTH", b"STARTTLS")) for c in server.only.commands) == 2


def test_the_queue_id_of_each_message(rig):
    rig.serve(steps={"end": times("250 2.0.0 Ok: queued as ABC123", "250 Ok: queued as DEF456")})
    with rig.talk(hello="EHLO x") as bs:
        assert str(bs.send(MESSAGE)) == "250 2.0.0 Ok: queued as ABC123"
        assert str(bs.send(MESSAGE)) == "250 2.0.0 Ok: queued as DEF456"


@pytest.mark.parametrize("limit, expected", [(1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (5, [5])])
def test_as_many_messages_as_a_session_may_have(rig, limit, expected):
    """LIMITS, RFC 9422: our client knows nothing of it, so the next session is a new one."""
    server = rig.serve(caps=EHLO + (f"LIMITS MAILMAX={limit}",))
    with rig.talk() as bs:
        for _ in range(5):
            bs.send(MESSAGE)
    assert [len(c.messages) for c in server.settle().connections] == expected
    assert all(c.commands[-1] == b"QUIT" for c in server.connections)


def test_refused_mails_count_for_the_session_too(rig):
    server = rig.serve(caps=EHLO + ("LIMITS MAILMAX=2",),
                       steps={"mail": times("550 5.7.1 not you", "250 ok")})
    with rig.talk() as bs:
        bs.say("MAIL FROM:<x@example.org>", 550)
        bs.send(MESSAGE)
        bs.send(MESSAGE)
    assert [len(c.messages) for c in server.settle().connections] == [1, 1]


@pytest.mark.parametrize("after", ["mail", "rcpt"])
def test_rset_reaches_the_smart_host(rig, after):
    server = rig.serve()
    with rig.talk() as bs:
        bs.say("MAIL FROM:<x@example.org>", 250)
        if after == "rcpt":
            bs.say("RCPT TO:<x@example.net>", 250)
        bs.say("RSET", 250)
        bs.send(MESSAGE)
    assert b"RSET" in server.only.commands
    assert [m.recipients for m in server.messages] == [[b"b@example.net"]]


@pytest.mark.parametrize("ending", [CLOSE, CUT, RESET])
def test_a_session_that_ends_between_two_messages(rig, ending):
    """The first connection dies once its message is in; nobody notices."""
    server = rig.server(Script(steps={"end": ["250 2.0.0 Ok: queued as 1", ending]}), Script())
    rig.configure(server)
    with rig.talk() as bs:
        bs.send(MESSAGE)
        server.wait_for_sessions(1) if ending == RESET else None
        bs.send(MESSAGE)
        bs.send(MESSAGE)
    assert [len(c.messages) for c in server.connections] == [1, 2]


def test_a_session_that_is_ended_with_421(rig):
    server = rig.server(Script(steps={"mail": times("250 ok", ["421 4.4.2 idle", CLOSE])}),
                        Script())
    rig.configure(server)
    with rig.talk() as bs:
        bs.send(MESSAGE)
        bs.send(MESSAGE)
    assert [len(c.messages) for c in server.connections] == [1, 1]


@pytest.mark.parametrize("step, ending, before", [
    ("mail", CLOSE, "MAIL"), ("mail", RESET, "MAIL"), ("mail", "421 4.3.2 shutting down", "MAIL"),
    ("rcpt", CLOSE, "RCPT"), ("rcpt", "421 4.3.2 shutting down", "RCPT"), ("rcpt", b"\0\r\n", "RCPT"),
    ("data", CLOSE, "."), ("end", CLOSE, "."), ("end", RESET, "."),
    ("end", "421 4.3.2 shutting down", "."), ("body", CLOSE, "."),
])
def test_a_session_that_breaks(rig, step, ending, before):
    """4yz at the command that noticed; the session goes on and the next message gets through."""
    rig.unruly = True
    server = rig.server(Script(steps={step: ending}), Script())
    rig.configure(server)
    with rig.talk() as bs:
        reply = bs.say("MAIL FROM:<a@example.org>", 451 if before == "MAIL" else 250)
        if before != "MAIL":
            reply = bs.say("RCPT TO:<b@example.net>", 451 if before == "RCPT" else 250)
        if before == ".":
            bs.say("DATA", 354)
            reply = bs.finish(MESSAGE, 451)
        assert "localhost" in reply.text
        bs.say("RSET", 250)
        bs.send(MESSAGE)
    server.settle()
    assert [m.accepted for m in server.connections[-1].messages] == [True]
    assert len(server.connections) == 2


@pytest.mark.parametrize("script, code, words", [
    ({"greeting": "554 5.3.2 closed"}, 554, "closed"),
    ({"greeting": "421 4.3.2 busy"}, 451, "busy"),
    ({"greeting": CLOSE}, 451, "connection"),
    ({"greeting": "hello"}, 451, "hello"),
    ({"ehlo2": "550 5.0.0 not you", "helo": "550 not you"}, 554, "not you"),
    ({"starttls": "454 4.7.0 no TLS today"}, 451, "no TLS today"),
    ({"auth": "535 5.7.8 who are you"}, 554, "who are you"),
    ({"auth": "454 4.7.0 busy"}, 451, "busy"),
])
def test_a_host_that_does_not_let_us_in(rig, script, code, words):
    server = rig.server(Script(steps=script), Script())
    rig.configure(server)
    with rig.talk() as bs:
        reply = bs.say("MAIL FROM:<a@example.org>", code, words)
        assert "localhost" in reply.text and PASSWORD not in reply.text
        bs.say("RCPT TO:<b@example.net>", 503)
        bs.send(MESSAGE)
    assert [len(c.messages) for c in server.connections] == [0, 1]


def test_a_host_that_is_down(rig):
    server = rig.serve()
    server.stop()
    with rig.talk() as bs:
        for _ in range(3):
            bs.say("MAIL FROM:<a@example.org>", 451, "localhost")


def test_a_certificate_that_is_not_trusted(rig):
    rig.serve(account={"tls_ca_file": None})
    with rig.talk() as bs:
        reply = bs.say("MAIL FROM:<a@example.org>")
        assert reply.code // 100 in (4, 5) and "certificate" in reply.text
    assert rig.servers[0].messages == []


@pytest.mark.parametrize("hello", ["HELO x", "EHLO x"])
@pytest.mark.parametrize("caps, parameters", [
    (EHLO, b"BODY=8BITMIME"), (("PIPELINING",), b""),
])
def test_8bitmime_whenever_it_is_offered(rig, hello, caps, parameters):
    server = rig.serve(caps=caps)
    with rig.talk(hello=hello) as bs:
        bs.send(MESSAGE)
    assert server.messages[0].sender.split(b">")[1].strip() == parameters


@pytest.mark.parametrize("hello", ["HELO x", "EHLO x"])
@pytest.mark.parametrize("caps, mail, rcpt", [
    (WITH_DSN, b" RET=HDRS ENVID=QQ1+2B", b" NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By@z"),
    (EHLO, b"", b""),
])
def test_dsn_parameters(rig, hello, caps, mail, rcpt):
    server = rig.serve(caps=caps)
    with rig.talk(hello=hello) as bs:
        bs.say("MAIL FROM:<a@example.org> RET=HDRS ENVID=QQ1+2B", 250)
        bs.say("RCPT TO:<b@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By@z", 250)
        bs.say("DATA", 354)
        bs.finish(MESSAGE)
        bs.send(MESSAGE)
    asked = [c for c in server.only.commands if c.startswith((b"MAIL", b"RCPT"))]
    assert asked == [b"MAIL FROM:<a@example.org> BODY=8BITMIME" + mail,
                     b"RCPT TO:<b@example.net>" + rcpt,
                     b"MAIL FROM:<a@example.org> BODY=8BITMIME", b"RCPT TO:<b@example.net>"]


@pytest.mark.parametrize("command, code", [
    ("MAIL FROM:<a@example.org> RET=ALL", 5), ("MAIL FROM:<a@example.org> BODY=BINARYMIME", 5),
    ("MAIL FROM:<a@example.org> SIZE=x", 5), ("MAIL FROM:<a@example.org> SIZE=-1", 5),
    ("MAIL FROM:<a@example.org> NOSUCH=1", 5), ("MAIL FROM:<a@example.org> ENVID=", 5),
    ("MAIL FROM:<a@example.org> SIZE=99999999999", 5),
])
def test_bad_parameters(rig, command, code):
    server = rig.serve(caps=WITH_DSN)
    with rig.talk(hello="EHLO x") as bs:
        assert bs.say(command).code // 100 == code
        bs.send(MESSAGE)
    assert len(server.messages) == 1


@pytest.mark.parametrize("parameter", ["NOTIFY=NEVER,FAILURE", "NOTIFY=ALWAYS", "NOTIFY=",
                                       "NOSUCH=1", "ORCPT="])
def test_bad_parameters_of_rcpt(rig, parameter):
    server = rig.serve(caps=WITH_DSN)
    with rig.talk(hello="EHLO x") as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        assert bs.say(f"RCPT TO:<b@example.net> {parameter}").code // 100 == 5
    assert not any(c.startswith(b"RCPT") for c in server.only.commands)


def test_the_size_the_client_tells(rig):
    server = rig.serve(caps=("SIZE 5000", "PIPELINING"))
    with rig.talk(hello="EHLO x") as bs:
        reply = bs.say("MAIL FROM:<a@example.org> SIZE=5001")
        assert reply.code // 100 == 5 and "5000" in reply.text
        bs.say("MAIL FROM:<a@example.org> SIZE=5000", 250)
        bs.say("RCPT TO:<b@example.net>", 250)
        bs.say("DATA", 354)
        bs.finish(MESSAGE)
        bs.begin()
        bs.finish(HEADER + b"\n" + 6000 * b"x", 552, "5000")
        bs.send(MESSAGE)
    assert len(server.messages) == 2


@pytest.mark.parametrize("line, code", [
    ("MAIL FROM:<a@example.org> ENVID=" + 4200 * "x", 555),
    ("MAIL FROM:<a@example.org> ENVID=+zz", 555),
    ("MAIL FROM:<a@example.org> RET=SOME", 555),
])
def test_a_parameter_is_right_or_refused(rig, line, code):
    """What does not fit must not push out what was demanded (-O requiretls=yes)."""
    server = rig.serve(caps=("DSN", "REQUIRETLS"))
    with rig.talk("-O", "requiretls=yes", hello="EHLO x") as bs:
        bs.say(line, code)
        bs.say("MAIL FROM:<a@example.org> ENVID=" + 100 * "x", 250)
        bs.say("RCPT TO:<b@example.net> ORCPT=rfc822;" + 500 * "y", 501)
        bs.say("RCPT TO:<b@example.net> NOTIFY=ALWAYS", 501)
    [mail] = [c for c in server.only.commands if c.startswith(b"MAIL")]
    assert mail.endswith(b" REQUIRETLS")


@pytest.mark.parametrize("recipient", ["b@example.net,c@example.net", "g:b@example.net;", "<b@x>,<c@x>"])
def test_one_recipient_a_command(rig, recipient):
    server = rig.serve()
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        assert bs.say(f"RCPT TO:{recipient}").code // 100 == 5
    assert [c for c in server.only.commands if c.startswith(b"RCPT")] == []


@pytest.mark.parametrize("end", ["RSET", "QUIT"])
def test_a_refused_message_is_logged(rig, end):
    """The usual end of a refusal: RCPT fails, and the client gives the message up."""
    log = rig.program.folder / "log"
    rig.serve(settings={"log": "file", "log_file": log}, steps={"rcpt": "550 5.1.1 nobody"})
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        bs.say("RCPT TO:<b@example.net>", 550)
        if end == "RSET":
            bs.say("RSET", 250)
    [line] = log.read_text().splitlines()
    assert "550 5.1.1 nobody" in line and "status=67" in line


def test_status_0_when_nobody_listens_any_more(rig):
    rig.serve()
    done = rig.program.shell('(printf "QUIT\\r\\n") | ("$@" >&3; echo $?) 3>/dev/full', "-bs")
    assert done.stdout == b"0\n" and done.stderr == b"", str(done)


def test_verbose_has_no_effect(rig):
    rig.serve(steps={"end": "250 Ok: queued as X"})
    with rig.talk("-v", "-i") as bs:
        assert str(bs.send(MESSAGE)) == "250 Ok: queued as X"


def test_the_mill(rig):
    """What every message passes: header made whole, Bcc gone, signed."""
    key = Key("example.org", "s1")
    path = rig.program.file("s1.key", key.pem)
    server = rig.serve(dkim={"example.org": {"selector": "s1", "key_file": path}})
    with rig.talk() as bs:
        for n in range(3):
            bs.send(b"From: a@example.org\nBcc: x@example.net\nSubject: %d\nTo: b\n\nhi\n" % n)
    assert len(server.messages) == 3
    for n, message in enumerate(server.messages):
        assert dkimverify.dkimpy(message.data, key)
        assert not has(message.data, "Bcc") and has(message.data, "Date")
        assert has(message.data, "Message-ID") and field(message.data, "Subject") == str(n)
        assert field(message.data, "To") == "b@client.example.org"


def test_account_by_sender(rig):
    one, two = rig.server(), rig.server()
    rig.program.configure(settings={"hostname": "client.example.org", "log": "off"}, accounts={
        "default": rig.account(one), "work": rig.account(two, senders=["*@work.example.org"])})
    with rig.talk() as bs:
        for sender in ("a@example.org", "x@WORK.example.org", "", "y@work.example.org",
                       "z@work.example.org", "a@example.org"):
            bs.send(MESSAGE, sender)
    assert [m.sender.split(b">")[0] for m in one.messages] == [b"<a@example.org", b"<",
                                                               b"<a@example.org"]
    assert [m.sender.split(b">")[0] for m in two.messages] == [
        b"<x@WORK.example.org", b"<y@work.example.org", b"<z@work.example.org"]
    assert [len(c.messages) for c in two.connections] == [1, 2]


def test_account_by_option(rig):
    one, two = rig.server(), rig.server()
    rig.program.configure(settings={"hostname": "client.example.org", "log": "off"}, accounts={
        "default": rig.account(one), "work": rig.account(two)})
    with rig.talk("--account", "work", name="mailchute") as bs:
        bs.send(MESSAGE)
    assert (len(one.messages), len(two.messages)) == (0, 1)


@pytest.fixture
def team(rig):
    rig.program.file("aliases", "team: x@example.net, y@example.net, z@example.net\nloop: loop2\n"
                     "loop2: loop\npipe: |/bin/cat\n")
    return {"aliases": rig.program.folder / "aliases"}


@pytest.mark.parametrize("replies, code, accepted", [
    (("250 ok", "250 ok", "250 ok"), 250, [b"x", b"y", b"z"]),
    (("250 ok", "550 5.1.1 no y", "450 4.2.1 no z"), 550, [b"x"]),
    (("450 4.2.1 no x", "550 5.1.1 no y", "250 ok"), 450, [b"z"]),
    (("550 5.1.1 no x", "450 4.2.1 no y", "450 4.2.1 no z"), 550, []),
])
def test_an_alias_for_several(rig, team, replies, code, accepted):
    """Everybody is asked; the answer is the first refusal."""
    server = rig.serve(settings=team, steps={f"rcpt{n + 1}": r for n, r in enumerate(replies)})
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        reply = bs.say("RCPT TO:<team>", code)
        if code != 250:
            assert " no " in " " + reply.text
    asked = [c for c in server.only.commands if c.startswith(b"RCPT")]
    assert len(asked) == 3
    assert [r.split(b"@")[0] for r in server.only.recipients] == accepted


@pytest.mark.parametrize("recipient, words", [("loop", "loop"), ("pipe", "program")])
def test_an_alias_that_leads_nowhere(rig, team, recipient, words):
    server = rig.serve(settings=team)
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        bs.say(f"RCPT TO:<{recipient}>", 451, words)
        bs.say("RCPT TO:<team>", 250)
        bs.say("DATA", 354)
        bs.finish(MESSAGE)
    assert [m.recipients for m in server.messages] == [[b"x@example.net", b"y@example.net",
                                                        b"z@example.net"]]


def test_bare_and_repeated_recipients(rig):
    server = rig.serve(settings={"domain": "example.com"})
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        for recipient in ("<root>", "<ROOT>", "<b@example.net>", "<b@EXAMPLE.net>", "c@example.net"):
            bs.say(f"RCPT TO:{recipient}", 250)
        bs.say("DATA", 354)
        bs.finish(MESSAGE)
    assert server.messages[0].recipients == [b"root@example.com", b"ROOT@example.com",
                                             b"b@example.net", b"c@example.net"]
