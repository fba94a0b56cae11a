"""The exit status and the line on stderr, for every reply and every way a session can end."""

import socket

import pytest

from expect import ENVELOPE, HEADER, MESSAGE, delivered, failed, silent, untouched, wire
from smtpscript import CLOSE, CUT, EHLO, RESET, SILENCE, STALL, after, slow, times

STEP_BY_STEP = EHLO[1:]
MAYBE = "may have been delivered"
WORDS = {"greeting": "greeting", "ehlo": "EHLO", "ehlo2": "EHLO", "starttls": "STARTTLS",
         "tls": "TLS", "auth": "AUTH", "mail": "MAIL", "rcpt": "RCPT", "data": "DATA",
         "end": "end of data", "body": ""}
STEPS = ["greeting", "ehlo", "starttls", "ehlo2", "auth", "mail", "rcpt", "data", "end"]

# exit-status by reply: step, code and enhanced code, status
REPLIES = [(step, reply, 75) for step in STEPS
           for reply in ("421", "421 4.3.2", "450", "451 4.7.1", "452 4.2.2", "499", "451 5.7.1")]
REPLIES += [("greeting", r, s) for r, s in [
    ("554", 69), ("554 5.3.2", 69), ("554 5.7.1", 77), ("550", 69), ("521", 69), ("530", 77)]]
REPLIES += [("ehlo2", r, s) for r, s in [("550", 69), ("550 5.7.1", 77), ("554", 69)]]
REPLIES += [("starttls", r, s) for r, s in [
    ("500", 76), ("502 5.5.1", 76), ("501", 76), ("503", 76), ("554 5.7.3", 77), ("550", 69)]]
REPLIES += [("auth", r, s) for r, s in [
    ("535", 77), ("535 5.7.8", 77), ("534", 77), ("534 5.7.9", 77), ("530", 77), ("538", 77),
    ("550", 77), ("554 5.3.0", 77), ("501", 77), ("503", 77), ("503 5.5.1", 77), ("555", 77),
    ("504", 78), ("504 5.5.4", 78), ("535 5.7.4", 78), ("500", 78), ("502", 78),
    ("500 5.5.2", 78), ("502 5.5.1", 78), ("454 4.7.0", 75)]]
REPLIES += [("mail", r, s) for r, s in [
    ("550", 69), ("551", 69), ("552", 65), ("553", 65), ("554", 69), ("555", 65), ("556", 68),
    ("501", 65), ("500", 76), ("502", 76), ("503", 76), ("504", 76), ("530", 77), ("534", 77),
    ("538", 77), ("521", 69), ("599", 69)]]
REPLIES += [("rcpt", r, s) for r, s in [
    ("550", 67), ("551", 67), ("552", 69), ("553", 67), ("554", 69), ("555", 65), ("556", 68),
    ("501", 65), ("500", 76), ("502", 76), ("503", 76), ("504", 76), ("530", 77), ("535", 77),
    ("521", 69), ("550 4.7.1", 67), ("554 4.7.1", 69), ("550 2.0.0", 67)]]
REPLIES += [("data", r, s) for r, s in [
    ("550", 69), ("552", 65), ("554", 69), ("501", 76), ("503", 76), ("530", 77)]]
REPLIES += [("end", r, s) for r, s in [
    ("550", 69), ("551", 69), ("552", 65), ("553", 69), ("554", 69), ("555", 69), ("556", 68),
    ("501", 76), ("500", 76), ("530", 77), ("550 4.7.1", 69)]]
REPLIES += [(step, f"5{code % 100:02d} {esc}", status) for step, code in
            [("mail", 553), ("rcpt", 550), ("rcpt", 554), ("data", 554), ("end", 550)]
            for esc, status in [
                ("5.1.1", 67), ("5.1.6", 67), ("5.1.10", 67), ("5.1.2", 68), ("5.4.4", 68),
                ("5.1.0", 65), ("5.1.3", 65), ("5.1.7", 65), ("5.1.8", 65), ("5.2.3", 65),
                ("5.3.4", 65), ("5.6.0", 65), ("5.6.7", 65), ("5.5.0", 76), ("5.5.4", 76),
                ("5.7.0", 77), ("5.7.1", 77), ("5.7.26", 77), ("5.0.0", 69), ("5.2.1", 69),
                ("5.2.2", 69), ("5.3.0", 69), ("5.4.1", 69), ("5.1.11", 69), ("5.10.1", 69)]]


@pytest.mark.parametrize("step, reply, status", REPLIES, ids=lambda v: str(v).replace(" ", "_"))
def test_reply(rig, step, reply, status):
    server = rig.serve(steps={step: reply + " the server's own words"})
    failed(rig.send(*ENVELOPE, input=MESSAGE), status, "localhost", WORDS[step], reply,
           "the server's own words")
    assert not any(m.accepted for m in server.messages)


@pytest.mark.parametrize("reply, status", [("550 5.1.1", 67), ("450 4.2.1", 75), ("535 5.7.8", 77)])
@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "end"])
def test_reply_without_pipelining(rig, step, reply, status):
    server = rig.serve(caps=STEP_BY_STEP, steps={step: reply + " words"})
    failed(rig.send(*ENVELOPE, input=MESSAGE), status, WORDS[step], reply, "words")
    assert not any(m.accepted for m in server.messages)


def test_wrong_password(rig):
    server = rig.serve(account={"password": "wrong"})
    failed(rig.send(), 77, "AUTH", "535 5.7.8")
    assert sum(c.startswith(b"AUTH") for c in server.only.commands) == 1


def test_next_mechanism_when_one_is_unknown(rig):
    server = rig.serve(steps={"auth": times("504 5.5.4 not this one", "334 VXNlcm5hbWU6"),
                              "auth2": "334 UGFzc3dvcmQ6"})
    delivered(rig.send(), server)


@pytest.mark.parametrize("auth, account", [
    ("CRAM-X XYZ", {}), ("", {}), ("PLAIN", {"auth": ["LOGIN"]}), ("PLAINX", {}),
])
def test_no_mechanism_in_common(rig, auth, account):
    # The account has a user, so AUTH is required, whatever the server thinks of it.
    server = rig.serve(auth=auth, need_auth=False,
                       account={"user": "alice", "password": "secret", **account})
    failed(rig.send(), 78, "AUTH")
    assert not any(c.startswith((b"AUTH", b"MAIL")) for c in server.only.commands)


def test_auth_wanted_but_not_configured(rig):
    rig.serve(account={"user": None, "password": None})
    failed(rig.send(), 77, "MAIL", "530 5.7.0")


NONSENSE = [b"nonsense\r\n", b"\r\n", b"25\r\n", b"2500 ok\r\n", b"099 ok\r\n", b"600 ok\r\n",
            b"999\r\n", b"250x\r\n", b"250-one\r\n251 two\r\n", b"250-one\r\n550 two\r\n",
            b"199 hm\r\n", b"\0\0\0\r\n", b" 250 ok\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"SSH-2.0-x\r\n", b"+OK ready\r\n", b"* OK IMAP\r\n"]


@pytest.mark.parametrize("reply", NONSENSE, ids=repr)
@pytest.mark.parametrize("step", ["greeting", "mail", "end"])
def test_no_smtp_reply(rig, step, reply):
    server = rig.serve(steps={step: reply})
    done = rig.send(*ENVELOPE, input=MESSAGE)
    failed(done, 76, "localhost", WORDS[step])
    assert (MAYBE in done.stderr.decode()) == (step == "end")
    assert not any(m.accepted for m in server.messages) or step == "end"


@pytest.mark.parametrize("step, reply", [
    ("mail", "354 go on"), ("rcpt", "354 go on"), ("data", "250 ok"), ("greeting", "354 go on"),
    ("ehlo2", "354 x"), ("end", "354 again"), ("starttls", "354 x")])
def test_the_wrong_kind_of_yes(rig, step, reply):
    server = rig.serve(caps=STEP_BY_STEP, steps={step: reply})
    rig.unruly = True   # the server's idea of where the message begins is its own
    done = rig.send(*ENVELOPE, input=MESSAGE)
    failed(done, 76, WORDS[step])
    assert (MAYBE in done.stderr.decode()) == (step == "end")
    assert not any(m.accepted and m.recipients for m in server.messages) or step == "end"


@pytest.mark.parametrize("reply", [
    b"250 " + 70000 * b"x" + b"\r\n", b"250-" + 70000 * b"x",
    700 * (b"250-" + 100 * b"x" + b"\r\n") + b"250 end\r\n", 1000000 * b"x",
], ids=["line", "no-end", "lines", "garbage"])
@pytest.mark.parametrize("step", ["greeting", "ehlo2", "rcpt"])
def test_replies_over_64_kib(rig, step, reply):
    server = rig.serve(steps={step: reply})
    failed(rig.send(), 76, WORDS[step])
    assert not any(m.accepted for m in server.messages)


@pytest.mark.parametrize("words", ["a\x1b[31mred", "bell\x07", "tab\tend", "caf\u00e9",
                                   "\x9b31m", "del\x7f"])
def test_words_are_cleaned(rig, words):
    rig.serve(steps={"rcpt": "550 5.1.1 before " + words + " after"})
    done = rig.send()
    failed(done, 67, "before", "after")
    text = done.stderr.decode()
    assert not any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 for c in text)
    assert ("caf\u00e9" in text) == (words == "caf\u00e9")


def test_words_that_are_no_utf8(rig):
    rig.serve(steps={"rcpt": b"550 5.1.1 before \xff\xfe after\r\n"})
    failed(rig.send(), 67, "before", "after")


def test_words_of_several_lines(rig):
    rig.serve(steps={"rcpt": "550-5.1.1 first part\n550-5.1.1 second part\n550 5.1.1 third part"})
    failed(rig.send(), 67, "first part", "second part", "third part")


@pytest.mark.parametrize("how", [CLOSE, CUT, RESET])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("caps", [EHLO, STEP_BY_STEP], ids=["pipelining", "step-by-step"])
def test_lost_connection(rig, caps, step, how):
    server = rig.serve(caps=caps, steps={step: how})
    done = rig.send(*ENVELOPE, input=MESSAGE)
    failed(done, 75, "localhost")
    assert (MAYBE in done.stderr.decode()) == (step == "end")
    assert not any(m.accepted for m in server.messages)


@pytest.mark.parametrize("how", [CLOSE, RESET])
def test_lost_in_the_middle_of_a_reply(rig, how):
    rig.serve(steps={"end": ["250-2.0.0 que", how]})
    done = rig.send()
    failed(done, 75, MAYBE)


def test_lost_while_sending(rig):
    server = rig.serve(steps={"body": after(1000, RESET)})
    text = HEADER + b"\n" + 500000 * b"hello, hello\n"
    done = rig.send(*ENVELOPE, input=text)
    failed(done, 75)
    assert MAYBE not in done.stderr.decode()
    assert server.messages == []


@pytest.mark.parametrize("step", STEPS)
def test_silence(rig, step):
    server = rig.serve(settings={"deadline": "2s"}, steps={step: SILENCE})
    done = rig.send(*ENVELOPE, input=MESSAGE)
    failed(done, 75, "localhost", WORDS[step])
    assert (MAYBE in done.stderr.decode()) == (step == "end")
    assert not any(m.accepted for m in server.messages)


def test_silence_while_sending(rig):
    rig.serve(settings={"deadline": "2s"}, caps=("8BITMIME",), steps={"body": STALL})
    done = rig.send(*ENVELOPE, input=HEADER + b"\n" + 3000000 * b"hello, hello\n")
    failed(done, 75)
    assert MAYBE not in done.stderr.decode()


@pytest.mark.parametrize("step", ["greeting", "ehlo2", "mail", "end"])
def test_slowness_does_not_stretch_the_deadline(rig, step):
    rig.serve(settings={"deadline": "2s"}, steps={step: slow("250 " + 400 * "x", 0.3)})
    failed(rig.send(), 75, WORDS[step])


@pytest.mark.parametrize("replies, partial, status, lines, goes", [
    (["250", "550 5.1.1", "250"], "deliver", 67, 1, True),
    (["550 5.1.1", "250", "250"], "deliver", 67, 1, True),
    (["450 4.2.0", "250", "250"], "deliver", 75, 1, True),
    (["450 4.2.0", "550 5.7.1", "250"], "deliver", 77, 2, True),
    (["550 5.7.1", "550 5.1.1", "250"], "deliver", 77, 2, True),
    (["450 4.2.0", "451 4.7.1", "250"], "deliver", 75, 2, True),
    (["550 5.1.1", "550 5.7.1", "550 5.1.2"], "deliver", 67, 3, False),
    (["450 4.2.0", "550 5.7.1", "450 4.2.0"], "deliver", 77, 3, False),
    (["450 4.2.0", "450 4.2.0", "450 4.2.0"], "deliver", 75, 3, False),
    (["250", "550 5.1.1", "250"], "abort", 67, 1, False),
    (["250", "450 4.2.0", "250"], "abort", 75, 1, False),
    (["250", "450 4.2.0", "550 5.1.1"], "abort", 67, 2, False),
    (["250", "250", "250"], "abort", 0, 0, True),
])
@pytest.mark.parametrize("caps", [EHLO, STEP_BY_STEP], ids=["pipelining", "step-by-step"])
def test_several_recipients(rig, caps, replies, partial, status, lines, goes):
    server = rig.serve(settings={"partial": partial}, caps=caps,
                       steps={f"rcpt{n}": r + f" answer{n}" for n, r in enumerate(replies, 1)})
    names = [f"user{n}@example.net" for n in range(1, 4)]
    done = rig.send("-f", "a@example.org", *names, input=MESSAGE)
    refused = [n for n, r in enumerate(replies, 1) if not r.startswith("2")]
    if status:
        failed(done, status, *[f"user{n}@example.net" for n in refused],
               *[f"answer{n}" for n in refused], lines=lines)
    else:
        silent(done)
    accepted = [m for m in server.messages if m.accepted]
    assert len(accepted) == (1 if goes else 0)
    if goes:
        assert accepted[0].recipients == [n.encode() for n in names
                                          if int(n[4]) not in refused]
        assert accepted[0].data == wire(MESSAGE)


@pytest.mark.parametrize("steps, status", [
    ({"rcpt": "550 5.1.1 nobody"}, 67), ({"mail": "550 5.1.1 nobody"}, 67),
    ({"mail": "450 4.7.1 nobody", "rcpt": "250 2.1.5 ok"}, 75),
])
def test_data_accepted_although_all_was_refused(rig, steps, status):
    """A server's mistake; what it gets then is an empty message, not our QUIT for a text."""
    server = rig.serve(steps={**steps, "data": "354 go on"})
    failed(rig.send(), status, "nobody")
    assert [m.data for m in server.messages] in ([], [b""])


@pytest.mark.parametrize("data", ["503 5.5.1 no recipients", "554 5.5.1 no recipients",
                                  "451 4.3.0 hm"])
def test_data_does_not_count_after_every_recipient_was_refused(rig, data):
    rig.serve(steps={"rcpt": "550 5.1.1 nobody", "data": data})
    failed(rig.send(), 67, "nobody")


def test_message_refused_for_the_accepted_ones_too(rig):
    rig.serve(steps={"rcpt2": "450 4.2.0 busy", "end": "554 5.7.1 spam"})
    done = rig.send("-f", "a@example.org", "b@example.net", "c@example.net", input=MESSAGE)
    failed(done, 77, "c@example.net", "busy", "spam", lines=2)


@pytest.mark.parametrize("steps, status", [
    ({"rcpt": "450 4.2.0 busy"}, 11), ({"greeting": CLOSE}, 11), ({"rcpt": "550 5.1.1 no"}, 67)])
def test_tempfail_status(rig, steps, status):
    rig.serve(settings={"tempfail_status": 11}, steps=steps)
    failed(rig.send(), status)


def test_nobody_listens(rig):
    server = rig.serve()
    server.stop()
    failed(rig.send(), 75, "localhost", "connect")


def test_unknown_host(rig):
    rig.serve(account={"host": "nosuch.invalid"})
    try:
        socket.getaddrinfo("nosuch.invalid", 587, type=socket.SOCK_STREAM)
        error = None
    except socket.gaierror as e:
        error = e.errno
    # Without any name server to ask, the resolver itself says "try again".
    failed(rig.send(), 75 if error == socket.EAI_AGAIN else 68, "nosuch.invalid")


def test_no_configuration(program):
    failed(program.run("b@example.net", input=MESSAGE), 78, str(program.config))


def test_no_configuration_anywhere(program):
    home = program.folder / "home"
    home.mkdir()
    failed(program.run("b@example.net", input=MESSAGE,
                       env={"MAILCHUTE_CONFIG": None, "HOME": str(home)}), 78, "sendmail.conf")


def test_configuration_from_home(rig):
    server = rig.serve()
    home = rig.program.folder / "home"
    (home / ".config").mkdir(parents=True)
    rig.program.config.rename(home / ".config" / "sendmail.conf")
    delivered(rig.send(env={"MAILCHUTE_CONFIG": None, "HOME": str(home)}), server)


def test_configuration_from_xdg(rig):
    server = rig.serve()
    delivered(rig.send(env={"MAILCHUTE_CONFIG": None,
                            "XDG_CONFIG_HOME": str(rig.program.folder)}), server)


@pytest.mark.parametrize("name", ["sendmail", "mailchute"])
def test_the_line_begins_with_the_program(rig, name):
    server = rig.serve(steps={"rcpt": "550 5.1.1 nobody"})
    done = rig.send(*ENVELOPE, name=name)
    failed(done, 67, program=name)
    assert done.lines[0].startswith(f"{name}: localhost: RCPT")
    assert server.messages == []


def test_log_that_cannot_be_written_is_no_failure(rig):
    server = rig.serve(settings={"log": "file", "log_file": "/nonexistent/log"})
    assert delivered(rig.send(*ENVELOPE, input=MESSAGE), server)


def test_syslog_that_is_not_there_is_no_failure(rig):
    server = rig.serve(settings={"log": "syslog"})
    assert delivered(rig.send(*ENVELOPE, input=MESSAGE), server)
    rig.servers[0].stop()
    failed(rig.send(), 75)
    assert server.scripts


def test_usage_needs_no_server(rig):
    server = rig.serve()
    failed(rig.program.run(input=MESSAGE), 64)
    untouched(server)
