"""Certificates: which are believed, by what, and what a refusal says."""

import os
import re
import shutil
import socket
import subprocess
import threading

import pytest
from OpenSSL import SSL

from certs import pin
from expect import delivered, failed

DETAILS = re.compile(r'; subject "[^"]*", issuer "[^"]*", '
                     r'valid from (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) to \d{4}-\d\d-\d\dT[\d:]+Z, '
                     r'pin (sha256:[0-9a-f]{64})$')
NO_PIN = "sha256:" + 64 * "0"
SOFTHSM = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")


def refused(rig, certificate, *words):
    """The certificate is refused with these words, and the line shows what it is."""
    done = rig.send()
    failed(done, 78, "localhost", "TLS handshake", "the certificate for ", *words)
    details = DETAILS.search(done.lines[0])
    assert details, done.lines[0]
    assert details.group(2) == pin(certificate)
    for server in rig.servers:
        assert b"AUTH" not in server.only.received


@pytest.mark.parametrize("kind, words", [
    ("expired", ["it expired on 20", "Z (check this machine's clock"]),
    ("not_yet", ["it is not valid before 20", "Z (check this machine's clock"]),
    ("wrong_name", ["it is for elsewhere.example.test (set host or tls_host to a name"]),
    ("stranger", ['nobody here trusts "CN=other-ca" (set tls_ca_file to the CA that signed']),
    ("self_signed", ["it is self-signed (set tls_ca_file to a copy of it, or "]),
    ("nameless", ["no subjectAltName", "CN does not count (RFC 9525)"]),
    ("client", ["not meant for TLS servers"]),
])
def test_refusals(rig, certificates, kind, words):
    certificate = getattr(certificates, kind)
    rig.serve(certificate=certificate)
    refused(rig, certificate, *words)


def test_everything_that_is_wrong(rig, certificates, tmp_path):
    """An unknown issuer does not hide that the certificate has expired as well."""
    certificate = certificates.authority.issue("old-self", first_day=-20, last_day=-10,
                                               self_signed=True)
    rig.serve(certificate=certificate)
    refused(rig, certificate, "it is self-signed, and it expired on 20")


def test_hostile_words(rig, certificates):
    certificate = certificates.authority.issue(
        "hostile", common="\x1b[31m\r\nC: QUIT" + 40 * "x", last_day=-1, first_day=-2)
    rig.serve(certificate=certificate)
    refused(rig, certificate, "it expired on")


@pytest.mark.parametrize("count", [6, 300])
def test_many_names(rig, certificates, count):
    names = [f"a{n}.example.test" for n in range(count)]
    certificate = certificates.authority.issue(f"many-{count}", names=names)
    rig.serve(certificate=certificate)
    refused(rig, certificate, f"a3.example.test, a4.example.test and {count - 5} more")


@pytest.mark.parametrize("names, host, good", [
    (("*.example.test",), "mail.example.test", True),
    (("*.example.test",), "a.mail.example.test", False),
    (("*.example.test",), "example.test", False),
    (("m*.example.test",), "mail.example.test", False),
    (("MAIL.Example.TEST",), "mail.example.test", True),
    (("127.0.0.1",), "127.0.0.1", True),
    (("::1",), "127.0.0.1", False),
    (("127.0.0.1", "::1"), "::1", True),
    (("localhost",), "127.0.0.1", False),
])
def test_names(rig, certificates, names, host, good):
    name = "names-" + re.sub(r"\W", "_", names[0] + host)
    certificate = certificates.authority.issue(name, names=names, common="mail.example.test")
    server = rig.serve(certificate=certificate, account={"tls_host": host})
    if good:
        delivered(rig.send(), server)
    else:
        refused(rig, certificate, "it is for ")


# pins

@pytest.mark.parametrize("kind, ca, pins, words", [
    ("good", True, ["good"], None),
    ("good", True, [None, "good"], None),
    ("good", True, [None], "its key is none of those that tls_pin lists"),
    ("good", True, ["expired"], "its key is none of those that tls_pin lists"),
    ("expired", True, ["expired"], "it expired"),
    ("wrong_name", True, ["wrong_name"], "it is for "),
    ("stranger", True, ["stranger"], "issuer is not known"),
    ("stranger", False, ["stranger"], None),
    ("expired", False, ["expired"], None),
    ("self_signed", False, ["good", "self_signed"], None),
    ("nameless", False, ["nameless"], None),
    ("good", False, [None], "its key is none of those that tls_pin lists"),
])
def test_pins(rig, certificates, kind, ca, pins, words):
    """Beside the chain, and with tls_ca_file = none instead of it."""
    certificate = getattr(certificates, kind)
    pins = [pin(getattr(certificates, p)) if p else NO_PIN for p in pins]
    account = {"tls_pin": pins if len(pins) > 1 else pins[0]}
    if not ca:
        account["tls_ca_file"] = "none"
    server = rig.serve(certificate=certificate, account=account)
    if words is None:
        delivered(rig.send(), server)
    else:
        refused(rig, certificate, words)


def test_pin_in_upper_case(rig, certificates):
    text = pin(certificates.good)
    server = rig.serve(account={"tls_pin": "sha256:" + text[7:].upper()})
    delivered(rig.send(), server)


# what the server is asked for

def test_a_bundle_with_the_systems(rig, certificates, tmp_path):
    """One of many CAs, first or last."""
    with open("/etc/ssl/certs/ca-certificates.crt", "rb") as f:
        system = f.read()
    for n, text in enumerate([system + certificates.ca.read_bytes(),
                              certificates.ca.read_bytes() + system]):
        bundle = tmp_path / f"bundle{n}.pem"
        bundle.write_bytes(text)
        server = rig.serve(account={"tls_ca_file": bundle})
        delivered(rig.send(), server)


def test_client_certificate(rig, certificates):
    server = rig.serve(client_ca=certificates.ca,
                       account={"tls_cert_file": certificates.client,
                                "tls_key_file": certificates.client})
    delivered(rig.send(), server)


def test_client_certificate_and_key_in_one(rig, certificates):
    server = rig.serve(client_ca=certificates.ca,
                       account={"tls_cert_file": certificates.client})
    delivered(rig.send(), server)


def test_key_of_another(rig, certificates):
    server = rig.serve(account={"tls_cert_file": certificates.client,
                                "tls_key_file": certificates.good})
    failed(rig.send(), 78, "tls_key_file", "not the key of tls_cert_file")
    assert server.settle().connections == []


@pytest.mark.parametrize("priority, words", [
    ("NORMAL:-VERS-TLS9", "VERS-TLS9"), ("rubbish", "rubbish")])
def test_priority_of_no_use(rig, priority, words):
    server = rig.serve(account={"tls_priority": priority})
    failed(rig.send(), 78, "tls_priority", words)
    assert server.settle().connections == []


def test_priority(rig):
    server = rig.serve(account={"tls_priority": "NORMAL:-VERS-ALL:+VERS-TLS1.2"})
    delivered(rig.send(), server)
    assert server.only.tls.version() == "TLSv1.2"


# a key on a token

@pytest.fixture
def token(tmp_path, certificates):
    """A software token with the client's key and certificate; its URL without the object."""
    module = next((m for m in SOFTHSM if os.path.exists(m)), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.fail("softhsm2 is missing: see tests/packages")
    (tmp_path / "tokens").mkdir()
    conf = tmp_path / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    env = {**os.environ, "SOFTHSM2_CONF": str(conf)}
    pem = certificates.client

    def run(*argv, **options):
        done = subprocess.run(argv, env=env, capture_output=True, **options)
        assert done.returncode == 0, (argv, done.stdout, done.stderr)

    run("softhsm2-util", "--init-token", "--free", "--label", "mail", "--pin", "1234",
        "--so-pin", "5678")
    url = "pkcs11:token=mail"
    for what in ("--load-privkey", "--load-certificate"):
        run("p11tool", "--provider", module, "--login", "--set-pin", "1234", "--write", what,
            str(pem), "--label", "alice", "--id", "01", "--batch", url)
    return url, env["SOFTHSM2_CONF"]


@pytest.mark.parametrize("cert_on_token", [True, False])
def test_token(rig, certificates, token, cert_on_token):
    url, conf = token
    url += ";object=alice"
    cert = url + ";type=cert" if cert_on_token else str(certificates.client)
    server = rig.serve(client_ca=certificates.ca,
                       account={"tls_cert_file": cert,
                                "tls_key_file": url + ";type=private?pin-value=1234"})
    rig.program.env["SOFTHSM2_CONF"] = conf
    delivered(rig.send(), server)


@pytest.mark.parametrize("url", [";object=alice;type=private", ";object=bob?pin-value=1234",
                                 ";object=alice;type=private?pin-value=4321"])
def test_token_of_no_use(rig, certificates, token, url):
    server = rig.serve(account={"tls_cert_file": certificates.client,
                                "tls_key_file": token[0] + url})
    rig.program.env["SOFTHSM2_CONF"] = token[1]
    failed(rig.send(), 78, "tls_key_file")
    assert server.settle().connections == []


# OCSP staples, which Python's ssl does not have

class Stapler:
    """A server that staples this response and has no time for mail."""

    def __init__(self, certificate, staple):
        self.context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self.context.use_certificate_file(str(certificate))
        self.context.use_privatekey_file(str(certificate))
        if staple is not None:
            self.context.set_ocsp_server_callback(lambda *_: staple.read_bytes())
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        sock, _ = self.socket.accept()
        sock.settimeout(None)
        connection = SSL.Connection(self.context, sock)
        connection.set_accept_state()
        try:
            connection.do_handshake()
            connection.sendall(b"421 4.3.2 tomorrow\r\n")
            while connection.recv(4096):
                pass
        except SSL.Error:
            pass
        sock.close()


@pytest.mark.parametrize("must_staple", [False, True], ids=["may", "must"])
@pytest.mark.parametrize("kind, words", [
    ("good", None), ("revoked", "it has been revoked"), ("stale", "stapled OCSP response"),
    ("strangers", "stapled OCSP response"), ("garbage", "stapled OCSP response"), ("none", None),
])
def test_staples(rig, certificates, tmp_path, kind, words, must_staple):
    ours = certificates.authority
    certificate = ours.issue(f"stapled-{kind}-{must_staple}", must_staple=must_staple)
    staple = tmp_path / "garbage.der"
    staple.write_bytes(b"\x30\x03\x0a\x01")
    if kind == "none":
        staple = None
    elif kind == "strangers":
        staple = ours.staple(f"{kind}-{must_staple}", certificates.good)
    elif kind != "garbage":
        staple = ours.staple(f"{kind}-{must_staple}", certificate, revoked=kind == "revoked",
                             days=-1 if kind == "stale" else 7)
    server = Stapler(certificate, staple)
    rig.program.configure(settings={"hostname": "client.example.org", "log": "off"},
                          accounts={"default": {"host": "localhost", "port": server.port,
                                                "tls": "implicit", "ip": 4,
                                                "tls_ca_file": certificates.ca}})
    if must_staple and kind == "none":
        words = "stapled OCSP response"
    done = rig.send()
    server.thread.join()
    server.socket.close()
    if words is None:
        failed(done, 75, "localhost", "tomorrow")
    else:
        failed(done, 78, "localhost", "TLS handshake", words)
