"""The test ground itself: the scripted server held against Python's own client.

Needs no program: when these fail, no other test means anything.
"""

import smtplib
import socket
import ssl

import dkim
import pytest

import dkimverify
from dkimverify import Key
from expect import MESSAGE, wire
from postfix import Postfix, needs_root
from smtpscript import CLOSE, CUT, RESET, SILENCE, Script, Server, after, slow, times


@pytest.fixture
def serve(certificates):
    servers = []

    def start(**options):
        servers.append(Server(Script(certificate=certificates.good, **options)))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def trust(certificates):
    return ssl.create_default_context(cafile=certificates.ca)


def log_in(server, trust):
    script = server.scripts[0]
    if script.tls == "implicit":
        client = smtplib.SMTP_SSL("localhost", server.port, "me", context=trust)
    else:
        client = smtplib.SMTP("localhost", server.port, "me")
    if script.tls == "starttls":
        client.starttls(context=trust)
    if script.auth:
        client.login("alice", "secret")
    return client


@pytest.mark.parametrize("tls", ["starttls", "implicit", "off"])
@pytest.mark.parametrize("auth", ["PLAIN LOGIN", "LOGIN", ""])
def test_an_honest_session(serve, trust, tls, auth):
    server = serve(tls=tls, auth=auth)
    text = wire(MESSAGE) + b".\r\n..\r\n.x\r\n"
    with log_in(server, trust) as client:
        client.sendmail("a@example.org", ["b@example.net", "c@example.net"], text)
    [message] = server.messages
    assert message.accepted and message.data == text
    assert message.raw == wire(MESSAGE) + b"..\r\n...\r\n..x\r\n.\r\n"
    assert message.recipients == [b"b@example.net", b"c@example.net"]
    assert server.violations == []
    assert (b"hello" in server.only.clear) == (tls == "off")


def test_wrong_password(serve, trust):
    server = serve(users={"alice": "other"})
    with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
        log_in(server, trust)


@pytest.mark.parametrize("kind", ["wrong_name", "expired", "not_yet", "stranger", "self_signed"])
def test_bad_certificates_are_bad(certificates, trust, kind):
    with Server(Script(tls="implicit", certificate=getattr(certificates, kind))) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            log_in(server, trust)


def raw(server, *sent):
    """What a bare socket hears after saying things, until the server ends or resets."""
    heard = b""
    try:
        # A server that is quick has reset before the first word, or within the connecting.
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
            for piece in sent:
                client.sendall(piece)
            while got := client.recv(65536):
                heard += got
    except ConnectionError:
        heard += b"<reset>"
    return heard


@pytest.mark.parametrize("steps, heard", [
    ({"greeting": CLOSE}, b""), ({"greeting": CUT}, b""), ({"greeting": RESET}, b"<reset>"),
    ({"greeting": [b"2", b"2", CLOSE]}, b"22"), ({"greeting": slow("220 x", 0.001)}, b"220 x\r\n"),
    ({"greeting": ["220 a", RESET]}, b"220 a\r\n<reset>"), ({"greeting": "220-a\n220 b"},
                                                             b"220-a\r\n220 b\r\n"),
])
def test_endings(serve, steps, heard):
    server = serve(tls="off", auth="", steps={"quit": "221 bye", **steps})
    assert raw(server, b"QUIT\r\n").removesuffix(b"221 bye\r\n") in (heard, b"<reset>")


def test_silence_lasts_until_the_client_goes(serve):
    server = serve(steps={"greeting": SILENCE})
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
    assert server.settle().only.received == b""


def test_steps_by_number_and_time(serve, trust):
    server = serve(steps={"rcpt2": "550 second", "mail": times("250 one", "451 two")})
    with log_in(server, trust) as client:
        refused = client.sendmail("a@x", ["1@x", "2@x", "3@x"], b"x\r\n")
        assert list(refused) == ["2@x"]
        with pytest.raises(smtplib.SMTPSenderRefused, match="451"):
            client.sendmail("a@x", ["1@x"], b"x\r\n")


def test_lost_in_the_body(serve):
    server = serve(tls="off", auth="", steps={"body": after(10, RESET)})
    heard = raw(server, b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n", 20 * b"x")
    assert heard.endswith(b"<reset>")
    assert server.messages == []


@pytest.mark.parametrize("sent, words", [
    (b"EHLO me\nQUIT\r\n", "bare LF"),
    (b"EHLO me\r\nMAIL FROM:<a\x01@x>\r\nQUIT\r\n", "control character"),
    (b"EHLO me\r\nMAIL FROM:<\xe9@x>\r\nQUIT\r\n", "8-bit in a command"),
    (b"EHLO me\r\nQUIT\r\n", "talked ahead of the reply to EHLO"),
])
def test_violations_are_seen(serve, sent, words):
    server = serve(tls="off", auth="", caps=())
    raw(server, sent)
    assert any(words in v for v in server.settle().violations), server.violations


@pytest.mark.parametrize("text, words", [
    (b"a\nb\r\n.\r\n", "bare CR or LF"), (b"a\rb\r\n.\r\n", "bare CR or LF"),
    (b"a\0b\r\n.\r\n", "NUL"), (b"\xe9\r\n.\r\n", "8-bit message"),
])
def test_bad_messages_are_seen(serve, text, words):
    server = serve(tls="off", auth="", caps=("PIPELINING",))
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client, \
            client.makefile("rb") as heard:
        for said in (b"", b"EHLO me\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<b@x>\r\n", b"DATA\r\n",
                     text, b"QUIT\r\n"):
            client.sendall(said)
            while heard.readline()[3:4] == b"-":
                pass
    assert [v for v in server.settle().violations if words in v], server.violations


def test_verifiers(tmp_path):
    key, text = Key("example.org", "s1"), wire(MESSAGE)
    signed = dkim.sign(text, b"s1", b"example.org", key.pem) + text
    broken = signed.replace(b"hello", b"hullo")
    assert dkimverify.dkimpy(signed, key) and not dkimverify.dkimpy(broken, key)
    assert not dkimverify.dkimpy(text, key)
    verdicts = [dkimverify.opendkim(m, tmp_path, key) for m in (signed, broken, text)]
    assert verdicts == ["pass", "fail", "none"]


@needs_root
def test_postfix(certificates, trust):
    text = wire(MESSAGE) + b".\r\n  \r\n\xff\r\n\r\n"
    with Postfix(certificates.good, "alice", "secret") as server:
        for client in (smtplib.SMTP("localhost", server.submission),
                       smtplib.SMTP_SSL("localhost", server.smtps, context=trust)):
            with client:
                if not isinstance(client, smtplib.SMTP_SSL):
                    client.starttls(context=trust)
                with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
                    client.login("alice", "wrong")
                client.login("alice", "secret")
                client.mail("a@example.org")
                assert client.rcpt("nobody@example.net")[0] == 550
                assert client.rcpt("b@example.com")[0] == 554
        with smtplib.SMTP("localhost", server.submission) as client:
            client.starttls(context=trust)
            client.login("alice", "secret")
            client.sendmail("a@example.org", ["b@example.net"], text)
        assert server.delivered()[1:] == ("a@example.org", "b@example.net", text)
    assert not server.folder.exists()
