"""From `host` to a connected socket: names, addresses that are silent, SRV records, paths."""

import contextlib
import socket
import threading
import time

import pytest

import nameserver
from certs import Authority
from expect import delivered, failed, untouched
from postfix import needs_root

HOST = "mail.example.org"
LOCAL = {"a": ["127.0.0.1"]}
PLAIN = {"tls": "off", "auth": ""}      # scripts of servers that anybody may use
SLACK = 5       # seconds beyond a deadline: a busy machine's


def ask(program, names, *args, timeout=1, input=b"Subject: hi\n\nhello\n"):
    """A message sent where the DNS has these names; see nameserver.py."""
    args = args or ("-f", "a@example.org", "b@example.net")
    argv = nameserver.command(program.folder, names, program.command(args), alone=False,
                              timeout=timeout)
    return program.finish(program.start(argv=argv), input)


@pytest.fixture
def plain(rig):
    """A server without TLS and AUTH, and an account for it by the name HOST."""
    return rig.serve(account={"host": HOST}, **PLAIN)


@contextlib.contextmanager
def hole(address, port):
    """A port that takes connections up and never answers them: its queue is full."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(family))
        try:
            server.bind((address, port))
        except OSError as e:
            pytest.skip(f"{address}: {e}")
        server.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket(family))
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


# --- addresses ---

@needs_root     # for a resolv.conf
def test_a_name(program, plain):
    delivered(ask(program, {HOST: LOCAL}), plain)


@needs_root
def test_an_alias(program, plain):
    delivered(ask(program, {HOST: {"cname": "a.example.net"}, "a.example.net": LOCAL}), plain)


@needs_root
def test_a_name_of_any_script(rig, program):
    server = rig.serve(account={"host": "bücher.example"}, **PLAIN)
    delivered(ask(program, {"xn--bcher-kva.example": LOCAL}), server)


@needs_root
def test_addresses_that_refuse(program, plain):
    names = {HOST: {"aaaa": ["::1"], "a": [f"127.0.0.{n}" for n in range(9, 0, -1)]}}
    delivered(ask(program, names), plain)


@needs_root
@pytest.mark.parametrize("records", [
    {"aaaa": ["::1"], "a": ["127.0.0.1"]}, {"a": ["127.0.0.2", "127.0.0.1"]},
    {"aaaa": ["::1"], "a": ["127.0.0.2", "127.0.0.1"]},
], ids=["a family", "an address", "both"])
def test_addresses_that_are_silent(program, plain, records):
    """The system would wait for minutes."""
    silent = [a for a in records.get("aaaa", []) + records["a"] if a != "127.0.0.1"]
    with contextlib.ExitStack() as stack:
        for address in silent:
            stack.enter_context(hole(address, plain.port))
        begin = time.monotonic()
        delivered(ask(program, {HOST: records}), plain)
        assert time.monotonic() - begin < SLACK


@needs_root
@pytest.mark.parametrize("ip, status, words", [
    ("4", 75, ["127.0.0.2", "refused"]), ("6", 68, ["cannot look up", HOST]),
])
def test_one_family(rig, program, ip, status, words):
    rig.serve(account={"host": HOST, "ip": ip}, **PLAIN)
    failed(ask(program, {HOST: {"a": ["127.0.0.2"]}}), status, *words)


def test_a_silent_address_alone(rig):
    with hole("127.0.0.1", 0) as port:
        rig.serve(settings={"deadline": "1s"}, account={"host": "127.0.0.1", "port": port}, **PLAIN)
        begin = time.monotonic()
        failed(rig.send(), 75, f"127.0.0.1 port {port}", "timed out")
        assert 1 <= time.monotonic() - begin < 1 + SLACK


# --- names ---

NO_ADDRESS = {
    "no such name": ({}, 68, "Name or service not known"),
    "no address": ({HOST: {"txt": [["x"]]}}, 68, "No address"),
    "SERVFAIL": ({HOST: {"rcode": "SERVFAIL"}}, 75, "cannot look up"),
    "REFUSED": ({HOST: {"rcode": "REFUSED"}}, 75, "cannot look up"),
    "silence": ({HOST: {"silent": True}}, 75, "cannot look up"),
}


@needs_root
@pytest.mark.parametrize("case", NO_ADDRESS)
def test_no_address(program, plain, case):
    names, status, words = NO_ADDRESS[case]
    failed(ask(program, names), status, HOST, words)
    untouched(plain)


SILENCE = {
    "a host": (HOST, {HOST: {"silent": True}}, HOST),
    "SRV": ("srv:example.org", {"_submissions._tcp.example.org": {"silent": True},
                                "_submission._tcp.example.org": {"silent": True}}, "example.org"),
    "an SRV target": ("srv:example.org", {
        "_submission._tcp.example.org": {"srv": [f"0 0 25 {HOST}."]},
        HOST: {"silent": True}}, HOST),
}


@needs_root
@pytest.mark.parametrize("case", SILENCE)
def test_a_name_server_that_never_answers(rig, program, case):
    """The resolver would wait for half a minute for each question."""
    host, names, words = SILENCE[case]
    rig.serve(settings={"deadline": "1s"}, account={"host": host, "port": None}, **PLAIN)
    begin = time.monotonic()
    failed(ask(program, names, timeout=30), 75, words)
    assert 1 <= time.monotonic() - begin < 1 + SLACK


@needs_root
def test_a_name_server_that_is_silent_about_a_family(program, plain):
    """The resolver would wait for longer than any host is looked up."""
    records = {"a": ["127.0.0.1"], "aaaa": ["::1"], "silent": ["aaaa"]}
    delivered(ask(program, {HOST: records}, timeout=30), plain)


# --- source_address ---

def test_source_address(rig):
    server = rig.serve(account={"host": "127.0.0.1", "source_address": "127.0.0.7"}, **PLAIN)
    peers = []
    server.scripts[0].steps["ehlo"] = lambda: peers.append(
        server.connections[0].sock.getpeername()[0]) or "250 hello"
    delivered(rig.send(), server)
    assert peers == ["127.0.0.7"]


@needs_root
def test_source_address_chooses_the_family(rig, program):
    server = rig.serve(account={"host": HOST, "source_address": "127.0.0.7"}, **PLAIN)
    with hole("::1", server.port):
        delivered(ask(program, {HOST: {"aaaa": ["::1"], "a": ["127.0.0.1"]}}), server)


@pytest.mark.parametrize("source, words", [
    ("192.0.2.1", "no address of this machine"), ("::1", "of no family"),
])
def test_source_address_that_does_not_fit(rig, source, words):
    server = rig.serve(account={"host": "127.0.0.1", "source_address": source}, **PLAIN)
    failed(rig.send(), 78, "source_address", source, words)
    untouched(server)


# --- a list of hosts ---

@needs_root
@pytest.mark.parametrize("records", [
    None, {"txt": [["x"]]}, {"rcode": "SERVFAIL"}, {"silent": True}, {"a": ["127.0.0.2"]},
], ids=["no name", "no address", "SERVFAIL", "silence", "refusal"])
def test_the_next_host(rig, program, records):
    server = rig.serve(account={"host": ["first.example.org", HOST]}, **PLAIN)
    names = {HOST: LOCAL}
    if records:
        names["first.example.org"] = records
    delivered(ask(program, names), server)


@needs_root
@pytest.mark.parametrize("first, second, status", [
    (None, None, 68), ({"a": ["127.0.0.2"]}, None, 75), (None, {"a": ["127.0.0.2"]}, 75),
    ({"rcode": "SERVFAIL"}, None, 75),
])
def test_no_host_is_left(rig, program, first, second, status):
    server = rig.serve(account={"host": ["first.example.org", HOST]}, **PLAIN)
    names = {name: records for name, records in [("first.example.org", first), (HOST, second)]
             if records}
    done = ask(program, names)
    assert done.status == status, str(done)
    for name in "first.example.org", HOST:
        assert name in done.stderr.decode(), str(done)
    untouched(server)


# --- SRV ---

SERVICES = {"implicit": "_submissions._tcp.example.org", "starttls": "_submission._tcp.example.org"}


def certificate(tmp_path, *names):
    """A CA's file, and the certificate of a server with these names."""
    authority = Authority(tmp_path, "srv-ca")
    return authority.pem, authority.issue("srv", names=names)


@pytest.fixture
def srv(rig, program, tmp_path):
    """srv(records, ...): sends by "srv:example.org" to a server with these TLS modes' records."""
    def send(records, *, name=HOST, tls="implicit", account=None, more=None):
        ca, pem = certificate(tmp_path, name)
        server = rig.server(tls=tls, auth="", certificate=pem)
        settings = {"host": "srv:example.org", "port": None, "tls": None, "tls_ca_file": ca}
        rig.configure(server, account={**settings, **(account or {})})
        names = {SERVICES[mode]: {"srv": [text.format(port=server.port) for text in texts]}
                 for mode, texts in records.items()}
        return ask(program, {HOST: LOCAL, "mail.example.net": LOCAL,
                             **names, **(more or {})}), server
    return send


@needs_root
@pytest.mark.parametrize("tls", SERVICES)
def test_srv(srv, tls):
    delivered(*srv({tls: ["0 0 {port} " + HOST + "."]}, tls=tls))


@needs_root
def test_srv_prefers_implicit_tls(srv):
    done, server = srv({"implicit": ["0 0 {port} " + HOST + "."], "starttls": [f"0 0 1 {HOST}."]})
    delivered(done, server)


@needs_root
def test_srv_by_priority(srv):
    """The ones in front refuse, do not exist, or cannot be looked up now."""
    delivered(*srv({"implicit": ["9 0 {port} " + HOST + ".", "1 0 {port} refuses.example.org.",
                                 "2 5 {port} missing.example.org.",
                                 "2 0 {port} broken.example.org."]},
                   more={"refuses.example.org": {"a": ["127.0.0.2"]},
                         "broken.example.org": {"rcode": "SERVFAIL"}}))


@needs_root
def test_srv_not_offered(srv):
    """No submission with implicit TLS, says the domain, but with STARTTLS."""
    delivered(*srv({"implicit": ["0 0 0 ."], "starttls": ["0 0 {port} " + HOST + "."]},
                   tls="starttls"))


@needs_root
@pytest.mark.parametrize("records", [{}, {"implicit": ["0 0 0 ."], "starttls": ["0 0 0 ."]}],
                         ids=["no record", "no service"])
def test_srv_nowhere(srv, records):
    done, server = srv(records)
    failed(done, 68, "example.org", "SRV")
    untouched(server)


BROKEN = pytest.mark.parametrize("broken", [{"rcode": "SERVFAIL"}, {"rcode": "REFUSED"},
                                            {"silent": True}], ids=str)


@needs_root
@BROKEN
@pytest.mark.parametrize("tls", SERVICES)
def test_srv_of_one_service_that_cannot_be_had(srv, broken, tls):
    """The other one has its records all the same."""
    (other,) = set(SERVICES) - {tls}
    delivered(*srv({tls: ["0 0 {port} " + HOST + "."]}, tls=tls, more={SERVICES[other]: broken}))


@needs_root
@BROKEN
@pytest.mark.parametrize("tls", SERVICES)
@pytest.mark.parametrize("records", [[], ["0 0 0 ."]], ids=["no record", "no service"])
def test_srv_nowhere_for_now(srv, broken, tls, records):
    """What is not known may be there the next time."""
    (other,) = set(SERVICES) - {tls}
    done, server = srv({tls: records} if records else {}, more={SERVICES[other]: broken})
    failed(done, 75, "example.org")
    untouched(server)


@needs_root
def test_srv_then_a_host(srv, rig):
    server = rig.server(**PLAIN)
    done, _ = srv({}, account={"host": ["srv:example.org", f"127.0.0.1:{server.port}"],
                               "tls": "off"})
    delivered(done, server)


@needs_root
@pytest.mark.parametrize("name, good", [("example.org", True), ("mail.example.net", False)])
def test_srv_elsewhere(srv, name, good):
    """A target outside the domain shows the domain's certificate: DNS answers can be forged."""
    done, server = srv({"implicit": ["0 0 {port} mail.example.net."]}, name=name)
    if good:
        delivered(done, server)
    else:
        failed(done, 78, "example.org")
        assert server.messages == []


@needs_root
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_srv_and_tls(srv, tls):
    """Where `tls` is set, the other service is not asked for."""
    records = {mode: ["0 0 {port} " + HOST + "."] for mode in SERVICES}
    delivered(*srv(records, tls=tls, account={"tls": tls}))


# --- a Unix socket ---

class Doorway:
    """A Unix socket that leads to a server. A context manager."""

    def __init__(self, path, port):
        self.port = port
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(5)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
                for one, other in (client, server), (server, client):
                    threading.Thread(target=self.pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def pass_on(source, target):
        with contextlib.suppress(OSError):
            while got := source.recv(65536):
                target.sendall(got)
            target.shutdown(socket.SHUT_WR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()


def test_unix_socket(rig, tmp_path):
    path = tmp_path / "s"
    server = rig.serve(account={"host": path, "port": None, "tls": None}, **PLAIN)
    with Doorway(path, server.port):
        delivered(rig.send(), server)


@pytest.mark.parametrize("name, status, words", [
    ("missing", 75, "No such file or directory"), ("file", 75, "Connection refused"),
    ("x" * 200, 78, "path of a socket"),
], ids=["missing", "file", "too long"])
def test_unix_socket_that_is_none(rig, tmp_path, name, status, words):
    (tmp_path / "file").touch()
    server = rig.serve(account={"host": tmp_path / name, "port": None, "tls": None}, **PLAIN)
    failed(rig.send(), status, str(tmp_path), words)
    untouched(server)


def test_unix_socket_then_a_host(rig, tmp_path):
    server = rig.server(**PLAIN)
    rig.configure(server, account={"host": [tmp_path / "missing", f"127.0.0.1:{server.port}"],
                                   "port": None})
    delivered(rig.send(), server)
