"""Against a real Postfix with TLS and SASL: what it stores is what was signed."""

import pytest

import dkimverify
import postfix as postfix_server
from conftest import PASSWORD, USER
from dkimverify import Key
from expect import MESSAGE, failed, field, fields, has, silent, wire
from test_dkim import BODIES, FOLDED

pytestmark = postfix_server.needs_root
ISSUE = b"Subject: hi\n\nhello\n"
ENVELOPE = ("-f", "a@example.org", "b@example.net")


@pytest.fixture(scope="module")
def postfix(certificates):
    with postfix_server.Postfix(certificates.good, USER, PASSWORD) as server:
        yield server


@pytest.fixture(scope="module")
def keys():
    return {"rsa": Key("example.org", "r1"), "ed25519": Key("example.org", "e1", "ed25519")}


@pytest.fixture
def mail(program, postfix, certificates, keys):
    """Runs the program against Postfix; .send(), .read() the next message, .stored() none."""
    class Mail:
        seen = {p.name for p in (postfix.folder / "mail").glob("*.eml")}

        def configure(self, **changes):
            sections = {}
            for kind, key in keys.items():
                path = program.folder / f"{kind}.key"
                if not path.exists():
                    program.file(path.name, key.pem)
                sections[kind] = {"domain": "example.org", "selector": key.selector,
                                  "key_file": path}
            account = {"host": "localhost", "port": postfix.submission, "tls": "starttls",
                       "tls_ca_file": certificates.ca, "user": f"{USER}@example.test",
                       "password": PASSWORD, **changes}
            program.configure(settings={"hostname": "client.example.org", "log": "off"},
                              accounts={"default": account}, dkim=sections)

        def send(self, *args, input=ISSUE):
            return program.run(*(args or ENVELOPE), input=input)

        def read(self):
            name, sender, recipient, message = postfix.delivered(self.seen)
            self.seen.add(name)
            assert (sender, recipient) == ("a@example.org", "b@example.net")
            return message

    box = Mail()
    box.configure()
    return box


def verified(message, keys, program):
    assert {t["a"] for t in dkimverify.signatures(message)} == {"rsa-sha256", "ed25519-sha256"}
    assert dkimverify.dkimpy(message, *keys.values())
    assert dkimverify.opendkim(message, program.folder, *keys.values()) == "pass"


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("auth", ["PLAIN", "LOGIN", "auto"])
def test_delivered_and_verified(mail, postfix, program, keys, tls, auth):
    port = postfix.submission if tls == "starttls" else postfix.smtps
    mail.configure(port=port, tls=tls, auth=auth if auth == "auto" else [auth])
    silent(mail.send())
    message = mail.read()
    verified(message, keys, program)
    assert field(message, "Subject") == "hi" and message.endswith(b"\r\n\r\nhello\r\n")


@pytest.mark.parametrize("body", BODIES)
def test_stored_byte_for_byte(mail, program, keys, body):
    text = FOLDED + b"\n" + BODIES[body]
    silent(mail.send(input=text))
    message = mail.read()
    verified(message, keys, program)
    unsigned = message
    for _ in keys:
        first, rest = fields(unsigned)[0], unsigned
        assert first[0] == "DKIM-Signature"
        unsigned = rest[len(b"DKIM-Signature: ") + len(first[1]) + 2:]
    lines = text.replace(b"\r\n", b"\n").replace(b"\r", b" ")
    assert unsigned == wire(lines if lines.endswith(b"\n") else lines + b"\n")


def test_bcc_is_not_told(mail):
    silent(mail.send("-t", "-f", "a@example.org", input=b"Bcc: b@example.net\n" + ISSUE))
    assert not has(mail.read(), "Bcc")


def test_wrong_password(mail):
    mail.configure(password="wrong")
    failed(mail.send(), 77, "localhost", "AUTH", "535 5.7.8")


def test_wrong_ca(mail, certificates):
    mail.configure(tls_ca_file=certificates.other_ca)
    failed(mail.send(), 78, "localhost", "certificate")


def test_unknown_recipient(mail):
    failed(mail.send("-f", "a@example.org", "nobody@example.net"), 67, "localhost", "RCPT",
           "nobody@example.net", "550 5.1.1")


def test_relaying_denied(mail):
    failed(mail.send("-f", "a@example.org", "b@example.com"), 77, "554 5.7.1")


def test_one_of_two(mail):
    failed(mail.send("-f", "a@example.org", "nobody@example.net", "b@example.net"), 67,
           "nobody@example.net")
    assert field(mail.read(), "Subject") == "hi"


def test_no_auth(mail):
    mail.configure(user=None, password=None)
    done = mail.send()
    assert done.status in (77, 69) and len(done.lines) == 1, str(done)


def test_message_too_large(mail):
    failed(mail.send(input=MESSAGE + 11 * 1024 * 1024 * b"x" + b"\n"), 65)


def test_stopped(program, certificates):
    with postfix_server.Postfix(certificates.good, USER, PASSWORD) as server:
        port = server.submission
        server.halt()
    program.configure(settings={"log": "off"}, accounts={"default": {
        "host": "localhost", "port": port, "tls_ca_file": certificates.ca,
        "user": USER, "password": PASSWORD}})
    failed(program.run(*ENVELOPE, input=ISSUE), 75, "localhost", "connect")
