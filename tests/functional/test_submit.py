"""The main job when all goes well: what is said on the wire, byte for byte."""

import base64

import pytest

from expect import ENVELOPE, HEADER, MESSAGE, body_of, delivered, silent, wire
from smtpscript import EHLO, times

PLAIN = base64.b64encode(b"\0alice\0secret")
USER, PASSWORD = base64.b64encode(b"alice"), base64.b64encode(b"secret")
GREET = [b"EHLO client.example.org"]
SESSION = [b"MAIL FROM:<a@example.org> SIZE=%d" % len(wire(MESSAGE)),
           b"RCPT TO:<b@example.net>", b"DATA", b"QUIT"]
NO_AUTH = {"user": None, "password": None}


def flat(commands):
    """One string, so that LOGIN's user name counts the same in its command and behind it."""
    return b" ".join(commands)


@pytest.mark.parametrize("caps", [EHLO, EHLO[1:]], ids=["pipelining", "step-by-step"])
@pytest.mark.parametrize("tls, auth, account, greeting", [
    ("starttls", "PLAIN LOGIN", {}, GREET + [b"STARTTLS"] + GREET + [b"AUTH PLAIN " + PLAIN]),
    ("starttls", "LOGIN", {}, GREET + [b"STARTTLS"] + GREET + [b"AUTH LOGIN", USER, PASSWORD]),
    ("starttls", "CRAM-X LOGIN PLAIN", {"auth": ["LOGIN"]},
     GREET + [b"STARTTLS"] + GREET + [b"AUTH LOGIN", USER, PASSWORD]),
    ("starttls", "", {}, GREET + [b"STARTTLS"] + GREET),
    ("starttls", "PLAIN", {**NO_AUTH, "need_auth": False}, GREET + [b"STARTTLS"] + GREET),
    ("implicit", "PLAIN LOGIN", {}, GREET + [b"AUTH PLAIN " + PLAIN]),
    ("implicit", "LOGIN", {}, GREET + [b"AUTH LOGIN", USER, PASSWORD]),
    ("implicit", "", {}, GREET),
    ("off", "", {}, GREET),
], ids=lambda v: v if isinstance(v, str) else "")
def test_commands(rig, tls, auth, account, greeting, caps):
    account = dict(account)
    need_auth = account.pop("need_auth", True)
    server = rig.serve(tls=tls, auth=auth, caps=caps, need_auth=need_auth, account=account)
    message = delivered(rig.send(*ENVELOPE, input=MESSAGE), server)
    assert flat(server.only.commands) == flat(greeting + SESSION)
    assert message.data == wire(MESSAGE)
    assert message.recipients == [b"b@example.net"]


def test_no_secret_in_clear(rig):
    server = rig.serve()
    delivered(rig.send(), server)
    assert server.only.clear == b"EHLO client.example.org\r\nSTARTTLS\r\n"


def test_one_flight_when_pipelining(rig):
    server = rig.serve()
    delivered(rig.send(*ENVELOPE, "c@example.net", input=MESSAGE), server)
    flight = b"\r\n".join([SESSION[0], SESSION[1], b"RCPT TO:<c@example.net>", b"DATA", b""])
    assert flight in server.only.flights


def test_large_body_in_few_writes(rig):
    server = rig.serve()
    delivered(rig.send(*ENVELOPE, input=HEADER + b"\n" + 20000 * (51 * b"x" + b"\n")), server)
    assert len(server.only.flights) < 80


@pytest.mark.parametrize("caps, text, parameters", [
    (("SIZE", "8BITMIME"), b"hello\n", b" SIZE=%d"),
    (("SIZE", "8BITMIME"), b"h\xc3\xa9llo\n", b" SIZE=%d BODY=8BITMIME"),
    (("8BITMIME",), b"h\xc3\xa9llo\n", b" BODY=8BITMIME"),
    (("8BITMIME",), b"hello\n", b""),
    (("SIZE 0",), b"hello\n", b" SIZE=%d"),
    (("SIZEABLE", "8BITMIMEX"), b"hello\n", b""),
    (("size 100000", "8bitmime"), b"h\xc3\xa9llo\n", b" SIZE=%d BODY=8BITMIME"),
    ((), b".\n..\n", b""),
    (("SIZE",), b".\n..\n", b" SIZE=%d"),
])
def test_parameters_of_mail(rig, caps, text, parameters):
    server = rig.serve(caps=caps)
    message = delivered(rig.send(*ENVELOPE, input=HEADER + b"\n" + text), server)
    if b"%d" in parameters:
        parameters %= len(message.data)
    assert message.sender == b"<a@example.org>" + parameters


def test_size_over_the_servers(rig):
    server = rig.serve(caps=("SIZE 2000",))
    done = rig.send(*ENVELOPE, input=HEADER + b"\n" + 300 * b"hello hello\n")
    assert done.status == 65 and len(done.lines) == 1, str(done)
    assert server.messages == []


@pytest.mark.parametrize("text", [
    b".\n", b"..\n", b".x\n", b"x\n.\n", b"x\n.\n.\n..\n...\nx\n", b"x.\n.", b".", b"\n.\n",
    b"x\r.\r\n.\r\r\n", 1637 * (b"123456789" + b"\n") + b"1234567890\n.\n" + b".y\n", 40000 * b".\n",
])
def test_dots(rig, text):
    server = rig.serve()
    message = delivered(rig.send(*ENVELOPE, input=HEADER + b"\n" + text), server)
    arrived = body_of(message.data)
    lines = text.replace(b"\r\n", b"\n").replace(b"\r", b" ").removesuffix(b"\n").split(b"\n")
    assert arrived == b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." if line[:1] == b"." else b"") + line + b"\r\n" for line in lines)
    assert message.raw.endswith(b"\r\n\r\n" + stuffed + b".\r\n")


@pytest.mark.parametrize("args", [
    ("-f", ""), ("-f", "<>"), ("-f<>",), ("-r", "<>"), ("-f", "x@example.org", "-f", ""),
])
def test_null_sender(rig, args):
    server = rig.serve()
    message = delivered(rig.send(*args, "b@example.net", input=MESSAGE), server)
    assert message.sender.startswith(b"<> SIZE=")


@pytest.mark.parametrize("caps", [EHLO, EHLO[1:]], ids=["pipelining", "step-by-step"])
def test_many_recipients(rig, caps):
    names = [f"user{n}@example.net" for n in range(100)]
    server = rig.serve(caps=caps)
    message = delivered(rig.send("-f", "a@example.org", *names, input=MESSAGE), server)
    assert [r.decode() for r in message.recipients] == names


@pytest.mark.parametrize("reply", ["251 2.1.5 will forward", "252 2.1.5 cannot verify",
                                   "250-2.1.5 several\n250 2.1.5 lines", "250", "250 ",
                                   [b"25", b"0 2.1.5 o", b"k\r", b"\n"]])
def test_any_yes_will_do(rig, reply):
    server = rig.serve(steps={"rcpt": reply})
    delivered(rig.send(), server)


@pytest.mark.parametrize("step", ["greeting", "ehlo2", "auth", "mail", "rcpt", "data", "end"])
def test_replies_byte_by_byte(rig, step):
    replies = {"greeting": b"220-one\r\n220 two\r\n", "auth": b"235 2.7.0 in\r\n",
               "ehlo2": b"250-x\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n",
               "data": b"354 go\r\n"}
    reply = replies.get(step, b"250-2.0.0 one\r\n250 2.0.0 two\r\n")
    server = rig.serve(steps={step: [bytes([b]) for b in reply]})
    delivered(rig.send(), server)


@pytest.mark.parametrize("length", [60, 1000])
def test_many_lines_in_a_reply(rig, length):
    lines = [f"250-X-FILLER{n} {length * 'x'}" for n in range(60000 // (length + 20))]
    server = rig.serve(steps={"ehlo2": "\n".join(lines + ["250-AUTH PLAIN", "250 8BITMIME"])})
    delivered(rig.send(), server)


@pytest.mark.parametrize("action", ["<close>", "<cut>", "<reset>", "500 what", b"nonsense\r\n"])
def test_the_answer_to_quit_does_not_matter(rig, action):
    server = rig.serve(steps={"quit": action})
    delivered(rig.send(), server)


def test_password_from_a_file(rig):
    rig.program.file("password", "secret\nanything\n")
    server = rig.serve(account={"password": None,
                                "password_file": rig.program.folder / "password"})
    delivered(rig.send(), server)


@pytest.mark.parametrize("password", [" blank ", "quo\"te", "back\\slash", "$HOME ${HOME}",
                                      "hash # mark", "z\u00fcrich", 200 * "long"])
def test_passwords_of_all_kinds(rig, password):
    server = rig.serve(account={"password": password}, users={"alice": password})
    silent(rig.send())
    assert server.only.user == "alice"


def test_two_runs_two_sessions(rig):
    server = rig.serve(steps={"mail": times("250 2.1.0 first", "250 2.1.0 second")})
    silent(rig.send())
    silent(rig.send())
    assert len(server.messages) == 2 and len(server.connections) == 2
