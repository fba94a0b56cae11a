"""Complaints that take some contriving: each is a line of src that no other test sees said."""

import os
import subprocess

import pytest

from expect import ENVELOPE, HEADER, MESSAGE, delivered, failed, untouched
from faults import in_mounts
from postfix import needs_root
from smtpscript import CLOSE, EHLO

SEVEN = tuple(word for word in EHLO if word != "8BITMIME")
ACCOUNT = {"host": "localhost", "tls": "off"}
# A regular file of ours that can be opened, and whose first byte cannot be read.
UNREADABLE = f"/proc/{os.getpid()}/mem"


def check(program, account=None, **sections):
    program.configure(accounts={"default": {**ACCOUNT, **(account or {})}},
                      **{"settings": {"hostname": "client.example.org", "log": "off"}, **sections})
    return program.run("--check", name="mailchute")


# --- files that break off ---


def test_configuration_cannot_be_read(program):
    done = program.run("--config", UNREADABLE, *ENVELOPE, name="mailchute", input=MESSAGE)
    failed(done, 78, f"{UNREADABLE}: cannot be read: Input/output error", program="mailchute")


def test_aliases_cannot_be_read(rig):
    server = rig.serve(settings={"aliases": UNREADABLE})
    failed(rig.send("-f", "a@example.org", "root", input=MESSAGE), 78, UNREADABLE,
           "Input/output error")
    untouched(server)


def test_password_cannot_be_read(program):
    done = check(program, {"user": "u", "password_file": UNREADABLE, "tls": None})
    failed(done, 78, "password_file", "cannot be read: Input/output error", program="mailchute")


def test_trust_is_too_large(program):
    path = program.file("ca.pem", "")
    os.truncate(path, 16 * 1024 * 1024 + 1)
    failed(check(program, {"tls_ca_file": path, "tls": None}), 78, "over 16 MiB",
           program="mailchute")


@needs_root
def test_system_without_trust(rig):
    """No certificates where the system has them: nobody could be believed."""
    server = rig.serve(account={"tls_ca_file": None})
    store = "/etc/ssl/certs/ca-certificates.crt"
    argv = in_mounts(f"mount --bind /dev/null {store}", rig.program.command(ENVELOPE))
    failed(rig.program.run(argv=argv, input=MESSAGE), 78, "no trusted certificates", store,
           "ca-certificates")
    untouched(server)


# --- --check ---


def test_check_warns_of_a_password_in_clear(program):
    done = check(program, {"user": "u", "password_file": program.file("p", "secret"),
                           "auth": ["PLAIN"]})
    assert done.status == 0 and len(done.lines) == 1, str(done)
    assert "warning: tls = off sends user and password in clear" in done.lines[0]


@pytest.mark.parametrize("bits, warned", [(1024, True), (2048, False)])
def test_check_warns_of_a_short_key(program, bits, warned):
    key = program.file("key", subprocess.run(["openssl", "genrsa", str(bits)], check=True,
                                             capture_output=True).stdout)
    done = check(program, dkim={"example.org": {"selector": "s", "key_file": key}})
    assert done.status == 0, str(done)
    assert ("the key has 1024 bits, 2048 are advised" in done.stderr.decode()) == warned, str(done)


def test_check_names_the_place_once(program):
    """A sentence that tells its place already gets no second one."""
    done = check(program, {"host": "xn--\u00e4.example"})
    failed(done, 78, "is no host name", program="mailchute")
    assert done.stderr.decode().count(f"{program.config}:") == 1


# --- options and recipients ---


def test_keygen_warns_of_a_long_key(program):
    done = program.run("--dkim-keygen", "--bits", "4160", "example.org", "s", name="mailchute")
    assert done.status == 0 and len(done.lines) == 1, str(done)
    assert "the key has 4160 bits; not all receivers take over 4096" in done.lines[0]


def test_full_name_is_too_long(rig):
    server = rig.serve()
    failed(rig.send("-F", "x" * 201, *ENVELOPE, input=MESSAGE), 65, "-F", "longer than 200 octets")
    untouched(server)


def test_all_bad_recipients_are_told(program):
    program.configure(accounts={"default": ACCOUNT})
    failed(program.run("-bv", "a b@c", "d e@f"), 78, '"a b@c"', '"d e@f"', lines=2)


# --- the server ---


def test_a_port_that_waits_for_tls(rig):
    """Both sides wait; after ten seconds a second connection asks which protocol is spoken."""
    server = rig.serve(tls="implicit", account={"tls": "starttls"})
    failed(rig.send(*ENVELOPE, input=MESSAGE), 78, "this is a TLS port", "tls = implicit")
    assert server.messages == []


def test_a_server_that_is_only_slow(rig):
    """The same silence, but the greeting does come: nothing is lost by having asked."""
    server = rig.serve(greet_after=11)
    rig.unruly = True   # the question is TLS, and this server speaks SMTP
    delivered(rig.send(*ENVELOPE, input=MESSAGE), server)
    assert len(server.connections) == 2


def test_one_transaction_is_too_few(rig):
    server = rig.serve(caps=EHLO + ("LIMITS RCPTMAX=1",), settings={"partial": "abort"})
    failed(rig.send("-f", "a@example.org", "b@example.net", "c@example.net", input=MESSAGE), 78,
           "partial = abort needs one transaction for all 2 recipients, and the server takes 1")
    assert server.messages == []


def test_a_chain_without_end(rig):
    chain = rig.program.file("chain.pem", rig.certificates.good.read_bytes()
                             + 20 * rig.certificates.ca.read_bytes())
    server = rig.serve(certificate=chain)
    failed(rig.send(*ENVELOPE, input=MESSAGE), 78, "chain of 21", "more than 16 are not read")
    assert server.messages == []


# --- -bs ---


def test_an_alias_for_too_many(rig):
    everybody = rig.program.file("everybody", "".join(f"u{i}@example.net\n" for i in range(10001)))
    aliases = rig.program.file("aliases", f"everybody: :include:{everybody}\n")
    server = rig.serve(settings={"aliases": aliases}, account={"discard": "on"})
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        assert "too many" in bs.say("RCPT TO:<everybody>", 452).text
    untouched(server)


def test_the_session_was_lost_before(rig):
    """What comes behind a lost session has nobody to go to, and is told so."""
    rig.serve(steps={"rcpt2": CLOSE})
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        bs.say("RCPT TO:<b@example.net>", 250)
        bs.say("RCPT TO:<c@example.net>", 451)
        bs.say("RCPT TO:<d@example.net>", 451, "the session was lost before")
        bs.say("DATA", 354)
        bs.finish(MESSAGE, 451, "the session was lost before")


# --- repair ---


def test_header_is_too_large_when_encoded(rig):
    """A megabyte of short fields beyond ASCII is more than five when they are encoded words."""
    server = rig.serve()
    message = HEADER + b"X:\xe4\n" * 160_000 + b"\nhello\n"
    failed(rig.send(*ENVELOPE, input=message), 65, "the header is too large when encoded")
    assert server.messages == []


UNCLEAR = b'Content-Type: multipart/mixed; boundary=c "\xe4"\n\n--c\n\nx\n--c--\n'


@pytest.mark.parametrize("text, place", [
    (UNCLEAR, "of the header"),
    (b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + UNCLEAR + b"--b--\n", "of a part"),
], ids=["header", "part"])
def test_a_content_field_that_nobody_understands(rig, text, place):
    server = rig.serve(caps=SEVEN)
    message = HEADER + b"MIME-Version: 1.0\n" + text
    failed(rig.send(*ENVELOPE, input=message), 65, f"a Content- field {place} holds octets beyond")
    assert server.messages == []
