"""sendmail -bs towards the caller: line ends, lengths, limits, and what ends a message."""

import signal

import pytest

from expect import HEADER, MESSAGE, has, untouched, wire
from smtpscript import EHLO

EIGHT_BIT = (b"MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\n"
             b"Content-Transfer-Encoding: 8bit\n")
QUIT_SEQUENCE = b"HELO x\nMAIL FROM:<a@example.org>\nRCPT TO:<b@example.net>\nDATA\n"


def run(rig, data, **options):
    """All of the input in one write, then its end; the replies as a list of codes."""
    done = rig.program.run("-bs", input=data, **options)
    assert done.status == 0 and done.stderr == b"", str(done)
    assert done.stdout.replace(b"\r\n", b"").count(b"\n") == 0
    return [int(line[:3]) for line in done.stdout.split(b"\r\n")[:-1]], done.stdout


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"], ids=["crlf", "lf"])
@pytest.mark.parametrize("data", [
    HEADER + b"\nhello\n", HEADER + b"\n.\n..\n.x\n\n", HEADER + b"\n", HEADER,
    HEADER + b"\n" + 3000 * b"a line of text\n", HEADER + b"\n" + 300 * (998 * b"x" + b"\n"),
    HEADER + EIGHT_BIT + b"\ncaf\xc3\xa9 \xff\n",
], ids=["text", "dots", "no-body", "header", "lines", "long-line", "8-bit"])
def test_both_line_ends(rig, eol, data):
    server = rig.serve()
    with rig.talk(eol=eol) as bs:
        bs.send(data)
        bs.send(MESSAGE)
    end = b"" if data != HEADER else b"\r\n"
    assert [m.data for m in server.messages] == [wire(data) + end, wire(MESSAGE)]


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"], ids=["crlf", "lf"])
def test_pipelined_in_one_write(rig, eol):
    server = rig.serve()
    message = b"MAIL FROM:<a@example.org>\nRCPT TO:<b@example.net>\nRCPT TO:<c@example.net>\n" \
        b"DATA\n" + HEADER + b"\nhello\n.\n"
    codes, _ = run(rig, (b"EHLO x\n" + 3 * message + b"QUIT\n").replace(b"\n", eol))
    assert [c for c in codes if c != 250] == [220, 354, 354, 354, 221]
    assert [(m.recipients, m.data) for m in server.only.messages] == \
        3 * [([b"b@example.net", b"c@example.net"], wire(MESSAGE))]


def test_pipelined_with_refusals(rig):
    server = rig.serve(steps={"rcpt1": "550 5.1.1 no"})
    codes, _ = run(rig, b"HELO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<x@example.net>\r\n"
                   b"DATA\r\nRSET\r\nNOOP\r\nQUIT\r\n")
    assert codes == [220, 250, 250, 550, 554, 250, 250, 221]
    assert server.messages == []


@pytest.mark.parametrize("until", range(1, 6))
def test_end_of_input_discards(rig, until):
    server = rig.serve()
    lines = (QUIT_SEQUENCE + HEADER).splitlines(keepends=True)
    run(rig, b"".join(lines[:until]))
    assert server.messages == []


@pytest.mark.parametrize("text", [
    b"", HEADER, MESSAGE, MESSAGE + b".", MESSAGE + b".\r", MESSAGE[:-1] + b"\r\n.",
    MESSAGE + b"..\n", MESSAGE + b". \n",
], ids=repr)
def test_end_of_input_before_the_dot(rig, text):
    server = rig.serve()
    codes, _ = run(rig, QUIT_SEQUENCE + text)
    assert codes == [220, 250, 250, 250, 354]
    assert server.messages == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("text", [b"", MESSAGE], ids=["data", "text"])
def test_a_signal_before_the_dot(rig, number, text):
    server = rig.serve()
    bs = rig.talk(eol=b"\n")
    bs.begin()
    bs.write(text)
    bs.process.send_signal(number)
    done = bs.close()
    assert (done.status, done.stdout, done.stderr) == (-number, b"", b""), str(done)
    assert server.messages == []


def test_end_of_input_is_status_0(rig):
    rig.serve()
    for data in (b"", b"HELO x\r\n", b"HEL", b"MAIL FROM:<a@example.org>\r\n", b"NONSENSE\n"):
        run(rig, data)


def test_a_caller_that_reads_nothing(rig):
    server = rig.serve()
    process = rig.program.start("-bs", stdout=open("/dev/full", "wb"))
    done = rig.program.finish(process, QUIT_SEQUENCE + MESSAGE + b".\nQUIT\n")
    assert done.stderr == b"", str(done)
    assert len(server.messages) <= 1


# Between "DATA" and "QUIT": does it end a message in a session of CRLF, of LF?
ENDINGS = {
    b"\r\n.\r\n": (True, True), b"\n.\n": (False, True),
    b"\r.\r\n": (False, False), b"\n.\r\n": (False, False), b"\r\n.\n": (False, False),
    b"\n.\r": (False, False), b"\r.\r": (False, False), b"\r.\n": (False, False),
    b"\r\n.\r": (False, False), b"\r\n.\r\r\n": (False, False), b"\r\r.\r\r\n": (False, False),
    b"\r\n\r.\r\n": (False, False), b"\r\n..\r\n": (False, False), b"\r\n.\x00\r\n": (False, False),
    b"\r\n .\r\n": (False, False), b"\r\n.\t\r\n": (False, False), b"\x0b.\x0b": (False, False),
    b"\xc2\x85.\xc2\x85": (False, False), b".\r\n": (False, False), b".\n": (False, False),
}
SMUGGLED = b"MAIL FROM:<eve@example.org>\nRCPT TO:<victim@example.net>\nDATA\n" \
    b"From: eve@example.org\n\nsmuggled\n"


@pytest.mark.parametrize("eol, which", [(b"\r\n", 0), (b"\n", 1)], ids=["crlf", "lf"])
@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_smuggling(rig, ending, eol, which):
    """What follows an ending that is none stays in the message, and cannot be one on the way."""
    server = rig.serve()
    # One CRLF in the text, and the session does not speak LF throughout.
    last = b"\r\n" if b"\r\n" in ending and not ENDINGS[ending][which] else eol
    data = (QUIT_SEQUENCE + HEADER + b"\nhello").replace(b"\n", eol) + ending + \
        SMUGGLED.replace(b"\n", eol) + b"\n.\nQUIT\n".replace(b"\n", last)
    run(rig, data)
    senders = [m.sender.split(b">")[0] for m in server.messages]
    if ENDINGS[ending][which]:
        assert senders == [b"<a@example.org", b"<eve@example.org"]
    elif b"\0" in ending:
        assert senders == []
    else:
        assert senders == [b"<a@example.org"]
        assert b"smuggled" in server.messages[0].data
        assert server.messages[0].recipients == [b"b@example.net"]
    assert server.violations == []


def test_lf_commands_and_a_text_of_crlf(rig):
    """Whoever writes CRLF in the text has to end it so; LF.LF in it is text."""
    server = rig.serve()
    run(rig, QUIT_SEQUENCE + HEADER + b"\r\nhello\r\ntext\n.\n" + SMUGGLED + b"\r\n.\r\nQUIT\n")
    [message] = server.messages
    assert message.recipients == [b"b@example.net"] and b"smuggled" in message.data


def test_a_session_is_lf_or_not_from_its_commands(rig):
    """One CRLF before DATA, and LF.LF is text."""
    server = rig.serve()
    data = QUIT_SEQUENCE.replace(b"HELO x\n", b"HELO x\r\n") + HEADER + b"\nhello\n.\nmore\n\r\n.\r\n"
    run(rig, data)
    [message] = server.messages
    assert b"\r\nmore\r\n" in message.data


@pytest.mark.parametrize("size, code", [(4096, 250), (10000, 250), (60000, 250), (70000, 500),
                                        (1000000, 500)])
def test_long_command_lines(rig, size, code):
    rig.serve()
    with rig.talk() as bs:
        bs.say("NOOP " + size * "x", code)
        bs.say("NOOP", 250)


def test_a_long_line_is_no_command_from_its_middle(rig):
    rig.serve()
    with rig.talk() as bs:
        bs.say("NOOP " + 65536 * "x" + 65536 * "QUIT ", 500)
        bs.say("NOOP", 250)


@pytest.mark.parametrize("line", [b"NOOP \0\r\n", b"MAIL FROM:<a@example.org\0>\r\n", b"\x01\r\n",
                                  b"MAIL FROM:<a@b>\rRCPT TO:<c@d>\r\n", b"\x7f\r\n", b"NO\rOP\r\n"])
def test_control_characters_in_commands(rig, line):
    rig.serve()
    with rig.talk() as bs:
        assert bs.say(line).code in (500, 501)
        bs.say("NOOP", 250)


@pytest.mark.parametrize("line, code", [
    ("MAIL FROM:<a@example.org>", 250), ("mail from:<a@example.org>", 250),
    ("MAIL FROM: <a@example.org>", 250), ("MAIL FROM:a@example.org", 250), ("MAIL FROM:<>", 250),
    ("MAIL FROM:<a@example.org> ", 250), ("MAIL FROM:<a@example.org>  BODY=7BIT", 250),
    ("MAIL", 501), ("MAIL FROM:", 501), ("MAIL <a@example.org>", 501), ("MAIL FROM:<a@", 501),
    ("MAIL FROM:<a@>", 501), ("MAIL FROM:<a b@c>", 501), ("MAIL FROM:<a@b> <c@d>", 501),
    ("MAIL FROM:<a@b>,<c@d>", 501), ("MAIL FROM:<a@b>\u00e4", 501),
    ("MAILFROM:<a@example.org>", 500), ("RCPT TO:<a@example.org>", 503), ("DATA", 503),
    ("BDAT 1 LAST", 500), ("STARTTLS", 500), ("AUTH PLAIN x", 500), ("", 500), (" NOOP", 500),
    ("X" * 200, 500),
])
def test_commands(rig, line, code):
    rig.serve()
    with rig.talk() as bs:
        bs.say(line, code)
        bs.say("RSET", 250)


@pytest.mark.parametrize("line", [
    "RCPT TO:<>", "RCPT TO:<b@>", "RCPT TO:<b@example.net, c@example.net>", "RCPT TO:<b c@d>",
    "RCPT TO:<b@example.net>> ", "RCPT TO:", "RCPT TO:<\"b@c>", "RCPT FROM:<b@c>",
    "RCPT TO:<b@example.net>\u00e4", "RCPT TO:<\u00e4@example.net>", "RCPT TO:<b@[1.2.3.4>]>",
])
def test_recipients_that_are_none(rig, line):
    server = rig.serve()
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        assert bs.say(line).code // 100 == 5
        bs.say("DATA", 554)
    assert not any(c.startswith(b"RCPT") for c in server.only.commands)


def test_order_of_commands(rig):
    rig.serve()
    with rig.talk(hello=None) as bs:
        bs.say("MAIL FROM:<a@example.org>", 503)
        bs.say("HELO x", 250)
        bs.say("MAIL FROM:<a@example.org>", 250)
        bs.say("MAIL FROM:<b@example.org>", 503)
        bs.say("DATA", 554)
        bs.say("HELO x", 250)
        bs.say("RCPT TO:<b@example.net>", 503)


def test_ehlo_offers(rig):
    rig.serve()
    with rig.talk(hello=None) as bs:
        lines = bs.say("EHLO x", 250).lines
    offered = {line.split(" ")[0] for line in lines[1:]}
    assert {"PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN"} <= offered
    assert not offered & {"STARTTLS", "AUTH", "CHUNKING", "BINARYMIME", "REQUIRETLS"}


def test_too_many_bad_commands(rig):
    rig.serve()
    bs = rig.talk()
    seen = []
    while not seen or seen[-1] != 421:
        seen.append(bs.say("NONSENSE").code)
        assert len(seen) < 100
    assert set(seen[:-1]) == {500} and len(seen) > 5
    done = bs.close()
    assert (done.status, done.stdout, done.stderr) == (0, b"", b""), str(done)


def test_bad_commands_among_good_ones(rig):
    rig.serve()
    with rig.talk() as bs:
        for _ in range(60):
            bs.say("NONSENSE", 500)
            bs.say("NOOP", 250)


def test_ten_thousand_recipients(rig):
    server = rig.serve()
    many = 10000
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        for n in range(many):
            bs.say(f"RCPT TO:<r{n}@example.net>", 250)
        bs.say("RCPT TO:<more@example.net>", 452)
        bs.say("DATA", 354)
        bs.finish(MESSAGE)
        bs.send(MESSAGE)
    assert [len(m.recipients) for m in server.messages] == [many, 1]


BAD_MESSAGES = {
    "header-ceiling": b"X: " + 1100 * 1000 * b"x" + b"\n\nhello\n",
    "many-fields": 70000 * b"X-Field: value\n" + b"X: y\n\nhello\n",
    "nul-in-header": b"Subject: a\0b\n\nhello\n",
    "nul-in-body": HEADER + b"\nhel\0lo\n",
    "no-author": b"From: nobody@\nSubject: x\n\nhello\n",
    "loop": 101 * b"Received: by x; Thu, 1 Jan 2026 00:00:00 +0000\n" + MESSAGE,
}


@pytest.mark.parametrize("text", BAD_MESSAGES)
def test_messages_that_cannot_be_sent(rig, text):
    """Read to their end, refused for good; the session goes on, upstream too."""
    server = rig.serve()
    with rig.talk() as bs:
        bs.begin()
        reply = bs.finish(BAD_MESSAGES[text], 554)
        assert reply.text != "" and "mailchute" not in reply.text
        bs.send(MESSAGE)
    assert [m.data for m in server.only.messages] == [wire(MESSAGE)]


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"], ids=["crlf", "lf"])
def test_what_becomes_of_bare_line_ends(rig, eol):
    """Whatever was typed, on the wire a line ends in CRLF, and a CR elsewhere is a blank."""
    server = rig.serve()
    with rig.talk(eol=eol) as bs:
        bs.begin()
        bs.say(HEADER.replace(b"\n", eol) + eol + b"a\rb\r\rc\nd\r\r\ne" + b"\r\n.\r\n", 250)
    assert server.messages[0].data == wire(HEADER + b"\na b  c\nd \ne\n")


def test_a_large_message(rig):
    """Over what is kept in memory; nothing is left behind, see the fixture."""
    server = rig.serve()
    text = MESSAGE + 200000 * b".the quick brown fox\n"
    with rig.talk() as bs:
        bs.send(text)
        bs.begin()
        bs.write(wire(text[:3000000]))
        assert bs.close().status == 0
    assert [m.data for m in server.messages] == [wire(text)]


def test_bcc_and_return_path(rig):
    server = rig.serve()
    with rig.talk() as bs:
        bs.send(b"Return-Path: <x@y>\nBcc: z@example.net\n" + MESSAGE)
    assert not has(server.messages[0].data, "Bcc") and not has(server.messages[0].data,
                                                               "Return-Path")


def test_nothing_sent_without_a_dot_by_quit(rig):
    server = rig.serve()
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        bs.say("RCPT TO:<b@example.net>", 250)
    assert server.messages == []


def test_arguments_are_no_recipients(rig):
    server = rig.serve()
    with rig.talk("-i", "-t", "x@example.net", "-f", "y@example.org") as bs:
        bs.send(MESSAGE)
    [message] = server.messages
    assert (message.sender.split(b" ")[0], message.recipients) == (b"<a@example.org>",
                                                                   [b"b@example.net"])


def test_offers_are_not_needed(rig):
    server = rig.serve(caps=tuple(c for c in EHLO if c != "PIPELINING"))
    codes, _ = run(rig, QUIT_SEQUENCE + MESSAGE + b".\nQUIT\n")
    assert codes == [220, 250, 250, 250, 354, 250, 221]
    assert len(server.messages) == 1


def test_no_network_without_mail(rig):
    server = rig.serve()
    run(rig, b"HELO x\nVRFY root\nEXPN root\nRCPT TO:<b@example.net>\nDATA\nQUIT\n")
    untouched(server)
