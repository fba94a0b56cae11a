"""TLS: what is asked for is had, or nothing is sent."""

import ssl

import pytest

from expect import ENVELOPE, HEADER, MESSAGE, delivered, failed
from smtpscript import CLOSE, CUT, EHLO, RESET, SILENCE, slow

KINDS = pytest.mark.parametrize("tls", ["starttls", "implicit"])
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"     # fatal, handshake_failure


def nothing_said(server):
    """Under TLS not a byte, and in clear nothing but the way there."""
    session = server.only
    assert session.received in (b"", session.clear)
    assert session.clear in (b"", b"EHLO client.example.org\r\nSTARTTLS\r\n",
                             b"EHLO client.example.org\r\nSTARTTLS\r\nQUIT\r\n",
                             b"EHLO client.example.org\r\nQUIT\r\n",
                             b"EHLO client.example.org\r\n")


@KINDS
@pytest.mark.parametrize("kind", ["wrong_name", "expired", "not_yet", "stranger", "self_signed"])
def test_certificates_not_to_be_trusted(rig, certificates, tls, kind):
    server = rig.serve(tls=tls, certificate=getattr(certificates, kind))
    failed(rig.send(), 78, "localhost", "certificate")
    nothing_said(server)


@KINDS
def test_tickets_and_a_reply_in_one_piece(rig, tls):
    """What TLS has read ahead must not be waited for at the socket."""
    server = rig.serve(tls=tls, tickets_later=True)
    delivered(rig.send(), server)


@KINDS
def test_an_alert_behind_the_handshake(rig, certificates, tls):
    """In TLS 1.3 a server that wants a certificate says so when the client believes it is in."""
    rig.serve(tls=tls, client_ca=certificates.ca)
    failed(rig.send(), 76, "localhost", "alert")


@KINDS
def test_the_wrong_ca(rig, certificates, tls):
    server = rig.serve(tls=tls, account={"tls_ca_file": certificates.other_ca})
    failed(rig.send(), 78, "certificate")
    nothing_said(server)


@KINDS
def test_the_systems_trust(rig, tls):
    server = rig.serve(tls=tls, account={"tls_ca_file": None})
    failed(rig.send(), 78, "certificate")
    nothing_said(server)


@pytest.mark.parametrize("account, kind, good", [
    ({"host": "localhost"}, "good", True),
    ({"host": "LOCALHOST"}, "good", True),
    ({"host": "127.0.0.1"}, "good", True),
    ({"host": "127.0.0.1"}, "wrong_name", False),
    ({"tls_host": "mail.example.test"}, "good", True),
    ({"tls_host": "elsewhere.example.test"}, "wrong_name", True),
    ({"tls_host": "nowhere.example.test"}, "good", False),
    ({"tls_host": "example.test"}, "good", False),
])
def test_names(rig, certificates, account, kind, good):
    server = rig.serve(account=account, certificate=getattr(certificates, kind))
    if good:
        delivered(rig.send(), server)
    else:
        failed(rig.send(), 78, "certificate")
        nothing_said(server)


@pytest.mark.parametrize("content", [None, b"", b"no certificate\n"],
                         ids=["absent", "empty", "garbage"])
def test_ca_file_of_no_use(rig, content):
    path = rig.program.folder / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    server = rig.serve(account={"tls_ca_file": path})
    failed(rig.send(), 78, "ca.pem")
    assert server.settle().connections == []


@pytest.mark.parametrize("caps", [EHLO, EHLO + ("STARTTLSX",), EHLO + ("X-STARTTLS",)],
                         ids=["absent", "longer", "other"])
def test_starttls_not_offered(rig, caps):
    server = rig.serve(offer_starttls=False, auth_in_clear=True, caps=caps)
    failed(rig.send(), 78, "STARTTLS")
    nothing_said(server)


@pytest.mark.parametrize("reply, status", [
    ("454 4.7.0 not now", 75), ("502 5.5.1 never heard of", 76), ("554 5.7.1 no", 77)])
def test_starttls_refused(rig, reply, status):
    server = rig.serve(auth_in_clear=True, steps={"starttls": reply})
    failed(rig.send(), status, "STARTTLS", reply)
    nothing_said(server)


@pytest.mark.parametrize("behind", [b"250 ok\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", b"2", b"\r\n",
                                    b"\x16\x03\x03"], ids=repr)
def test_bytes_behind_the_starttls_reply(rig, behind):
    server = rig.serve(steps={"starttls": b"220 2.0.0 go ahead\r\n" + behind})
    failed(rig.send(), 76, "STARTTLS")
    nothing_said(server)


@KINDS
@pytest.mark.parametrize("garbage, status", [
    (64 * b"\0", 76), (300 * b"\xff", 76), (ALERT, 76), ([ALERT, RESET], 76),
    (CLOSE, 75), (CUT, 75), (RESET, 75),
    ([b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03", CUT], 75), ([b"\x16", RESET], 75),
], ids=lambda v: repr(v)[:30])
def test_handshake(rig, tls, garbage, status):
    server = rig.serve(tls=tls, steps={"tls": garbage})
    failed(rig.send(), status, "TLS")
    nothing_said(server)


@pytest.mark.parametrize("tls, status", [("implicit", 78), ("starttls", 76)])
@pytest.mark.parametrize("text", [b"220 mail.example.test ESMTP\r\n", b"500 5.5.2 what?\r\n",
                                  b"220-mail.example.test\r\n220 ESMTP\r\n"])
def test_smtp_in_place_of_tls(rig, tls, status, text):
    """Behind STARTTLS it is nonsense; else the port is the wrong one."""
    server = rig.serve(tls=tls, steps={"tls": text})
    done = rig.send()
    failed(done, status, "TLS")
    assert ("set tls = starttls" in done.lines[0]) == (tls == "implicit")
    nothing_said(server)


@KINDS
@pytest.mark.parametrize("action", [SILENCE, slow(100 * b"\x16", 0.3),
                                    [b"\x16\x03\x03", SILENCE]],
                         ids=["silence", "slow", "a-piece"])
def test_handshake_that_does_not_end(rig, tls, action):
    server = rig.serve(tls=tls, settings={"deadline": "2s"}, steps={"tls": action})
    done = rig.send()
    if isinstance(action, slow):    # what 0x16 repeated is: no TLS, or not all of it yet
        assert done.status in (75, 76) and len(done.lines) == 1, str(done)
    else:
        failed(done, 75, "TLS")
    nothing_said(server)


@KINDS
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(rig, tls, version):
    server = rig.serve(tls=tls, max_tls=version)
    delivered(rig.send(), server)


def test_implicit_is_what_port_465_means(rig):
    """Nobody is at 465 here; the run must not get further than connecting."""
    rig.serve(account={"port": None, "host": "localhost:1", "tls": None})
    failed(rig.send(), 75, "localhost")


def test_clear_text_for_those_who_ask(rig):
    server = rig.serve(tls="off", auth="")
    delivered(rig.send(), server)
    assert server.only.tls is None


def test_clear_text_server_for_those_who_do_not(rig):
    server = rig.serve(tls="off", auth="", account={"tls": "starttls"})
    failed(rig.send(), 78, "STARTTLS")
    nothing_said(server)


@KINDS
def test_a_large_body_under_tls(rig, tls):
    server = rig.serve(tls=tls)
    text = HEADER + b"\n" + 100000 * b"the quick brown fox jumps over the lazy dog\n"
    assert delivered(rig.send(*ENVELOPE, input=text), server).data == text.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_capabilities_of_before_do_not_count(rig, tls):
    """What EHLO said in clear is forgotten: an attacker may have written it."""
    second = "250-mail.example.test\n250 AUTH PLAIN"
    step = "ehlo2" if tls == "starttls" else "ehlo"
    server = rig.serve(tls=tls, steps={step: second})
    message = delivered(rig.send(*ENVELOPE, input=MESSAGE), server)
    assert message.sender == b"<a@example.org>"
