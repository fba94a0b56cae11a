"""Against real servers: Postfix, Exim, Dovecot, and Python's aiosmtpd.

What they store, or hand on, is what was signed, byte for byte; only trace fields are in front.
"""

import queue
import re
from dataclasses import dataclass

import pytest

import aioserver
import dkimverify
import dovecot as dovecot_server
import exim as exim_server
import postfix as postfix_server
from conversation import Conversation
from dkimverify import Key
from expect import HEADER, MESSAGE, failed, silent, wire
from relaywire import Relay
from smtpscript import EHLO, PATIENCE, Connection, Message, Script, Server

USERS = {"alice": "secret"}
RECIPIENT, NOBODY = "b@example.net", "nobody@example.net"
ENVELOPE = ("-f", "a@example.org", RECIPIENT)
TRACE = ("Received", "Return-Path", "Delivered-To")
MECHANISMS = {
    "postfix": ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"),
    "exim": exim_server.MECHANISMS,
    "dovecot": dovecot_server.MECHANISMS,
    "aiosmtpd": aioserver.MECHANISMS,
}
# How a server's log tells by which mechanism alice came in.
LOGGED = {"postfix": "sasl_method={0}, sasl_username=alice", "exim": "A={1}:alice",
          "dovecot": "Login: user=<alice>, method={0},", "aiosmtpd": "{0} alice"}
NASTY = (b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
         b"X-Folded:  one \n\ttwo \n  three\n\n"
         b".\n..\n.x\nFrom here on\n a  b\t c \t\n\t\n  \ncaf\xc3\xa9 \xe2\x82\xac\n\n\n\n")


def cases(*servers, tls=("starttls", "implicit"), mechanisms=False):
    """One for each server, kind of TLS and perhaps mechanism. A server's are run by one process, so
    that it is started once."""
    for server in servers or MECHANISMS:
        for kind in tls:
            for mechanism in MECHANISMS[server] if mechanisms else (None,):
                values = (server, kind, mechanism) if mechanisms else (server, kind)
                marks = [pytest.mark.xdist_group(server.partition("_")[0])]
                if server != "aiosmtpd":
                    marks.append(postfix_server.needs_root)
                yield pytest.param(*values, marks=marks, id="-".join(values))


def servers(*names):
    return pytest.mark.parametrize("name, tls", cases(*names, tls=("implicit",)))


class Sink(Server):
    """Where Exim and Dovecot hand the mail on to; it knows who is there."""

    class session(Connection):
        def on_rcpt(self, line):
            if NOBODY.encode() in line:
                return self.do("550 5.1.1 nobody has that name here")
            return super().on_rcpt(line)

        def finish(self, message):
            super().finish(message)
            self.server.letters.put(message)

    def __init__(self):
        self.letters = queue.Queue()
        super().__init__(Script(tls="off", auth="", need_auth=False,
                                caps=EHLO + ("CHUNKING", "DSN", "SMTPUTF8")))

    def take(self):
        return self.letters.get(timeout=PATIENCE)


@dataclass
class Real:
    """A running server: `take` gives the next message that came out of it, `left` tells whether
    there is one more."""
    server: object
    ports: dict
    take: object
    left: object
    log: object
    login: str = "alice"
    sink: object = None


@pytest.fixture(scope="module")
def postfix(certificates):
    server = postfix_server.Postfix(certificates.good, "alice", "secret")
    conf = server.folder / "config/sasl/smtpd.conf"
    conf.write_text(conf.read_text().replace("PLAIN LOGIN", " ".join(MECHANISMS["postfix"])))
    seen = set()

    def take():
        name, sender, recipient, message = server.delivered(seen)
        seen.add(name)
        return Message(f"<{sender}>".encode(), [recipient.encode()], message, chunks=[])

    def left():
        return {path.name for path in server.folder.glob("mail/*.eml")} - seen

    with server:
        yield Real(server, {"starttls": server.submission, "implicit": server.smtps}, take, left,
                   server.log, login="alice@example.test")


def relaying(server, sink):
    return Real(server, {"starttls": server.starttls, "implicit": server.implicit}, sink.take,
                lambda: sink.letters.qsize(), server.log, sink=sink)


@pytest.fixture(scope="module")
def exim(certificates, tmp_path_factory):
    # What pytest keeps from one run to the next.
    folder = tmp_path_factory.getbasetemp()
    folder = next((f for f in folder.parents if f.name.startswith("pytest-of-")), folder)
    root = exim_server.unpacked("exim4-daemon-heavy", folder)
    with Sink() as sink, exim_server.Exim(root, certificates.good, certificates.ca, USERS,
                                          sink.port) as server:
        yield relaying(server, sink)


@pytest.fixture(scope="module")
def dovecot(certificates):
    users = {**USERS, "b": "", "c": ""}
    with Sink() as sink, dovecot_server.Dovecot(certificates.good, certificates.ca, users,
                                                sink.port) as server:
        yield relaying(server, sink)


@pytest.fixture(scope="module")
def dovecot_passwords(certificates):
    """One that asks nobody for a certificate."""
    with Sink() as sink, dovecot_server.Dovecot(certificates.good, None, USERS,
                                                sink.port) as server:
        yield relaying(server, sink)


@pytest.fixture(scope="module")
def aiosmtpd(certificates):
    with aioserver.Aiosmtpd(certificates.good, USERS, (RECIPIENT, "c@example.net")) as server:
        yield Real(server, {"starttls": server.starttls, "implicit": server.implicit},
                   lambda: server.letters.get(timeout=PATIENCE), server.letters.qsize, server.log)


@pytest.fixture(scope="module")
def keys():
    return [Key("example.org", "r1"), Key("example.org", "e1", "ed25519")]


class Sender:
    """The program, with an account at a real server."""

    def __init__(self, program, certificates, keys, real):
        self.program, self.certificates, self.keys, self.real = program, certificates, keys, real
        for key in keys:
            program.file(f"{key.selector}.key", key.pem)
        self.mark = len(real.log())

    def configure(self, tls, auth="auto", settings=None, **changes):
        account = {"host": "localhost", "port": self.real.ports[tls], "tls": tls,
                   "tls_ca_file": self.certificates.ca, "auth": auth, "user": self.real.login,
                   "password": "secret"}
        if auth == ["EXTERNAL"]:
            account.update(user=None, password=None, tls_cert_file=self.certificates.client,
                           tls_key_file=self.certificates.client)
        elif auth in (["XOAUTH2"], ["OAUTHBEARER"]):
            account["password"] = dovecot_server.token("alice")
        self.write({**account, **changes}, settings)

    def write(self, account, settings=None):
        dkim = {key.selector: {"domain": "example.org", "selector": key.selector,
                               "key_file": self.program.folder / f"{key.selector}.key"}
                for key in self.keys}
        self.program.configure(settings={"hostname": "client.example.org", "log": "off",
                                         **(settings or {})},
                               accounts={"default": account}, dkim=dkim)

    def send(self, *args, input=MESSAGE, **options):
        return self.program.run(*(args or ENVELOPE), input=input, **options)

    def remember(self):
        """Settings with a cache."""
        return {"cache": "on", "cache_dir": self.program.folder / "cache"}

    def news(self):
        """What the server's log says since the test began."""
        return self.real.log()[self.mark:]

    def arrived(self, text, sender=b"<a@example.org>", recipients=(RECIPIENT.encode(),)):
        """The next message is this one, signed, and nothing but trace fields was added to it."""
        message = self.real.take()
        assert message.sender.startswith(sender) and message.recipients == list(recipients)
        self.is_signed(message.data, text)
        return message

    def is_signed(self, stored, text):
        stored = peeled(stored, *TRACE)
        assert dkimverify.dkimpy(stored, *self.keys)
        assert dkimverify.opendkim(stored, self.program.folder, *self.keys) == "pass"
        assert len(dkimverify.signatures(stored)) == len(self.keys)
        assert peeled(stored, "DKIM-Signature") == wire(text)


def peeled(message, *names):
    """The message without those of its first fields that have these names."""
    while message.partition(b":")[0].decode() in names:
        message = re.split(rb"\r\n(?![ \t])", message, maxsplit=1)[1]
    return message


@pytest.fixture
def sender(request, program, certificates, keys, name):
    real = request.getfixturevalue(name)
    sender = Sender(program, certificates, keys, real)
    yield sender
    print(sender.news())        # pytest shows it when the test fails
    assert not real.left(), "a message too many"
    assert list(program.tmp.iterdir()) == [], "files left in $TMPDIR"


@pytest.mark.parametrize("name, tls, mechanism", cases(mechanisms=True))
def test_stored_and_verified(sender, name, tls, mechanism):
    sender.configure(tls, [mechanism])
    silent(sender.send(input=HEADER + NASTY))
    sender.arrived(HEADER + NASTY)
    words = LOGGED[name].format(mechanism, mechanism.lower().replace("-", "_"))
    if name == "dovecot":       # its log is another process
        sender.real.server.wait_for(lambda: words in sender.news(), f"no {words} in the log")
    assert words in sender.news()


@servers()
def test_a_long_message(sender, name, tls):
    text = HEADER + b"\n" + 4000 * b".the quick  brown fox jumps over the lazy dog \t\n"
    sender.configure(tls)
    done = sender.send("-v", *ENVELOPE, input=text)
    assert done.status == 0, str(done)
    assert (b"C: BDAT" in done.stdout) == (name != "aiosmtpd")
    sender.arrived(text)


@pytest.mark.parametrize("name, tls", cases())
def test_a_session_with_two_messages(sender, name, tls):
    sender.configure(tls)
    second = MESSAGE.replace(b"hello", b"again")
    with Conversation(sender.program) as bs:
        bs.send(MESSAGE)
        bs.send(second)
    # Two messages may overtake each other in a server's queue.
    letters = sorted((sender.real.take() for _ in range(2)), key=lambda m: b"again" in m.data)
    for letter, text in zip(letters, (MESSAGE, second)):
        sender.is_signed(letter.data, text)


@servers("postfix", "exim", "aiosmtpd")
def test_an_address_beyond_ascii(sender, name, tls):
    sender.configure(tls)
    silent(sender.send("-f", "j\u00fcrgen@example.org", RECIPIENT, input=HEADER + NASTY))
    sender.arrived(HEADER + NASTY, sender="<j\u00fcrgen@example.org>".encode())


@servers("dovecot")
def test_an_address_it_cannot_take(sender, name, tls):
    sender.configure(tls)
    failed(sender.send("-f", "j\u00fcrgen@example.org", RECIPIENT), 65, "SMTPUTF8")


@servers("exim")
def test_what_is_to_be_notified(sender, name, tls):
    sender.configure(tls)
    silent(sender.send("-N", "success,failure", "-R", "hdrs", "-V", "id-1", *ENVELOPE))
    letter = sender.arrived(MESSAGE)
    assert b" RET=HDRS" in letter.sender and b" ENVID=id-1" in letter.sender
    assert any(b" NOTIFY=SUCCESS,FAILURE" in command
               for command in sender.real.sink.connections[-1].commands)


@servers()
def test_wrong_password(sender, name, tls):
    sender.configure(tls, password="wrong")
    failed(sender.send(), 77, "localhost", "AUTH", "535")


@pytest.mark.parametrize("name, tls, mechanism", cases("exim", tls=("implicit",), mechanisms=True))
def test_wrong_secret(sender, name, tls, mechanism):
    """Alice's certificate is one for bob."""
    wrong = {"user": "bob"} if mechanism == "EXTERNAL" else {"password": "wrong"}
    sender.configure(tls, [mechanism], **wrong)
    failed(sender.send(), 77, "localhost", "AUTH", "535")


@servers()
def test_unknown_recipient(sender, name, tls):
    sender.configure(tls)
    failed(sender.send("-f", "a@example.org", NOBODY), 67, "RCPT", NOBODY, "550 5.1.1")
    failed(sender.send("-f", "a@example.org", NOBODY, RECIPIENT), 67, NOBODY, "550 5.1.1")
    sender.arrived(MESSAGE)


@pytest.mark.parametrize("name, tls", cases("postfix", "exim", "dovecot_passwords", "aiosmtpd"))
def test_resumed(sender, name, tls):
    """The second session begins with the first one's ticket, so that no certificate is shown."""
    sender.configure(tls, settings=sender.remember())
    shown = []
    for _ in range(2):
        done = sender.send(env={"GNUTLS_DEBUG_LEVEL": "4"})
        assert done.status == 0, str(done)
        assert b"SERVER HELLO (2) was received" in done.stderr
        shown.append(b"CERTIFICATE (11) was received" in done.stderr)
        sender.arrived(MESSAGE)
    assert shown == [True, False]


@pytest.mark.parametrize("name, tls", cases("dovecot"))
def test_a_ticket_it_cannot_take(sender, name, tls):
    """Dovecot hangs up on it, if it asks for certificates; what has to be sent is sent."""
    sender.configure(tls, settings=sender.remember())
    for _ in range(3):
        silent(sender.send())
        sender.arrived(MESSAGE)


@pytest.mark.parametrize("name, tls", cases("exim"))
def test_ahead_of_the_greeting(sender, name, tls):
    """Who knows that it may talks first."""
    trips = [6, 4] if tls == "implicit" else [8, 5]
    with Relay(sender.real.ports[tls]) as wire_to:
        sender.configure(tls, ["PLAIN"], settings=sender.remember(), port=wire_to.port)
        for _ in trips:
            silent(sender.send())
            sender.arrived(MESSAGE)
        assert wire_to.round_trips == trips
    assert re.findall(r" P=esmtpsa (L\S+) X=TLS1.3:\S+:256(\S*) ", sender.news()) == [
        ("L.", ""), ("L*", "*")]


@servers("dovecot", "aiosmtpd")
def test_lmtp(sender, name, tls):
    """Two of three recipients are there."""
    sender.write({"host": sender.real.server.lmtp, "protocol": "lmtp"})
    people = (RECIPIENT, "c@example.net")
    done = sender.send("-f", "a@example.org", RECIPIENT, NOBODY, "c@example.net",
                       input=HEADER + NASTY)
    failed(done, 67, NOBODY, "550 5.1.1")
    if name == "aiosmtpd":
        sender.arrived(HEADER + NASTY, recipients=[p.encode() for p in people])
        return
    for person in people:
        box = sender.real.server.folder / "mail" / person.split("@")[0] / "new"
        [stored] = box.iterdir()
        # A store has the line ends of its system, and the reader gets CRLF back.
        sender.is_signed(stored.read_bytes().replace(b"\n", b"\r\n"), HEADER + NASTY)
