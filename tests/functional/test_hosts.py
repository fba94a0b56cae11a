"""Several hosts: who is tried after which failure, and that nobody gets a message twice.

The table has a row for each step and kind of failure: what the first host does, and whether the
second one gets the message. When both fail in the same way the status is the first one's.
"""

import array
import fcntl
import socket
import termios
from dataclasses import dataclass, field
from itertools import product

import pytest

from conftest import PASSWORD, USER
from expect import ENVELOPE, HEADER, MESSAGE, delivered, failed, silent, wire
from smtpscript import CLOSE, CUT, EHLO, PATIENCE, RESET, SILENCE, Script, after

CHUNKING = EHLO + ("CHUNKING",)
LARGE = HEADER + b"\n" + 500000 * b"hello, hello\n"     # more than is ever on its way
MAYBE = "may have been delivered"
HEAD = (f"{'step':<10}{'first host':<30}{'account':<24}{'message at':<12}"
        f"{'status':>6}{'both':>6}")


@dataclass
class Row:
    step: str
    failure: object         # an action of the script; for "connect" and "address": a remark
    goes_on: bool           # to the second host
    status: int             # if there is no second one
    options: dict = field(default_factory=dict)     # of the first server
    remark: str = ""
    message: bytes = MESSAGE
    maybe: bool = False     # nobody knows whether the first host has it

    def __str__(self):
        failure = getattr(self.failure, "action", self.failure)
        return " ".join(filter(None, (self.step, str(failure), self.remark)))


IMPLICIT, CLEAR = {"tls": "implicit"}, {"tls": "off", "auth": ""}
BDAT = {"caps": CHUNKING}
STEPS = {"caps": EHLO[1:]}

TABLE = [
    Row("address", "no such name", True, 68),
    Row("connect", "nobody listens", True, 75),
    Row("connect", "no such socket", True, 75, CLEAR, "a Unix socket"),
]
# before the envelope: whatever it is, it is about the host
TABLE += [Row("greeting", reply, True, status, options, remark)
          for (reply, status), (options, remark) in product(
              [("421 4.3.2 busy", 75), ("450 busy", 75), ("554 5.3.2 no", 69), ("550 no", 69),
               ("554 5.7.1 not you", 77), ("nonsense", 76), (CLOSE, 75), (RESET, 75)],
              [({}, ""), (IMPLICIT, "implicit")])]
TABLE += [Row(step, reply, True, status) for step, (reply, status) in product(
    ["ehlo", "ehlo2"], [("421 4.3.2 busy", 75), ("451 4.3.0 later", 75), ("550 5.7.1 not you", 77),
                        (CLOSE, 75), (RESET, 75)])]
TABLE += [Row("starttls", reply, True, status) for reply, status in [
    ("421 4.3.2 busy", 75), ("454 4.7.0 later", 75), ("554 5.7.3 no", 77), (CLOSE, 75)]]
TABLE += [Row("starttls", "is not offered", True, 78, {"offer_starttls": False})]
TABLE += [Row("tls", failure, True, status, options, remark)
          for (failure, status), (options, remark) in product(
              [(CLOSE, 75), (RESET, 75), (b"\x15\x03\x03\x00\x02\x02\x28", 76)],
              [({}, ""), (IMPLICIT, "implicit")])]
TABLE += [Row("tls", kind, True, 78, {**options, "certificate": kind}, remark)
          for kind, (options, remark) in product(["expired", "wrong_name", "stranger"],
                                                 [({}, ""), (IMPLICIT, "implicit")])]
TABLE += [Row("auth", reply, goes_on, status) for reply, goes_on, status in [
    ("421 4.3.2 busy", True, 75), ("454 4.7.0 later", True, 75), ("432 4.7.12 change it", True, 75),
    (CLOSE, True, 75), (RESET, True, 75),
    ("535 5.7.8 wrong", False, 77), ("534 5.7.9 weak", False, 77), ("550 no", False, 77)]]
# the envelope: 421 and a lost connection are about the host, all else is not
TABLE += [Row(step, reply, reply.startswith("421"), status, options, remark)
          for step, (reply, status), (options, remark) in product(
              ["mail", "rcpt"],
              [("421 4.3.2 busy", 75), ("450 4.2.0 later", 75), ("452 4.3.1 full", 75),
               ("550 5.1.1 nobody", 67), ("554 5.7.1 not you", 77)],
              [({}, ""), (STEPS, "step by step"), (BDAT, "BDAT")])]
TABLE += [Row("data", reply, reply.startswith("421"), status, options, remark)
          for (reply, status), (options, remark) in product(
              [("421 4.3.2 busy", 75), ("451 4.3.0 later", 75), ("554 5.7.1 not you", 77)],
              [({}, ""), (STEPS, "step by step")])]
TABLE += [Row(step, how, True, 75, options, remark) for step, how, (options, remark) in product(
    ["mail", "rcpt", "data"], [CLOSE, CUT, RESET], [({}, ""), (STEPS, "step by step")])]
TABLE += [Row("body", after(1000, RESET), True, 75, options, remark, LARGE)
          for options, remark in [({}, "large"), (BDAT, "large, BDAT")]]
# all has been sent: it is never said again
TABLE += [Row(step, how, False, 75, BDAT, "BDAT", maybe=True)
          for step, how in product(["mail", "rcpt", "end"], [CLOSE, CUT, RESET])]
TABLE += [Row("end", how, False, 75, options, remark, maybe=True)
          for how, (options, remark) in product([CLOSE, CUT, RESET],
                                                [({}, ""), (STEPS, "step by step")])]
TABLE += [Row("end", reply, False, status, options, remark)
          for (reply, status), (options, remark) in product(
              [("421 4.3.2 busy", 75), ("450 4.2.0 later", 75), ("552 5.3.4 too big", 65),
               ("554 5.7.1 spam", 77)], [({}, ""), (STEPS, "step by step"), (BDAT, "BDAT")])]
TABLE += [Row("end", "nonsense", False, 76, options, remark, maybe=True)
          for options, remark in [({}, ""), (BDAT, "BDAT")]]
ROWS = pytest.mark.parametrize("row", TABLE, ids=str)


class Hosts:
    """A first server that fails as a row says, a second one, and the configuration for both."""

    def __init__(self, rig, row, both=False):
        self.rig, self.row = rig, row
        options = dict(row.options)
        if "certificate" in options:
            options["certificate"] = getattr(rig.certificates, options["certificate"])
        scripted = row.step not in ("address", "connect") and "certificate" not in options and \
            row.failure != "is not offered"
        if scripted:
            options["steps"] = {row.step: row.failure}
        self.first = rig.server(**options)
        self.second = rig.server(**(options if both else {
            k: v for k, v in options.items() if k in ("tls", "auth")}))
        names = [self.host(server, n == 0 or both) for n, server in enumerate(self.servers)]
        rig.configure(self.first, account={"host": names, "port": None})

    @property
    def servers(self):
        return self.first, self.second

    def host(self, server, fails):
        """The entry of the list."""
        if fails and self.row.step == "address":
            return "nosuch.invalid"
        if fails and self.row.step == "connect":
            server.stop()
            if self.row.options == CLEAR:
                return str(self.rig.program.folder / "nosuch")
        return f"localhost:{server.port}"

    def accepted(self):
        """Which hosts have taken a message, once for each."""
        return [("first", "second")[n] for n, server in enumerate(self.servers)
                for m in server.messages if m.accepted]


def resolver_knows_nothing():
    """Without any name server to ask, the resolver itself says "try again"."""
    try:
        socket.getaddrinfo("nosuch.invalid", 587)
    except socket.gaierror as e:
        return e.errno == socket.EAI_AGAIN
    return False


def status_of(row):
    return 75 if row.step == "address" and resolver_knows_nothing() else row.status


@ROWS
def test_failure(rig, row, record_property):
    hosts = Hosts(rig, row)
    done = rig.send(*ENVELOPE, input=row.message)
    if row.goes_on:
        silent(done)
        assert hosts.accepted() == ["second"]
        assert hosts.second.messages[0].data == wire(row.message)
    else:
        failed(done, status_of(row), "localhost")
        assert (MAYBE in done.stderr.decode()) == row.maybe
        assert hosts.accepted() in ([], ["first"] if row.maybe else [])
        assert hosts.second.settle().connections == []
    both = Hosts(rig, row, both=True)
    again = rig.send(*ENVELOPE, input=row.message)
    failed(again, status_of(row), lines=2 if row.goes_on else 1)
    assert both.accepted() in ([], ["first"] if row.maybe else [])
    got = "second" if row.goes_on else "first?" if row.maybe else "nobody"
    failure = getattr(row.failure, "action", row.failure)
    record_property("row", (HEAD, TABLE.index(row), f"{row.step:<10}{str(failure):<30.28}"
                            f"{row.remark:<24}{got:<12}{done.status:>6}{again.status:>6}"))


@ROWS
def test_failure_in_bs(rig, row):
    """Up to MAIL's answer the next host can step in unseen; after that 4yz or 5yz tell the client,
    or the next host steps in all the same. Nobody gets it twice, and no yes is a lie."""
    hosts = Hosts(rig, row)
    with rig.talk() as bs:
        replies = [bs.say("MAIL FROM:<a@example.org>")]
        before_mail = TABLE.index(row) < TABLE.index(next(r for r in TABLE if r.step == "mail"))
        if before_mail and row.goes_on:
            assert replies[0].code == 250
        if replies[-1].code == 250:
            replies.append(bs.say("RCPT TO:<b@example.net>"))
        if replies[-1].code == 250:
            bs.say("DATA", 354)
            replies.append(bs.finish(row.message, None))
        bs.say("NOOP", 250)
    code = replies[-1].code
    assert hosts.accepted() in ([["first"], ["second"]] if code == 250 else
                                [[], ["first"]] if row.maybe else [[]])
    if not row.goes_on and not (row.maybe and row.step != "end"):   # here BDAT comes later
        assert code // 100 == (4 if row.status in (75, 76) else 5), str(replies[-1])
        assert hosts.second.settle().connections == []


def names(*servers):
    return [f"localhost:{server.port}" for server in servers]


@pytest.mark.parametrize("greetings, status", [
    (["421 4.3.2 one", "554 5.3.2 two"], 75), (["554 5.3.2 one", "421 4.3.2 two"], 75),
    (["554 5.7.1 one", "554 5.3.2 two"], 69), (["554 5.3.2 one", "554 5.7.1 two"], 77),
    (["554 5.3.2 one", "554 5.7.1 two", "554 5.3.2 three"], 69),
    (["554 5.3.2 one", "450 4.7.1 two", "554 5.3.2 three"], 75),
])
def test_hosts_that_fail_differently(rig, greetings, status):
    servers = [rig.server(steps={"greeting": greeting}) for greeting in greetings]
    rig.configure(servers[0], account={"host": names(*servers), "port": None})
    done = rig.send(*ENVELOPE, input=MESSAGE)
    failed(done, status, *greetings, lines=len(greetings))
    assert all(greeting in line for greeting, line in zip(greetings, done.lines, strict=True))
    assert all(len(server.settle().connections) == 1 for server in servers)


@pytest.mark.parametrize("reply, status", [("550 5.1.1 nobody", 67), ("450 4.2.0 later", 75)])
def test_the_second_host_s_word_about_the_message_is_the_last(rig, reply, status):
    first = rig.server(steps={"greeting": "554 5.3.2 closed"})
    second, third = rig.server(steps={"rcpt": reply}), rig.server()
    rig.configure(first, account={"host": names(first, second, third), "port": None})
    done = rig.send(*ENVELOPE, input=MESSAGE)
    assert done.status == status, str(done)
    assert reply in done.stderr.decode() and third.settle().connections == []


def test_the_order_is_the_list_s(rig):
    """Ten hosts, the last one works; and the first one that works is the last one asked."""
    bad = [rig.server(steps={"greeting": "421 4.3.2 busy"}) for _ in range(9)]
    good, unused = rig.server(), rig.server()
    rig.configure(good, account={"host": names(*bad, good, unused), "port": None})
    delivered(rig.send(*ENVELOPE, input=MESSAGE), good)
    assert all(len(server.settle().connections) == 1 for server in bad)
    assert unused.settle().connections == []


def test_one_host_many_recipients_never_two_hosts(rig):
    """421 to the third RCPT: the other host gets the message for all of them."""
    first, second = rig.server(steps={"rcpt3": "421 4.3.2 busy"}), rig.server()
    rig.configure(first, account={"host": names(first, second), "port": None})
    recipients = [f"user{n}@example.net" for n in range(5)]
    message = delivered(rig.send("-f", "a@example.org", *recipients, input=MESSAGE), second)
    assert [r.decode() for r in message.recipients] == recipients
    assert not any(m.accepted for m in first.messages)


# a refusal, and then it breaks

TWO = ("-f", "a@example.org", "b@example.net", "c@example.net")


def a_pair(rig, settings=None, **first):
    """Two hosts, of which the second one would take everything."""
    servers = rig.server(**first), rig.server()
    rig.configure(servers[0], settings=settings, account={"host": names(*servers), "port": None})
    return servers


@pytest.mark.parametrize("caps", [EHLO, CHUNKING], ids=["data", "bdat"])
@pytest.mark.parametrize("steps, status, words", [
    ({"mail": ["550 5.7.1 not you", CLOSE]}, 77, "550 5.7.1 not you"),
    ({"mail": ["452 4.3.1 full", CLOSE]}, 75, "452 4.3.1 full"),
    ({"mail": "451 4.3.0 later", "rcpt1": "250 ok", "rcpt2": CLOSE}, 75, "451 4.3.0 later"),
    ({"mail": "451 4.3.0 later", "rcpt1": "250 ok", "rcpt2": ["421 4.7.0 enough", CLOSE]}, 75,
     "451 4.3.0 later"),
    ({"mail": "451 4.3.0 later", "rcpt1": "503 5.5.1 MAIL?", "rcpt2": "421 4.7.0 enough"}, 75,
     "451 4.3.0 later"),
    ({"mail": "550 5.7.1 not you", "rcpt1": "503 5.5.1 MAIL?", "rcpt2": CLOSE}, 77,
     "550 5.7.1 not you"),
], ids=str)
def test_whatever_comes_behind_it_a_refused_mail_is_the_cause(rig, caps, steps, status, words):
    """And a word about the message: no other host gets it, or a part of it."""
    first, second = a_pair(rig, caps=caps, steps=steps)
    done = rig.send(*TWO, input=MESSAGE)
    failed(done, status, "localhost: MAIL: " + words)
    assert MAYBE not in done.stderr.decode()
    assert not any(m.accepted for m in first.messages) and second.settle().connections == []


@pytest.mark.parametrize("text, maybe", [(MESSAGE, True), (LARGE, False)], ids=["small", "large"])
@pytest.mark.parametrize("how", ["421 4.3.2 busy", ["421 4.3.2 busy", CLOSE], CLOSE], ids=str)
def test_lost_behind_an_accepted_recipient(rig, text, maybe, how):
    """Who has sent the message by then cannot know whether that recipient has it."""
    first, second = a_pair(rig, caps=CHUNKING, steps={"rcpt2": how})
    done = rig.send(*TWO, input=text)
    if maybe:
        failed(done, 75, "localhost: RCPT: ", MAYBE)
        assert second.settle().connections == []
    else:
        assert delivered(done, second).recipients == [b"b@example.net", b"c@example.net"]
        assert first.messages == []


@pytest.mark.parametrize("caps", [EHLO, CHUNKING], ids=["data", "bdat"])
def test_421_behind_refused_recipients(rig, caps):
    """Nobody can have it: who was not refused gets it from the other host, and each refusal has
    the name of its host."""
    first, second = a_pair(rig, caps=caps, steps={"rcpt1": "550 5.1.1 no", "rcpt2": "421 busy"})
    rig.configure(first, account={"host": [names(first)[0], f"127.0.0.1:{second.port}"],
                                  "port": None, "tls_host": "localhost"})
    failed(rig.send(*TWO, input=MESSAGE), 67, "localhost: RCPT <b@example.net>: 550 5.1.1 no")
    assert [m.recipients for m in second.messages] == [[b"c@example.net"]]


@pytest.mark.parametrize("caps", [EHLO, CHUNKING], ids=["data", "bdat"])
@pytest.mark.parametrize("how", ["421 4.3.2 busy", CLOSE, RESET])
def test_all_or_nothing_is_settled_by_one_refusal(rig, caps, how):
    """Nobody gets it from the next host either."""
    first, second = a_pair(rig, settings={"partial": "abort"}, caps=caps,
                           steps={"rcpt1": "550 5.1.1 nobody", "rcpt2": how})
    failed(rig.send(*TWO, input=MESSAGE), 67, "RCPT <b@example.net>: 550 5.1.1 nobody")
    assert first.messages == [] and second.settle().connections == []


PIECE = 16 * 1024       # bytes of a write


def room():
    """How many writes fit into a socket whose other side does not read."""
    one, other = socket.socketpair()
    one.setblocking(False)
    with one, other:
        for count in range(1000):
            try:
                assert one.send(PIECE * b"x") == PIECE
            except BlockingIOError:
                return count


def unread(sock):
    count = array.array("i", [0])
    fcntl.ioctl(sock, termios.FIONREAD, count)
    return count[0]


def message_in(total):
    """A message that goes out in so many bytes, BDAT among them."""
    size = total - len(b"BDAT 123456 LAST\r\n")
    lines = size - len(wire(HEADER)) - 2
    text = HEADER + b"\n" + (lines // 64 - 1) * (62 * b"x" + b"\n")
    text += (lines % 64 + 62) * b"y" + b"\n"
    assert len(wire(text)) == size > 99999
    return text


class Stuck:
    """A first host that reads nothing behind RCPT until no more bytes than `full` find room, and
    then does `then`; and a second one."""

    def __init__(self, rig, full, then):
        self.full, self.then = full, then
        self.first = rig.server(Script(**CLEAR, caps=CHUNKING, steps={"rcpt": ["250 ok", self]}),
                                address=rig.program.folder / "first")
        self.second = rig.server(**CLEAR)
        rig.configure(self.first, account={
            "host": [self.first.address, f"localhost:{self.second.port}"], "tls": "off"})

    def __call__(self):
        sock = self.first.connections[0].sock
        for _ in range(PATIENCE * 100):
            if unread(sock) == self.full:
                return self.then()
            self.first.stopping.wait(0.01)
        return f"451 there are {unread(sock)} bytes"


@pytest.mark.parametrize("short", [0, 3], ids=["QUIT", "a part of QUIT"])
def test_nothing_but_goodbye_is_stuck(rig, short):
    """The whole message has left when the connection breaks."""
    total = room() * PIECE - short
    hosts = Stuck(rig, room() * PIECE, lambda: RESET)
    failed(rig.send(*ENVELOPE, input=message_in(total)), 75, str(hosts.first.address), MAYBE)
    assert hosts.second.settle().connections == []


def test_a_piece_is_stuck(rig):
    hosts = Stuck(rig, room() * PIECE, lambda: RESET)
    text = message_in((room() + 1) * PIECE)
    assert delivered(rig.send(*ENVELOPE, input=text), hosts.second).data == wire(text)


def test_goodbye_is_in_no_hurry_with_the_message(rig):
    """QUIT may take 5 seconds, and is in one write with the message's end, which may take more."""
    hosts = Stuck(rig, room() * PIECE, lambda: hosts.first.stopping.wait(6) or b"")
    text = message_in((room() + 1) * PIECE - 3)
    assert delivered(rig.send(*ENVELOPE, input=text), hosts.first).data == wire(text)


def test_the_second_transaction_fails(rig):
    """Who has it from the first host does not get it from the second."""
    script = Script(caps=EHLO + ("LIMITS RCPTMAX=1",))
    seen = iter(["250 ok", "421 4.3.2 enough", "250 ok"])
    script.steps["mail"] = lambda: next(seen)
    first, second = rig.server(script), rig.server()
    rig.configure(first, account={"host": names(first, second), "port": None})
    silent(rig.send("-f", "a@example.org", "x@example.net", "y@example.net", input=MESSAGE))
    assert [m.recipients for m in first.messages] == [[b"x@example.net"]]
    assert [m.recipients for m in second.messages] == [[b"y@example.net"]]


def test_each_host_gets_what_it_can_take(rig):
    """Made anew for the second one: 8-bit, which the first one would not have taken."""
    text = HEADER + (b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                     b"Content-Transfer-Encoding: 8bit\n\nh\xc3\xa9llo\n")
    first, second = rig.server(caps=(), steps={"mail": "421 busy"}), rig.server()
    rig.configure(first, account={"host": names(first, second), "port": None})
    assert delivered(rig.send(*ENVELOPE, input=text), second).data == wire(text)
    first, second = rig.server(steps={"mail": "421 busy"}), rig.server(caps=())
    rig.configure(first, account={"host": names(first, second), "port": None})
    assert max(delivered(rig.send(*ENVELOPE, input=text), second).data) < 128


def test_silence_leaves_no_time_for_another(rig):
    """The deadline is the submission's, not each host's."""
    first, second = rig.server(steps={"greeting": SILENCE}), rig.server()
    rig.configure(first, settings={"deadline": "2s"},
                  account={"host": names(first, second), "port": None})
    done = rig.send(*ENVELOPE, input=MESSAGE)
    assert done.status == 75 and "localhost" in done.stderr.decode(), str(done)
    assert second.messages == []


def test_the_log_tells_who_took_it(rig):
    log = rig.program.folder / "log"
    first, second = rig.server(steps={"greeting": "421 4.3.2 busy"}), rig.server(
        steps={"end": "250 queued as X1"})
    rig.configure(first, settings={"log": "file", "log_file": log},
                  account={"host": names(first, second), "port": None})
    delivered(rig.send(*ENVELOPE, input=MESSAGE), second)
    lines = log.read_text().splitlines()
    assert any("queued as X1" in line and "status=0" in line for line in lines)


# where to: names, families, addresses

@pytest.mark.parametrize("host, port, address", [
    ("127.0.0.1", True, "127.0.0.1"), ("::1", True, "::1"), ("[::1]", True, "::1"),
    ("[::1]:{port}", False, "::1"), ("127.0.0.1:{port}", False, "127.0.0.1"),
    ("localhost:{port}", False, "127.0.0.1"), ("LOCALHOST", True, "127.0.0.1"),
])
def test_ways_to_write_a_host(rig, host, port, address):
    server = rig.server(Script(**CLEAR), address=address)
    rig.configure(server, account={"host": host.format(port=server.port),
                                   "port": server.port if port else None})
    delivered(rig.send(*ENVELOPE, input=MESSAGE), server)


@pytest.mark.parametrize("ip, address, status", [
    (4, "127.0.0.1", 0), (6, "::1", 0), ("any", "::1", 0), (4, "::1", 75), (6, "127.0.0.1", 75)])
def test_families(rig, ip, address, status):
    """A host that has no address of the family that is wanted is as good as not there."""
    server = rig.server(Script(**CLEAR), address=address)
    rig.configure(server, account={"host": address, "ip": ip})
    done = rig.send(*ENVELOPE, input=MESSAGE)
    assert (done.status == 0) == (status == 0), str(done)
    assert len(server.messages) == (status == 0)


@pytest.mark.parametrize("source, address, status", [
    ("127.0.0.5", "127.0.0.1", 0), ("::1", "::1", 0), ("192.0.2.1", "127.0.0.1", 78),
    ("::1", "127.0.0.1", 78)])
def test_source_address(rig, source, address, status):
    server = rig.server(Script(**CLEAR), address=address)
    rig.configure(server, account={"host": address, "source_address": source})
    done = rig.send(*ENVELOPE, input=MESSAGE)
    if status:
        failed(done, status, source)
    else:
        delivered(done, server)
        assert server.only.peer == source


def test_the_secret_goes_to_every_host_of_the_list_and_no_other(rig):
    """It belongs to the account: the list is its hosts."""
    first, second = rig.server(steps={"auth": "454 4.7.0 later"}), rig.server()
    rig.configure(first, account={"host": names(first, second), "port": None})
    delivered(rig.send(*ENVELOPE, input=MESSAGE), second)
    assert second.only.user == USER and PASSWORD.encode() not in second.only.clear
