"""How often a run waits for the server, counted by the server and by a long wire between the two.

Each number is the least there can be: TCP, TLS, greeting, EHLO, AUTH, and the message with its
envelope and QUIT.
"""

import ssl

import pytest

from expect import ENVELOPE, HEADER, MESSAGE, failed, silent, wire
from relaywire import Relay
from smtpscript import CLOSE, EHLO, RESET, Script, times

CHUNKING = EHLO + ("CHUNKING",)
EARLY = CHUNKING + ("PIPECONNECT",)
WAIT = 0.5      # seconds a server waits for a client that may talk ahead of the greeting
HEAD = f"{'round trips':<48}{'expected':>9}{'at the server':>15}{'on the wire':>13}"

# What; the server's options; round trips of the first run; of the second one, where a cache helps.
# A TLS 1.2 server speaks first behind its Finished, so that only behind STARTTLS it costs one more.
CASES = [
    ("implicit, AUTH, CHUNKING", {"tls": "implicit", "caps": CHUNKING}, 6, 6),
    ("implicit, AUTH", {"tls": "implicit"}, 7, 7),
    ("implicit, AUTH LOGIN, CHUNKING", {"tls": "implicit", "auth": "LOGIN", "caps": CHUNKING}, 8),
    ("implicit, CHUNKING", {"tls": "implicit", "auth": "", "caps": CHUNKING}, 5),
    ("implicit, AUTH, step by step", {"tls": "implicit", "caps": EHLO[1:]}, 9),
    ("implicit TLS 1.2, AUTH, CHUNKING",
     {"tls": "implicit", "caps": CHUNKING, "max_tls": ssl.TLSVersion.TLSv1_2}, 6, 6),
    ("STARTTLS, AUTH, CHUNKING", {"caps": CHUNKING}, 8, 8),
    ("STARTTLS, AUTH", {}, 9, 9),
    ("STARTTLS TLS 1.2, AUTH, CHUNKING",
     {"caps": CHUNKING, "max_tls": ssl.TLSVersion.TLSv1_2}, 9, 8),
    ("no TLS, CHUNKING", {"tls": "off", "auth": "", "caps": CHUNKING}, 4),
    ("no TLS", {"tls": "off", "auth": ""}, 5),
    ("no TLS, AUTH, CHUNKING", {"tls": "off", "auth": "PLAIN", "caps": CHUNKING}, 5),
    ("implicit, AUTH, early", {"tls": "implicit", "caps": EARLY}, 6, 4),
    ("STARTTLS, AUTH, early", {"caps": EARLY}, 8, 5),
    ("implicit, early", {"tls": "implicit", "auth": "", "caps": EARLY}, 5, 4),
    ("no TLS, early", {"tls": "off", "auth": "", "caps": EARLY}, 4, 3),
]
ROWS = [(f"{name}{', second run' if n else ''}", options, n == 1, count)
        for name, options, *counts in CASES for n, count in enumerate(counts)]


@pytest.mark.parametrize("name, options, second, expected", ROWS, ids=[row[0] for row in ROWS])
def test_round_trips(rig, record_property, name, options, second, expected):
    server = rig.server(**options, greet_after=WAIT if EARLY == options.get("caps") else 0)
    account = {"auth": ["PLAIN"]} if options.get("auth") == "PLAIN" else {}
    with Relay(server.port) as relay:
        rig.configure(server, account={**account, "port": relay.port},
                      settings={"cache": "on" if second else "off",
                                "cache_dir": rig.program.folder / "cache"})
        for _ in range(2 if second else 1):
            silent(rig.send(*ENVELOPE, input=MESSAGE))
    server.settle()
    session = server.connections[-1]
    assert session.resumed == (second and session.tls is not None)
    counted = session.round_trips, relay.round_trips[-1]
    number = [row[0] for row in ROWS].index(name)
    record_property("row", (HEAD, number,
                            f"{name:<48}{expected:>9}{counted[0]:>15}{counted[1]:>13}"))
    assert counted == (expected, expected)


def test_a_large_message_waits_for_somebody_to_want_it(rig):
    """One more round trip, over 64 KiB; DATA has it anyway."""
    server = rig.server(tls="implicit", caps=CHUNKING)
    with Relay(server.port) as relay:
        rig.configure(server, account={"port": relay.port})
        silent(rig.send(*ENVELOPE, input=HEADER + b"\n" + 20000 * b"hello\n"))
    assert relay.round_trips == [7]


def test_a_hundred_recipients_need_no_more(rig):
    server = rig.server(tls="implicit", caps=CHUNKING)
    with Relay(server.port) as relay:
        rig.configure(server, account={"port": relay.port})
        silent(rig.send("-f", "a@example.org", *(f"user{n}@example.net" for n in range(100))))
    assert relay.round_trips == [6]


def test_the_delay_does_not_matter(rig):
    """Nor does it make the client impatient."""
    server = rig.server(tls="implicit", caps=CHUNKING)
    with Relay(server.port, delay=0.1) as relay:
        rig.configure(server, account={"port": relay.port})
        silent(rig.send(*ENVELOPE, input=MESSAGE))
    assert relay.round_trips == [6]


def remember(rig, *scripts):
    """A server like the first script in a first run, and after that like the others."""
    server = rig.server(*scripts)
    rig.configure(server, settings={"cache": "on", "cache_dir": rig.program.folder / "cache"})
    silent(rig.send(*ENVELOPE, input=MESSAGE))
    return server


def early(**changes):
    return Script(**{"caps": EARLY, "greet_after": WAIT, **changes})


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("changes", [
    {"caps": EHLO + ("PIPECONNECT",)}, {"caps": ("PIPECONNECT", "CHUNKING")},
    {"caps": EARLY + ("X-NEW",)}, {"caps": EARLY[1:]}, {"auth": "LOGIN"},
    {"auth": "CRAM-X LOGIN PLAIN"}, {"caps": EARLY + ("LIMITS RCPTMAX=1",)},
], ids=repr)
def test_another_answer_than_remembered(rig, tls, changes):
    """What the server says today counts."""
    rig.unruly = changes.get("auth") == "LOGIN"      # AUTH PLAIN had gone out by then
    server = remember(rig, early(tls=tls), early(tls=tls, **changes))
    silent(rig.send("-f", "a@example.org", "x@example.net", "y@example.net", input=MESSAGE))
    silent(rig.send(*ENVELOPE, input=MESSAGE))
    assert all(m.accepted and m.data == wire(MESSAGE) for m in server.messages)
    assert sum((m.taken for m in server.messages), []) == [
        b"b@example.net", b"x@example.net", b"y@example.net", b"b@example.net"]


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("changes, connections", [
    ({"caps": EARLY[:1] + ("SIZE 9000000",) + EARLY[2:]}, [1, 1, 1]),
    ({"caps": EARLY + ("X-NEW 1",)}, [1, 1, 1]),
    ({"caps": tuple(reversed(EARLY))}, [1, 1, 1]),
    ({"auth": "CRAM-X LOGIN PLAIN"}, [1, 2, 1]),
    ({"caps": EARLY + ("LIMITS RCPTMAX=1",)}, [1, 2, 1]),
    ({"caps": EARLY + ("DSN",)}, [1, 2, 1]),
], ids=repr)
def test_only_what_matters_costs_a_connection(rig, tls, changes, connections):
    """The room on the server's disk, which SIZE may tell, changes from day to day."""
    server = rig.server(early(tls=tls), early(tls=tls, **changes))
    rig.configure(server, settings={"cache": "on", "cache_dir": rig.program.folder / "cache"})
    counted = []
    for _ in connections:
        before = len(server.settle().connections)
        silent(rig.send(*ENVELOPE, input=MESSAGE))
        counted.append(len(server.settle().connections) - before)
    assert counted == connections
    assert [m.accepted for m in server.messages] == [True, True, True]


def test_a_size_that_is_different_each_time(rig):
    """And each run is as short as it can be."""
    server = rig.server(*(early(tls="implicit", caps=EARLY[:1] + (f"SIZE {n}000",) + EARLY[2:])
                          for n in range(5, 9)))
    with Relay(server.port) as relay:
        rig.configure(server, account={"port": relay.port},
                      settings={"cache": "on", "cache_dir": rig.program.folder / "cache"})
        for _ in range(4):
            silent(rig.send(*ENVELOPE, input=MESSAGE))
    assert relay.round_trips == [6, 4, 4, 4]


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("caps", [CHUNKING, EARLY], ids=["usual", "early"])
@pytest.mark.parametrize("how", [CLOSE, RESET, b"\x15\x03\x03\x00\x02\x02\x28"], ids=repr)
def test_a_ticket_that_makes_a_server_hang_up(rig, tls, caps, how):
    """As Dovecot does if it wants certificates: without the ticket it is glad to see us."""
    wait = WAIT if caps == EARLY else 0
    usual = Script(tls=tls, caps=caps, greet_after=wait)
    server = remember(rig, usual, Script(tls=tls, caps=caps, greet_after=wait, steps={"tls": how}),
                      Script(tls=tls, caps=caps, greet_after=wait))
    silent(rig.send(*ENVELOPE, input=MESSAGE))
    assert [len(c.messages) for c in server.settle().connections] == [1, 0, 1]
    assert not server.connections[-1].resumed
    silent(rig.send(*ENVELOPE, input=MESSAGE))
    assert len(server.messages) == 3


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_hanging_up_on_everybody(rig, tls):
    """It is tried once more, without the ticket, and no oftener; without one, not even that."""
    server = remember(rig, Script(tls=tls), Script(tls=tls, steps={"tls": CLOSE}))
    failed(rig.send(*ENVELOPE, input=MESSAGE), 75, "localhost")
    assert len(server.settle().connections) == 3
    rig.configure(server)
    failed(rig.send(*ENVELOPE, input=MESSAGE), 75, "localhost")
    assert len(server.settle().connections) == 4


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_server_that_is_patient_no_more(rig, tls):
    """It cuts off who talks ahead, as Exim does; a second attempt waits for the greeting."""
    rig.unruly = True
    server = remember(rig, early(tls=tls), Script(
        tls=tls, caps=CHUNKING, greet_after=WAIT, steps={"greeting": times(
            ["554 SMTP synchronization error", CLOSE], "220 mail.example.test ESMTP")}))
    silent(rig.send(*ENVELOPE, input=MESSAGE))
    before = len(server.violations)
    silent(rig.send(*ENVELOPE, input=MESSAGE))
    assert [m.accepted for m in server.messages] == [True, True, True]
    assert len(server.violations) == before     # it is not tried again


@pytest.mark.parametrize("changes, status", [
    ({"offer_starttls": False, "auth_in_clear": True}, 78), ({"auth": ""}, 78),
    ({"steps": {"starttls": "454 4.7.0 not today"}}, 75), ({"steps": {"ehlo": "421 busy"}}, 75),
    ({"steps": {"auth": "535 5.7.8 no"}}, 77),
], ids=repr)
def test_what_is_remembered_lowers_no_demand(rig, changes, status):
    server = remember(rig, early(), early(**changes))
    rig.unruly = True
    failed(rig.send(*ENVELOPE, input=MESSAGE), status)
    assert len(server.messages) == 1
    assert all(b"AUTH" not in c.clear for c in server.connections)


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_nobody_talks_ahead_uninvited(rig, tls):
    """Neither in the first run, nor with a server that does not announce it."""
    server = rig.server(tls=tls, caps=CHUNKING, greet_after=0.2)
    rig.configure(server, settings={"cache": "on", "cache_dir": rig.program.folder / "cache"})
    for _ in range(2):
        silent(rig.send(*ENVELOPE, input=MESSAGE))
    assert len(server.messages) == 2 and server.violations == []
