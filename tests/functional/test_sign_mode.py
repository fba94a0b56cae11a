"""--sign: what a host with 8BITMIME and without SMTPUTF8 would get, on standard output."""

import os
import re

import pytest

import dkimverify
from dkimverify import Key
from expect import ENVELOPE, HEADER, MESSAGE, delivered, failed, fields, untouched, wire

ACCOUNT = {"host": "nosuch.invalid", "tls": "off"}
MIME = b"MIME-Version: 1.0\n"
PARTS = (HEADER + MIME + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n%b\n--b\n"
         b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n%b\n--b--\n")


@pytest.fixture(scope="module")
def keys():
    return [Key("example.org", "r1"), Key("example.org", "e1", "ed25519")]


def sections(program, keys):
    return {key.selector: {"domain": key.domain, "selector": key.selector,
                           "key_file": program.file(f"{key.selector}.key", key.pem)}
            for key in keys}


def configure(program, keys=(), settings=None, **account):
    program.configure(settings={"hostname": "client.example.org", "log": "off",
                                **(settings or {})},
                      accounts={"default": {**ACCOUNT, **account}},
                      dkim=sections(program, keys))


def run(program, *args, input=MESSAGE, **options):
    return program.run("--sign", *args, input=input, name="mailchute", **options)


def signed(program, *args, **options):
    done = run(program, *args, **options)
    assert (done.status, done.stderr) == (0, b""), str(done)
    return done.stdout


def without_time(message):
    """t= and what follows from it, the value of b=."""
    message = re.sub(rb"\bt=\d{10};", b"t=;", message)
    return re.sub(rb"(?<=\r\n b=)[A-Za-z0-9+/=]+(\r\n [A-Za-z0-9+/=]+)*", b"", message)


MESSAGES = {
    "plain": MESSAGE,
    "no body": HEADER,
    "empty body": HEADER + b"\n",
    "no end": HEADER + b"\nhello",
    "dots": HEADER + b"\n.\n..\n.x\n\n.\n",
    "crlf": wire(MESSAGE),
    "mixed": HEADER + b"\none\r\ntwo\nthree\rfour\n",
    "mbox": b"From a@example.org Thu Jan  1 00:00:00 2026\n" + MESSAGE,
    "removed": b"Bcc: x@example.net\nReturn-Path: <x@y>\nContent-Length: 6\n" + MESSAGE,
    "bare names": MESSAGE.replace(b"b@example.net", b"root, b@example.net"),
    "folded": HEADER + b"References: <a@b>\n\t<c@d>\n\nhello\n",
    "8bit": HEADER + b"\ngr\xc3\xbc\xc3\x9fe\n",
    "8bit, no utf-8": HEADER + b"\ngr\xfc\xdfe\n",
    "8bit header": HEADER.replace(b"Ann", b"Zo\xc3\xab").replace(b": hi", b": \xc3\xa4")
                   + b"\nhello\n",
    "8bit domain": MESSAGE.replace(b"b@example.net", b"b@b\xc3\xbccher.example"),
    "long line": HEADER + b"\n" + 2500 * b"x" + b"\n",
    "long field": HEADER + b"X-Long: " + 400 * b"word " + b"\n\nhello\n",
    "parts": PARTS % (b"plain", b"gr\xc3\xbc\xc3\x9fe"),
    "parts, long": PARTS % (3000 * b"y", b"\xc3\xa4" + 3000 * b"z"),
    "spilled": HEADER + b"\n" + 40000 * b"one line of many\n",
    "spilled, long": HEADER + b"\n" + 400 * (1500 * b"x" + b"\n"),
    "resent": b"Resent-From: c@example.com\nResent-To: d@example.net\nResent-Date: "
              b"Fri, 2 Jan 2026 00:00:00 +0000\nResent-Message-ID: <2@example.com>\n" + MESSAGE,
}


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("keyed", [False, True], ids=["no key", "keys"])
def test_the_same_as_is_submitted(rig, keys, message, keyed):
    server = rig.serve(tls="off", auth="", dkim=sections(rig.program, keys) if keyed else None)
    text = MESSAGES[message]
    shown = signed(rig.program, input=text)
    arrived = delivered(rig.send(*ENVELOPE, input=text), server).data
    assert without_time(shown) == without_time(arrived)
    assert b"\n" not in shown.replace(b"\r\n", b"") and b"\r" not in shown.replace(b"\r\n", b"")
    if keyed:
        assert shown.startswith(b"DKIM-Signature: ") and dkimverify.dkimpy(shown, *keys)
        assert without_time(shown) != shown
    else:
        assert shown == arrived


@pytest.mark.parametrize("settings", [
    {"from": "alerts@example.org"}, {"from": "alerts@example.org", "rewrite_from": "always"},
    {"smtputf8": "no"}, {"repair": "off"}, {"dkim": "off"}, {"dkim_required": "yes"},
])
@pytest.mark.parametrize("author", [b"Ann <a@example.org>", b"root (Cron Daemon)", b"X <>"])
def test_settings_of_the_account(rig, keys, settings, author):
    """The same bytes, or the same failure."""
    server = rig.serve(tls="off", auth="", account=settings, dkim=sections(rig.program, keys))
    text = MESSAGE.replace(b"Ann <a@example.org>", author)
    shown, sent = run(rig.program, input=text), rig.send(*ENVELOPE, input=text)
    assert shown.status == sent.status
    assert shown.stderr.partition(b": ")[2] == sent.stderr.partition(b": ")[2]
    if sent.status == 0:
        assert without_time(shown.stdout) == without_time(server.messages[0].data)
    else:
        assert shown.stdout == b"" and server.messages == []


@pytest.mark.parametrize("caps, same", [(("8BITMIME",), True), (("8BITMIME", "SMTPUTF8"), False),
                                        ((), False)])
def test_which_host_it_has_in_mind(rig, caps, same):
    server = rig.serve(tls="off", auth="", caps=caps, account={"smtputf8": "yes"})
    text = HEADER.replace(b"Ann", "Z\u00f6e".encode()) + "\ngr\u00fc\u00dfe\n".encode()
    shown = signed(rig.program, input=text)
    header, body = shown.split(b"\r\n\r\n", 1)
    assert header.isascii() and body == wire("gr\u00fc\u00dfe\n".encode())
    assert (delivered(rig.send(*ENVELOPE, input=text), server).data == shown) == same


@pytest.mark.parametrize("message", MESSAGES)
def test_the_same_as_dry_run_shows(program, keys, message):
    configure(program, keys)
    text = MESSAGES[message]
    done = program.run("--dry-run", *ENVELOPE, input=text, name="mailchute")
    assert (done.status, done.stderr) == (0, b""), str(done)
    envelope, shown = done.stdout.split(b"\n\n", 1)
    assert envelope.startswith(b"Account: ") and b"\nSender: " in envelope
    assert without_time(shown) == without_time(signed(program, input=text))


@pytest.mark.parametrize("message", MESSAGES)
def test_twice_is_once(program, keys, message):
    configure(program, keys)
    once = signed(program, input=MESSAGES[message])
    assert len(dkimverify.signatures(once)) == 2
    assert signed(program, input=once) == once


def test_what_is_missing_is_added(program, keys):
    configure(program, keys)
    shown = signed(program, "-f", "a@example.org", "-F", "Ann B", input=b"Subject: x\n\nhello\n")
    assert [name for name, _ in fields(shown)] == [
        "DKIM-Signature", "DKIM-Signature", "Subject", "Date", "From", "Message-ID"]
    assert dict(fields(shown))["From"] == b"Ann B <a@example.org>"
    assert dkimverify.dkimpy(shown, *keys)


# --- the envelope ---

@pytest.mark.parametrize("args", [(), ("-t",), ("-i",), ("-v",), ("b@example.net",),
                                  ("-t", "b@example.net", "c@example.net"), ("-f", "x@example.com"),
                                  ("-f", "<>"), ("root",), ("-n", "root"),
                                  ("--account", "default")])
def test_recipients_and_sender_change_nothing(program, args):
    configure(program)
    assert signed(program, *args) == wire(MESSAGE)


@pytest.mark.parametrize("args", [(), ("-t",), ("d@example.net",)])
def test_nobody_to_send_to(program, args):
    """In a header that names none, either."""
    configure(program)
    text = MESSAGE.replace(b"To: b@example.net\n", b"Bcc: c@example.net\n")
    assert signed(program, *args, input=text) == wire(text).replace(b"Bcc: c@example.net\r\n", b"")


@pytest.mark.parametrize("args, original", [
    (("b@example.net",), b"X-Original-To: b@example.net\r\n"), ((), b""),
], ids=["one", "nobody"])
def test_diverted(program, args, original):
    configure(program, divert_to=["d@example.org"])
    assert signed(program, *args) == wire(HEADER) + original + b"\r\nhello\r\n"


def test_no_network(rig, keys):
    server = rig.serve(dkim=sections(rig.program, keys))
    assert dkimverify.dkimpy(signed(rig.program, "b@example.net"), *keys)
    untouched(server)


@pytest.mark.parametrize("account", [{"discard": "on"}, {"tls": "starttls", "user": "u",
                                                         "password": "p"}])
def test_accounts_that_send_nothing_here(program, keys, account):
    configure(program, keys, **account)
    assert dkimverify.dkimpy(signed(program), *keys)


def test_nothing_is_logged(program, keys):
    log = program.folder / "log"
    configure(program, keys, settings={"log": "file", "log_file": log})
    signed(program)
    failed(run(program, input=b"From: <>\n\nhello\n"), 65, program="mailchute")
    assert not log.exists()


# --- failures ---

FAILURES = {
    # settings of the account; the message; the status; words
    "key missing": ({"dkim_required": "yes"}, MESSAGE.replace(b"a@example.org", b"a@example.com"),
                    78, "example.com"),
    "From": ({}, MESSAGE.replace(b"Ann <a@example.org>", b"a@"), 65, "From:"),
    "From empty": ({}, b"From: X <>\n\nhello\n", 65, "From:"),
    "NUL": ({}, MESSAGE + b"a\0b\n", 65, "NUL"),
    "NUL in the header": ({}, b"X: \0\n" + MESSAGE, 65, "NUL"),
    "empty": ({}, b"", 66, ""),
    "loop": ({}, 101 * b"Received: x\n" + MESSAGE, 69, ""),
    "address": ({}, MESSAGE.replace(b"a@ex", b"\xc3\xa4@ex"), 65, "SMTPUTF8"),
    "header": ({}, b"X: " + 1100000 * b"x" + b"\n" + MESSAGE, 65, ""),
    "signed parts": ({}, HEADER + MIME + b"Content-Type: multipart/signed; boundary=b; micalg=x;"
                     b" protocol=y\n\n--b\n\n" + 1000 * b"x" + b"\n--b\n\ny\n--b--\n", 65, ""),
    "repair off": ({"repair": "off"}, HEADER + b"\n" + 1000 * b"x" + b"\n", 65, ""),
}


@pytest.mark.parametrize("mode", ["--sign", "--dry-run"])
@pytest.mark.parametrize("failure", FAILURES)
def test_failures(program, keys, failure, mode):
    account, text, status, words = FAILURES[failure]
    configure(program, keys, **account)
    failed(program.run(mode, *ENVELOPE, input=text, name="mailchute"), status, words,
           program="mailchute")


def test_no_configuration(program):
    failed(run(program, "--config", "/nonexistent"), 78, "/nonexistent", program="mailchute")


def test_no_such_account(program):
    configure(program)
    failed(run(program, "--account", "other"), 78, "other", program="mailchute")


@pytest.mark.parametrize("pem, mode, status", [(b"no key\n", 0o600, 78), (None, 0o644, 77)])
def test_keys_that_cannot_be_used(program, keys, pem, mode, status):
    configure(program, keys)
    program.file("e1.key", pem or keys[1].pem, mode)
    failed(run(program), status, "e1.key", program="mailchute")


@pytest.mark.parametrize("recipient", ["b@", "b@example.net\nc@example.net"])
def test_a_recipient_that_is_none(program, recipient):
    configure(program)
    failed(run(program, recipient), 65, program="mailchute")


@pytest.mark.parametrize("body", [b"hello\n", 100000 * b"one line of many\n"],
                         ids=["small", "large"])
def test_a_full_disk(program, keys, body):
    configure(program, keys)
    with open("/dev/full", "wb") as full:
        assert run(program, input=HEADER + b"\n" + body, stdout=full).status == 74


@pytest.mark.parametrize("body, read", [(b"hello\n", 0), (100000 * b"one line of many\n", 0),
                                        (100000 * b"one line of many\n", 1000)],
                         ids=["small", "large", "later"])
def test_nobody_reads(program, keys, body, read):
    configure(program, keys)
    reader, writer = os.pipe()
    process = program.start("--sign", name="mailchute", stdout=writer)
    os.close(writer)
    if not read:
        os.close(reader)
    process.stdin.write(HEADER + b"\n" + body)
    process.stdin.close()
    if read:
        assert os.read(reader, read).startswith(b"DKIM-Signature:")
        os.close(reader)
    process.stdin = None
    assert program.finish(process).status == 74


def test_in_a_script(program, keys):
    """The way the manual has it."""
    configure(program, keys)
    source = program.file("in", MESSAGE)
    done = program.shell('"$@" <"$IN" >"$OUT" && echo done', "--sign", name="mailchute",
                         env={"IN": str(source), "OUT": str(program.folder / "out")})
    assert (done.status, done.stdout, done.stderr) == (0, b"done\n", b""), str(done)
    shown = (program.folder / "out").read_bytes()
    assert dkimverify.dkimpy(shown, *keys)
