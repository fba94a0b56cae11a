"""What surrounds a run: limits, descriptors and readers that misbehave."""

import fcntl
import os
import subprocess

import pytest

from expect import ENVELOPE, MESSAGE, delivered, failed

LINE = b"a line of text that makes the body grow, and grow\n"


def test_a_log_file_over_the_size_limit(rig):
    """SIGXFSZ would kill after delivery."""
    log = rig.program.folder / "log"
    log.write_bytes(200 * 1024 * b"x")
    server = rig.serve(settings={"log": "file", "log_file": log})
    delivered(rig.program.shell('ulimit -f 100; exec "$@"', *ENVELOPE, input=MESSAGE), server)


def test_a_body_over_the_size_limit(rig):
    """A limit on file sizes is a full disk."""
    server = rig.serve()
    done = rig.program.shell('ulimit -f 100; exec "$@"', *ENVELOPE,
                             input=MESSAGE + 20000 * LINE)
    failed(done, 75, "TMPDIR")
    server.settle()
    assert server.connections == []


def test_stdin_that_does_not_block(rig):
    server = rig.serve()
    read, write = os.pipe()
    os.set_blocking(read, False)
    process = rig.program.start(*ENVELOPE, stdin=read)
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        pipe.write(MESSAGE[:40])
        pipe.flush()
        # Nothing is there for a while: the program has to wait, as it would for any pipe.
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        pipe.write(MESSAGE[40:])
    delivered(rig.program.finish(process), server)


def test_a_dialogue_that_nobody_reads(rig):
    """-v writes to a pipe that is full; the message goes all the same."""
    server = rig.serve(steps={"greeting": "\n".join(["220-" + 70 * "x"] * 200) + "\n220 hello"})
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    process = rig.program.start("-v", *ENVELOPE, stdout=write)
    os.close(write)
    _, stderr = process.communicate(MESSAGE, timeout=60)
    os.close(read)
    assert (process.returncode, stderr) == (0, b"")
    assert [m.accepted for m in server.messages] == [True]
