"""Deadlines: whatever the server does, or does not: the program ends in time, and with 75.

Each run here waits for `deadline` to pass; pytest's processes share them out like all tests. Name
servers that are silent are in test_dialing.py.
"""

import contextlib
import socket
import time
from itertools import product

import pytest

from expect import ENVELOPE, HEADER, MESSAGE, failed
from smtpscript import EHLO, SILENCE, STALL, Script, after, slow, torn

DEADLINE = 2    # seconds
MARGIN = 1      # a deadline may be missed by so much,
NOISE = 2       # and a busy machine takes so long to start things
CHUNKING = EHLO + ("CHUNKING",)
LARGE = HEADER + b"\n" + 700000 * b"hello, hello\n"
MAYBE = "may have been delivered"
IMPLICIT, CLEAR = {"tls": "implicit"}, {"tls": "off", "auth": ""}
STEPS = ["greeting", "ehlo", "starttls", "tls", "ehlo2", "auth", "mail", "rcpt", "data", "end"]


@contextlib.contextmanager
def in_time(at_least=DEADLINE):
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert at_least - 0.1 < took < DEADLINE + MARGIN + NOISE, f"{took:.1f} s"


def late(rig, *words, message=MESSAGE, maybe=False):
    """A run that ends by its deadline."""
    with in_time():
        done = rig.send(*ENVELOPE, input=message)
    failed(done, 75, *words)
    assert (MAYBE in done.stderr.decode()) == maybe


def serve(rig, **options):
    return rig.serve(settings={"deadline": f"{DEADLINE}s"}, **options)


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_falls_silent(rig, step):
    serve(rig, steps={step: SILENCE})
    late(rig, "localhost", maybe=step == "end")


@pytest.mark.parametrize("step", ["greeting", "ehlo", "starttls", "ehlo2", "auth", "mail", "rcpt",
                                  "data", "end"])
def test_one_byte_a_second(rig, step):
    """Each of them is progress, none of them buys time."""
    code = {"greeting": "220 ", "starttls": "220 ", "auth": "235 ", "data": "354 "}
    serve(rig, steps={step: slow(code.get(step, "250 ") + 40 * "x", 1)})
    late(rig, "localhost", maybe=step == "end")


@pytest.mark.parametrize("step", ["ehlo2", "mail", "end"])
def test_endless_lines_of_a_reply(rig, step):
    """Whole lines at the pace of a server that is alive."""
    serve(rig, steps={step: [slow(100 * "250-more\n" + "250 end", 0.01)]})
    late(rig, "localhost", maybe=step == "end")


@pytest.mark.parametrize("step", ["mail", "rcpt", "end"])
def test_silence_behind_bdat(rig, step):
    """All of it was sent by then."""
    serve(rig, caps=CHUNKING, steps={step: SILENCE})
    late(rig, "localhost", maybe=True)


@pytest.mark.parametrize("options", [{}, IMPLICIT], ids=["starttls", "implicit"])
@pytest.mark.parametrize("action", [
    SILENCE, STALL, torn(count=0), torn(count=3), torn(count=60), torn(count=300),
    slow(100 * b"\x16\x03\x03\x40\x00", 1)], ids=str)
def test_inside_the_handshake(rig, action, options):
    serve(rig, **options, steps={"tls": action})
    late(rig, "localhost", "TLS")


@pytest.mark.parametrize("options", [IMPLICIT, CLEAR], ids=["implicit", "clear"])
def test_a_wire_of_one_byte_a_second(rig, options):
    serve(rig, **options, byte_gap=1)
    late(rig, "localhost")


@pytest.mark.parametrize("step, options", product(
    ["greeting", "ehlo", "auth", "rcpt", "end"], [{}, IMPLICIT]), ids=str)
@pytest.mark.parametrize("count", [3, 20])
def test_inside_a_record(rig, step, options, count):
    """In its header, and behind it."""
    if options == {} and step in ("greeting", "ehlo"):
        step = "ehlo2"
    serve(rig, **options, steps={step: torn("250 2.0.0 " + 40 * "x", count)})
    late(rig, "localhost", maybe=step == "end")


@pytest.mark.parametrize("options", [{}, IMPLICIT, CLEAR, {"caps": CHUNKING}, {"caps": EHLO[1:]}],
                         ids=["starttls", "implicit", "clear", "bdat", "step-by-step"])
def test_nothing_more_is_read(rig, options):
    """The message gets stuck on its way."""
    serve(rig, **options, steps={"body": STALL})
    late(rig, "localhost", message=LARGE)


def test_a_little_is_read_now_and_then(rig):
    """A window that opens by some bytes a second is as good as shut."""
    server = serve(rig, **CLEAR, steps={"body": after(1, lambda: sip(server))})
    late(rig, "localhost", message=LARGE)


def sip(server):
    connection = server.connections[0]
    with contextlib.suppress(OSError):
        while not server.stopping.wait(0.2):
            connection.sock.recv(512)
    return STALL


@pytest.mark.parametrize("options", [{}, IMPLICIT], ids=["starttls", "implicit"])
@pytest.mark.parametrize("action", [SILENCE, STALL])
def test_goodbye_does_not_wait(rig, options, action):
    """The message is in: what the server makes of QUIT keeps nobody waiting."""
    serve(rig, **options, steps={"quit": action})
    with in_time(at_least=0):
        done = rig.send(*ENVELOPE, input=MESSAGE)
    assert (done.status, done.stderr) == (0, b""), str(done)


def test_nobody_accepts(rig):
    """A queue of connections that is full: not even TCP's handshake comes to an end."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        server = serve(rig, account={"port": listener.getsockname()[1]})
        late(rig, "localhost", "connect")
        assert server.settle().connections == []


def test_accepted_and_left_alone(rig):
    """The kernel has accepted, nobody else ever does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serve(rig, account={"port": listener.getsockname()[1]})
        late(rig, "localhost", "greeting")


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_the_deadline_is_for_all_hosts_together(rig, tls):
    servers = [rig.server(tls=tls, steps={"greeting": SILENCE}) for _ in range(3)]
    rig.configure(servers[0], settings={"deadline": f"{DEADLINE}s"}, account={
        "host": [f"localhost:{server.port}" for server in servers], "port": None})
    with in_time():
        done = rig.send(*ENVELOPE, input=MESSAGE)
    assert done.status == 75 and "localhost" in done.stderr.decode(), str(done)


def test_what_comes_before_stdin_s_end_does_not_count(rig):
    """The deadline begins when the message is there: a producer may take its time."""
    server = serve(rig)
    process = rig.program.start(*ENVELOPE)
    process.stdin.write(MESSAGE)
    process.stdin.flush()
    time.sleep(DEADLINE + 0.5)
    done = rig.program.finish(process)
    assert (done.status, done.stderr) == (0, b""), str(done)
    assert len(server.messages) == 1


@pytest.mark.parametrize("seconds", ["1", "1s", "0m", "3"])
def test_the_deadline_is_what_is_said(rig, seconds):
    rig.serve(settings={"deadline": seconds}, steps={"greeting": SILENCE})
    began = time.monotonic()
    done = rig.send(*ENVELOPE, input=MESSAGE)
    took = time.monotonic() - began
    if seconds == "0m":
        assert done.status == 78, str(done)
    else:
        failed(done, 75)
        assert int(seconds[0]) - 0.1 < took < int(seconds[0]) + MARGIN + NOISE


# -bs: from MAIL to its answer, and from the dot to its answer

@pytest.mark.parametrize("options, step, action", [
    ({}, "greeting", SILENCE), (IMPLICIT, "tls", SILENCE), (IMPLICIT, "tls", torn(count=60)),
    ({}, "ehlo2", slow("250 " + 40 * "x", 1)), ({}, "auth", torn("235 welcome", 3)),
    ({}, "mail", SILENCE), ({}, "mail", slow("250 " + 40 * "x", 1)),
])
def test_mail_in_bs(rig, options, step, action):
    server = rig.server(Script(**options, steps={step: action}), Script(**options))
    rig.configure(server, settings={"deadline": f"{DEADLINE}s"})
    with rig.talk() as bs:
        with in_time():
            bs.say("MAIL FROM:<a@example.org>", 451, "localhost")
        bs.say("RCPT TO:<b@example.net>", 503)
        bs.send(MESSAGE)
    assert [m.accepted for m in server.messages] == [True]


@pytest.mark.parametrize("step, action", [
    ("end", SILENCE), ("end", slow("250 " + 40 * "x", 1)), ("end", torn("250 ok", 3)),
    ("body", STALL)])
@pytest.mark.parametrize("caps", [EHLO, CHUNKING], ids=["data", "bdat"])
def test_the_message_in_bs(rig, caps, step, action):
    server = rig.server(Script(caps=caps, steps={step: action}), Script())
    rig.configure(server, settings={"deadline": f"{DEADLINE}s"})
    with rig.talk() as bs:
        bs.begin()
        with in_time():
            bs.finish(LARGE if step == "body" else MESSAGE, 451)
        bs.send(MESSAGE)
    assert server.connections[-1].messages[-1].accepted


def test_a_client_of_bs_may_take_its_time(rig):
    """Between its commands no deadline runs."""
    server = serve(rig)
    with rig.talk() as bs:
        for command_line in ("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.net>"):
            bs.say(command_line, 250)
            time.sleep(DEADLINE * 0.7)
        bs.say("DATA", 354)
        bs.finish(MESSAGE)
    assert len(server.messages) == 1
