"""Every mechanism of AUTH, against servers that know it from somewhere else."""

import base64
import subprocess
import unicodedata

import pytest
from OpenSSL import SSL

import dovecot as dovecotserver
import gsaslserver
import postfix as postfix_server
from expect import ENVELOPE, MESSAGE, failed, silent
from gsaslserver import CB_TLS_EXPORTER, MECHANISMS
from smtpscript import Script, Server

TLS_1_2, TLS_1_3 = SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION
VERSIONS = pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["TLS1.2", "TLS1.3"])
STRIPPED = MECHANISMS.replace("SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS ", "")
# With all that has a meaning in one mechanism or another, and a letter to be composed.
USER, PASSWORD = "j\u00fcr=gen,x@example.org", "p\u00e4ss wo\u0308rd=\u20ac"


@pytest.fixture
def gsasl(program, certificates):
    """Sends a message to a GNU SASL server: gsasl(auth, ...) is (run, server)."""
    def send(auth="auto", user="alice", password="secret", known=None, account=None, **options):
        users = {user: password} if known is None else known
        with gsaslserver.Server(certificates.good, users, **options) as server:
            program.configure(settings={"hostname": "client.example.org", "log": "off"},
                              accounts={"default": {
                                  "host": "localhost", "port": server.port, "tls": "implicit",
                                  "tls_ca_file": certificates.ca, "auth": auth, "user": user,
                                  "password": password, **(account or {})}})
            return program.run(*ENVELOPE, input=MESSAGE), server
    return send


def initial(server):
    """The mechanism taken last, and its first message."""
    mechanism, message = [turn for turn in server.auth if isinstance(turn, tuple)][-1]
    return mechanism, base64.b64decode(message or "")


@VERSIONS
@pytest.mark.parametrize("mechanism", [m for m in MECHANISMS.split() if m != "EXTERNAL"])
@pytest.mark.parametrize("user, password", [("alice", "secret"), (USER, PASSWORD)],
                         ids=["ascii", "utf8"])
def test_each(gsasl, version, mechanism, user, password):
    known = {user: unicodedata.normalize("NFC", password)}
    done, server = gsasl([mechanism], user, password, known, version=version)
    silent(done)
    assert initial(server)[0] == mechanism
    assert server.user == user and b"hello" in server.message, server.error


@VERSIONS
@pytest.mark.parametrize("mechanism", [m for m in MECHANISMS.split() if m != "EXTERNAL"])
def test_wrong_password(gsasl, version, mechanism):
    done, server = gsasl([mechanism], version=version, known={"alice": "geheim"})
    failed(done, 77, "localhost", "AUTH", "535 5.7.8")
    assert server.error is not None and server.user is None


@pytest.mark.parametrize("version, binding", [(TLS_1_2, b"p=tls-unique,,n=alice,r="),
                                              (TLS_1_3, b"p=tls-exporter,,n=alice,r=")],
                         ids=["TLS1.2", "TLS1.3"])
def test_auto_binds_the_channel(gsasl, version, binding):
    done, server = gsasl(version=version)
    silent(done)
    mechanism, message = initial(server)
    assert mechanism == "SCRAM-SHA-256-PLUS" and message.startswith(binding)


@pytest.mark.parametrize("offer, taken", [
    (MECHANISMS, "SCRAM-SHA-256-PLUS"),
    ("LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256", "SCRAM-SHA-1-PLUS"),
    ("LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1", "SCRAM-SHA-1"),
    ("LOGIN PLAIN CRAM-MD5", "CRAM-MD5"), ("LOGIN PLAIN", "PLAIN"), ("LOGIN", "LOGIN")])
def test_auto_takes_the_best(gsasl, offer, taken):
    bindings = None if "PLUS" in offer else {}
    done, server = gsasl(offer=offer, bindings=bindings)
    silent(done)
    assert initial(server)[0] == taken


@VERSIONS
def test_no_plus_offered(gsasl, version):
    """To a server that cannot bind the channel the y flag says nothing new."""
    done, server = gsasl(offer=STRIPPED, version=version, bindings={})
    silent(done)
    mechanism, message = initial(server)
    assert mechanism == "SCRAM-SHA-256" and message.startswith(b"y,,")


def test_plus_not_wanted(gsasl):
    done, server = gsasl(["SCRAM-SHA-256"])
    silent(done)
    assert initial(server)[1].startswith(b"n,,")


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"])
def test_somebody_in_the_middle(gsasl, mechanism):
    """Whose certificate is believed, but whose channel is not the server's."""
    done, server = gsasl([mechanism], bindings={CB_TLS_EXPORTER: 32 * b"x"})
    failed(done, 77, "AUTH", "535")
    assert server.user is None and server.message is None


def test_listed_plus_that_is_not_offered(gsasl):
    done, server = gsasl(["SCRAM-SHA-256-PLUS"], offer=STRIPPED)
    failed(done, 78, "AUTH", "SCRAM-SHA-256")
    assert server.auth == []


@VERSIONS
@pytest.mark.parametrize("auth, user, password, known, taken", [
    (["EXTERNAL"], None, None, {}, ("EXTERNAL", "=")),
    (["EXTERNAL"], "alice", None, {"alice": ""}, ("EXTERNAL", "YWxpY2U=")),
    ("auto", None, None, {}, ("EXTERNAL", "=")),
    ("auto", "alice", "secret", None, None),
])
def test_client_certificate(gsasl, certificates, version, auth, user, password, known, taken):
    files = {"tls_cert_file": certificates.good, "tls_key_file": certificates.good}
    done, server = gsasl(auth, user, password, known, files, version=version,
                         wants_certificate=True)
    silent(done)
    assert server.user == (user or "")
    if taken is None:
        assert initial(server)[0] == "SCRAM-SHA-256-PLUS"
    else:
        assert server.auth == [taken]


# By script: servers that are not what they should be, or say what a real one seldom says.

def test_a_server_that_proves_nothing(rig):
    """It would have got our message had it said yes to PLAIN."""
    server = rig.serve(auth="SCRAM-SHA-256 PLAIN", steps={"auth": "235 2.7.0 welcome"})
    failed(rig.send(), 76, "localhost", "AUTH", "SCRAM-SHA-256", "without proving")
    assert not any(c.startswith((b"MAIL", b"AUTH PLAIN")) for c in server.only.commands)


def test_a_plus_that_is_offered_and_refused(rig):
    """Somebody between us and the server may have said so; who then goes on without the channel
    tells the server that it was not seen to have it (RFC 5802, 6)."""
    server = rig.serve(auth="SCRAM-SHA-256-PLUS SCRAM-SHA-256", steps={"auth": "504 5.5.4 not me"})
    failed(rig.send(), 78, "AUTH", "504 5.5.4 not me")
    asked = [c.split(b" ")[1:] for c in server.only.commands if c.startswith(b"AUTH")]
    assert [mechanism for mechanism, _ in asked] == [b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"]
    first, second = (base64.b64decode(message) for _, message in asked)
    assert first.startswith(b"p=tls-exporter,,n=alice") and second.startswith(b"y,,n=alice")


def test_a_challenge_that_is_none(rig):
    server = rig.serve(auth="CRAM-MD5", steps={"auth": "334 <1@example.org>"})
    failed(rig.send(), 76, "AUTH", "CRAM-MD5", "base64")
    assert b"*" in server.only.commands


@pytest.mark.parametrize("mechanism, answer", [("XOAUTH2", b""), ("OAUTHBEARER", b"AQ==")])
def test_an_error_challenge(rig, mechanism, answer):
    words = b'{"status":"invalid_token","scope":"https://mail.example.test/"}'
    server = rig.serve(auth=mechanism, account={"auth": [mechanism]},
                       steps={"auth": "334 " + base64.b64encode(words).decode(),
                              "auth2": "535 5.7.8 no"})
    failed(rig.send(), 77, "AUTH", "535 5.7.8 no", words.decode())
    assert answer in server.only.commands


def test_the_mechanism_is_told_but_not_the_secret(rig):
    server = rig.serve(auth="PLAIN")
    done = rig.send("-v", *ENVELOPE)
    assert done.status == 0 and b"AUTH PLAIN ***" in done.stdout, str(done)
    secret = base64.b64encode(b"\0alice\0secret")
    assert b"AUTH PLAIN " + secret in server.only.commands and secret not in done.stdout


# Cyrus SASL, behind Postfix.

CYRUS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")


@pytest.fixture(scope="module")
def postfix(certificates):
    server = postfix_server.Postfix(certificates.good, "alice", "secret")
    conf = server.folder / "config/sasl/smtpd.conf"
    conf.write_text(conf.read_text().replace("PLAIN LOGIN", " ".join(CYRUS)))
    with server:
        yield server


@pytest.fixture
def cyrus(program, postfix, certificates):
    def send(auth, password="secret"):
        program.configure(settings={"hostname": "client.example.org", "log": "off"},
                          accounts={"default": {
                              "host": "localhost", "port": postfix.submission, "tls": "starttls",
                              "tls_ca_file": certificates.ca, "auth": auth,
                              "user": "alice@example.test", "password": password}})
        return program.run("-v", *ENVELOPE, input=MESSAGE)
    return send


@postfix_server.needs_root
@pytest.mark.parametrize("mechanism", CYRUS)
def test_postfix(cyrus, postfix, mechanism):
    done = cyrus([mechanism])
    assert done.status == 0, str(done)
    assert f"sasl_method={mechanism}, sasl_username=alice@example.test" in postfix.log()


@postfix_server.needs_root
@pytest.mark.parametrize("mechanism", CYRUS)
def test_postfix_wrong_password(cyrus, mechanism):
    done = cyrus([mechanism], password="wrong")
    assert done.status == 77 and b"535 5.7.8" in done.stderr, str(done)


# Dovecot, which alone of Debian's servers has the tokens.

DOVECOT = dovecotserver.MECHANISMS


@pytest.fixture(scope="module")
def client_files(tmp_path_factory):
    """The settings of a certificate that names alice."""
    folder = tmp_path_factory.mktemp("client")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=alice", "-days", "2",
                    "-keyout", folder / "key", "-out", folder / "certificate"],
                   check=True, capture_output=True)
    (folder / "key").chmod(0o600)
    return {"tls_cert_file": folder / "certificate", "tls_key_file": folder / "key"}


@pytest.fixture(scope="module")
def dovecot(certificates, client_files):
    with Server(Script(tls="off", auth="", need_auth=False)) as relay:
        with dovecotserver.Dovecot(certificates.good, client_files["tls_cert_file"],
                                   {"alice": "secret"}, relay.port) as server:
            server.relay = relay
            yield server


@pytest.fixture
def by_dovecot(program, dovecot, certificates, client_files):
    def send(mechanism, password="secret"):
        account = {"host": "localhost", "port": dovecot.implicit, "tls": "implicit",
                   "tls_ca_file": certificates.ca, "auth": [mechanism], "user": "alice",
                   "password": password}
        if mechanism == "EXTERNAL":
            account.update(client_files, password=None)
        program.configure(settings={"hostname": "client.example.org", "log": "off"},
                          accounts={"default": account})
        return program.run(*ENVELOPE, input=MESSAGE)
    return send


def secret_for(mechanism, right=True):
    if mechanism in ("XOAUTH2", "OAUTHBEARER"):
        return dovecotserver.token("alice", *(() if right else (b"another key",)))
    return "secret" if right else "wrong"


@postfix_server.needs_root
@pytest.mark.parametrize("mechanism", DOVECOT)
def test_dovecot(by_dovecot, dovecot, mechanism):
    before = len(dovecot.relay.messages)
    silent(by_dovecot(mechanism, secret_for(mechanism)))
    assert len(dovecot.relay.messages) == before + 1
    assert f"Login: user=<alice>, method={mechanism}," in dovecot.log()


@postfix_server.needs_root
@pytest.mark.parametrize("mechanism", [m for m in DOVECOT if m != "EXTERNAL"])
def test_dovecot_wrong_secret(by_dovecot, mechanism):
    done = by_dovecot(mechanism, secret_for(mechanism, right=False))
    failed(done, 77, "localhost", "AUTH", "535 5.7.8")
    if mechanism in ("XOAUTH2", "OAUTHBEARER"):
        assert '({"status":"' in done.stderr.decode(), str(done)
