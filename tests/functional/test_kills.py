"""Signals at every moment: what was sent is nothing or all of a message, and status 0 means all.

$KILLS is the number of random moments for each signal; $KILL_SEED repeats a run.
"""

import os
import random
import signal
import time

import pytest

from expect import ENVELOPE, HEADER, MESSAGE, wire
from smtpscript import EHLO, after

NUMBER = int(os.environ.get("KILLS", "20"))
SEED = os.environ.get("KILL_SEED", str(time.time_ns()))
LARGE = HEADER + b"\n" + 40000 * b"a line of text that makes the body grow, and grow\n"
DEADLY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)
SIGNALS = (*DEADLY, signal.SIGPIPE)
STEPS = ["greeting", "ehlo", "starttls", "ehlo2", "auth", "mail", "rcpt", "data", "end", "quit"]


def all_or_nothing(server, text):
    """How many messages were accepted; each has to be whole."""
    accepted = [message for message in server.messages if message.accepted]
    assert all(message.data == wire(text) for message in accepted), "part of a message"
    assert all(message.recipients == [b"b@example.net"] for message in accepted)
    return len(accepted)


def judge(done, number, accepted):
    assert done.status in (0, -number), str(done)
    assert accepted == 1 if done.status == 0 else accepted in (0, 1), str(done)
    assert done.stderr == b"", str(done)


def name(value):
    return value.name if isinstance(value, signal.Signals) else None


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("number", SIGNALS, ids=name)
def test_killed_at_a_step(rig, number, step):
    """While the server has a command of this step and the program waits for its answer."""
    process = None
    honest = {"greeting": "220 mail.example.test", "starttls": "220 go", "auth": "235 welcome",
              "ehlo": "250-x\n250-PIPELINING\n250 STARTTLS", "data": "354 go on",
              "ehlo2": "250-x\n250-PIPELINING\n250-SIZE\n250-8BITMIME\n250 AUTH PLAIN",
              "quit": "221 bye"}

    def kill():
        process.send_signal(number)
        if number in DEADLY:
            process.wait(30)
        return honest.get(step, "250 ok")

    server = rig.serve(steps={step: kill})
    process = rig.program.start(*ENVELOPE)
    done = rig.program.finish(process, MESSAGE)
    accepted = all_or_nothing(server, MESSAGE)
    judge(done, number, accepted)
    # At the last step the server has everything, and takes it; one before, it cannot.
    assert accepted == (1 if step in ("end", "quit") or number not in DEADLY else 0)
    if step != "quit":
        assert (done.status == 0) == (number not in DEADLY)


@pytest.mark.parametrize("number", DEADLY, ids=name)
@pytest.mark.parametrize("count", [1, 1000, 100000, 1500000])
def test_killed_in_the_message(rig, number, count):
    process = None

    def kill():
        process.send_signal(number)
        process.wait(30)
        return "250 never read"

    server = rig.serve(steps={"body": after(count, kill)})
    process = rig.program.start(*ENVELOPE)
    done = rig.program.finish(process, LARGE)
    assert (done.status, all_or_nothing(server, LARGE)) == (-number, 0), str(done)


def duration(rig, text):
    """How long a run takes here, the best of three."""
    rig.serve()

    def once():
        started = time.monotonic()
        assert rig.send(*ENVELOPE, input=text).status == 0
        return time.monotonic() - started

    return min(once() for _ in range(3))


@pytest.mark.parametrize("text", [MESSAGE, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("caps", [EHLO, EHLO[1:]], ids=["pipelining", "step-by-step"])
@pytest.mark.parametrize("number", SIGNALS, ids=name)
def test_killed_at_random_moments(rig, number, caps, text):
    whole = duration(rig, text)
    moments = random.Random(f"{SEED} {number} {caps} {len(text)}")
    print(f"KILL_SEED={SEED}")
    for _ in range(NUMBER // 4):
        server = rig.serve(caps=caps)
        process = rig.program.start(*ENVELOPE)
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
        time.sleep(moments.random() * whole * 1.1)
        process.send_signal(number)
        done = rig.program.finish(process)
        judge(done, number, all_or_nothing(server, text))
        server.stop()


@pytest.mark.parametrize("number", DEADLY, ids=name)
def test_bs_killed_at_random_moments(rig, number):
    """What was answered with 250 is there; of what was not, all or nothing."""
    moments = random.Random(f"{SEED} -bs {number}")
    print(f"KILL_SEED={SEED}")
    commands = (b"HELO x\r\n" + 3 * (b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n"
                                     b"DATA\r\n" + wire(MESSAGE) + b".\r\n") + b"QUIT\r\n")
    rig.serve()
    started = time.monotonic()
    assert rig.program.run("-bs", input=commands).status == 0
    whole = time.monotonic() - started
    for _ in range(NUMBER):
        server = rig.serve(steps={"end": "250 2.0.0 taken"})
        process = rig.program.start("-bs")
        process.stdin.write(commands)
        process.stdin.close()
        process.stdin = None
        time.sleep(moments.random() * whole)
        process.send_signal(number)
        done = rig.program.finish(process)
        accepted = all_or_nothing(server, MESSAGE)
        assert done.status in (0, -number) and done.stderr == b"", str(done)
        assert done.stdout.count(b"250 taken") <= accepted <= 3
        assert accepted == 3 or done.status != 0
        server.stop()
