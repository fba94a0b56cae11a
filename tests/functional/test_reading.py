"""What comes in on stdin, and what does not go out because of it."""

import array
import fcntl
import os
import signal
import subprocess
import termios
import threading

import pytest

from expect import (ENVELOPE, HEADER, MESSAGE, body_of, delivered, failed, fields, has, silent,
                    untouched, wire)

MIB = 1024 * 1024
KIB = 1024


@pytest.mark.parametrize("text, arrived", [
    (b"one\ntwo\n", b"one\r\ntwo\r\n"),
    (b"one\r\ntwo\r\n", b"one\r\ntwo\r\n"),
    (b"one\r\ntwo\nthree\r\n", b"one\r\ntwo\r\nthree\r\n"),
    (b"no end", b"no end\r\n"),
    (b"no end\r", b"no end \r\n"),
    (b"a\rb\n", b"a b\r\n"),
    (b"a\r\rb\r\r\n", b"a  b \r\n"),
    (b"\r.\r\n", b" .\r\n"),
    (b"\n\n\n", b"\r\n\r\n\r\n"),
    (b"", b""),
    (b"8-bit \xff\xfe\n", b"8-bit \xff\xfe\r\n"),
    (b"control \x01\x1b\x7f\n", b"control \x01\x1b\x7f\r\n"),
    (b"From here on\n", b"From here on\r\n"),
    (b"Not: a field\n", b"Not: a field\r\n"),
])
def test_line_ends(rig, text, arrived):
    server = rig.serve()
    message = delivered(rig.send(*ENVELOPE, input=HEADER + b"\n" + text), server)
    assert body_of(message.data) == arrived


def test_crlf_throughout(rig):
    server = rig.serve()
    message = delivered(rig.send(*ENVELOPE, input=wire(MESSAGE)), server)
    assert message.data == wire(MESSAGE)


@pytest.mark.parametrize("text", [b"", b"\n"], ids=["header-only", "empty-body"])
def test_no_body(rig, text):
    server = rig.serve()
    message = delivered(rig.send(*ENVELOPE, input=HEADER + text), server)
    assert message.data == wire(HEADER) + b"\r\n"


@pytest.mark.parametrize("text, body", [
    (b"hello\nworld\n", b"hello\r\nworld\r\n"),
    (b"\nhello\n", b"hello\r\n"),
    (b"Subject: x\nno field\nmore\n", b"no field\r\nmore\r\n"),
    (b" starts with a blank\n", b" starts with a blank\r\n"),
    (b"http://example.org/ is here\n", None),      # "http" is a field's name like any other
    (b": nameless\n", b": nameless\r\n"),
    (b"two words: x\n", b"two words: x\r\n"),
])
def test_where_the_body_begins(rig, text, body):
    server = rig.serve()
    message = delivered(rig.send(*ENVELOPE, input=text), server)
    assert body_of(message.data) == (b"" if body is None else body)
    assert has(message.data, "From") and has(message.data, "Date")


@pytest.mark.parametrize("line", [b"From a@example.org Thu Jan  1 00:00:00 2026\n",
                                  b"From a@example.org Thu Jan  1 00:00:00 2026\r\n",
                                  b"From \n"])
def test_mbox_line_is_dropped(rig, line):
    server = rig.serve()
    message = delivered(rig.send(*ENVELOPE, input=line + MESSAGE), server)
    assert message.data == wire(MESSAGE)


@pytest.mark.parametrize("text", [
    MESSAGE + b"\0", HEADER + b"X: a\0b\n\nhello\n", b"\0", HEADER + b"\n" + MIB * b"x" + b"\0",
], ids=["body", "header", "alone", "far-down"])
def test_nul_is_refused(rig, text):
    server = rig.serve()
    failed(rig.send(*ENVELOPE, input=text), 65, "NUL")
    untouched(server)


def test_no_byte_at_all(rig):
    server = rig.serve()
    failed(rig.send(*ENVELOPE, input=b""), 66)
    untouched(server)


def folded(size):
    """One field of about so many bytes, in lines of 70."""
    return b"X-Long:" + (size // 72) * (b" " + 69 * b"x" + b"\n")


@pytest.mark.parametrize("text, status", [
    (folded(240 * KIB), 0),
    (folded(260 * KIB), 65),
    (4 * folded(240 * KIB), 0),
    (5 * folded(240 * KIB), 65),
    (20 * KIB * b"X-Short: 0123456789012345678901234567890\n", 0),
    (30 * KIB * b"X-Short: 0123456789012345678901234567890\n", 65),
    (b"X-Endless: " + 4 * MIB * b"x", 65),
], ids=["field", "field-over", "header", "header-over", "fields", "fields-over", "endless"])
def test_ceilings_of_the_header(rig, text, status):
    server = rig.serve()
    done = rig.send(*ENVELOPE, input=HEADER + text + b"\nhello\n")
    if status:
        failed(done, status)
        untouched(server)
    else:
        assert delivered(done, server).data == wire(HEADER + text + b"\nhello\n")


@pytest.mark.parametrize("count, status", [(100, 0), (101, 69)])
def test_loop(rig, count, status):
    server = rig.serve()
    done = rig.send(*ENVELOPE, input=count * b"Received: from x by y\n" + MESSAGE)
    if status:
        failed(done, status)
        untouched(server)
    else:
        delivered(done, server)


def lines_of(size):
    """So many bytes of text that differs from line to line."""
    text = b"".join(b".%08d the quick brown fox jumps over the lazy dog\n" % n
                    for n in range(size // 54 + 1))
    return text[:size - 1] + b"\n"


@pytest.mark.parametrize("size", [255 * KIB, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 5 * MIB])
def test_bodies_around_the_spill(rig, size):
    server = rig.serve()
    text = lines_of(size)
    message = delivered(rig.send(*ENVELOPE, input=HEADER + b"\n" + text), server)
    assert body_of(message.data) == wire(text)


def test_no_tmpdir_needed_for_small_ones(rig):
    server = rig.serve()
    delivered(rig.send(env={"TMPDIR": "/nonexistent"}), server)


def test_no_tmpdir_for_a_large_one(rig):
    server = rig.serve()
    done = rig.send(*ENVELOPE, input=HEADER + b"\n" + lines_of(MIB),
                    env={"TMPDIR": "/nonexistent"})
    failed(done, 75, "/nonexistent")
    untouched(server)


def test_tmpdir_unset(rig):
    server = rig.serve()
    message = delivered(rig.send(*ENVELOPE, input=HEADER + b"\n" + lines_of(MIB),
                                 env={"TMPDIR": None}), server)
    assert body_of(message.data) == wire(lines_of(MIB))


def wait_for(condition, complaint):
    pause = threading.Event()
    for _ in range(3000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError(complaint)


def wait_until_read(process):
    """Waits until the process has taken everything out of its stdin."""
    left = array.array("i", [1])

    def drained():
        fcntl.ioctl(process.stdin, termios.FIONREAD, left)
        return left[0] == 0

    wait_for(drained, "stdin is not read")


def feed(process, data):
    process.stdin.write(data)
    process.stdin.flush()
    wait_until_read(process)


itself = pytest.mark.skipif(bool(os.environ.get("MAILCHUTE_WRAPPER")),
                            reason="looks at the process itself, not at a wrapper")


@itself
def test_the_spill_is_private(rig):
    rig.serve()
    process = rig.program.start(*ENVELOPE)
    feed(process, HEADER + b"\n" + lines_of(MIB))
    folder = f"/proc/{process.pid}/fd"

    def spills():
        return [fd for fd in os.listdir(folder)
                if os.readlink(f"{folder}/{fd}").startswith(str(rig.program.tmp))]

    wait_for(spills, "no spill file")
    assert list(rig.program.tmp.iterdir()) == []
    assert os.stat(f"{folder}/{spills()[0]}").st_mode & 0o777 == 0o600
    silent(rig.program.finish(process))


@itself
@pytest.mark.parametrize("text", [
    5600 * b"x" + b"\n", 800000 * b"the quick brown fox jumps over the lazy dog, twice a day\n",
    45 * MIB * b"x" + b"\n", 15 * MIB * "ä ".encode() + b"\n",
], ids=["small", "lines", "one-line", "one-8bit-line"])
def test_memory_does_not_grow_with_the_body(rig, binary, text):
    """Nor with one line, which has to be encoded. The largest resident size so far, looked at when all but the last reply has happened."""
    peaks = []

    def look():
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            peaks.extend(int(word[1]) for word in map(str.split, status) if word[0] == "VmHWM:")
        return "250 2.0.0 ok"

    server = rig.serve(caps=("PIPELINING",), steps={"end": look})
    process = rig.program.start(*ENVELOPE)
    silent(rig.program.finish(process, HEADER + b"\n" + text))
    assert len(server.messages[0].data) > len(text)
    if b"__asan_init" not in binary.read_bytes():       # its own shadow is larger than that
        assert 0 < peaks[0] < 16 * 1024


def test_all_is_read_before_connecting(rig):
    server = rig.serve()
    process = rig.program.start(*ENVELOPE)
    feed(process, MESSAGE)
    untouched(server)
    done = rig.program.finish(process, b"more\n")
    assert delivered(done, server).data == wire(MESSAGE + b"more\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("size", [0, 100 * KIB, MIB])
def test_signals_before_the_end(rig, number, size):
    server = rig.serve()
    process = rig.program.start(*ENVELOPE)
    feed(process, MESSAGE + size * b"x")
    process.send_signal(number)
    done = rig.program.finish(process)
    assert done.status == -number, str(done)
    untouched(server)


def test_stdin_closed(rig):
    server = rig.serve()
    done = rig.program.shell('exec "$@" <&-', *ENVELOPE)
    assert done.status in (66, 74) and len(done.lines) == 1, str(done)
    untouched(server)


def test_stdin_cannot_be_read(rig):
    server = rig.serve()
    failed(rig.program.shell('exec "$@" </', *ENVELOPE), 74)
    untouched(server)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_output_closed(rig, closed):
    server = rig.serve()
    done = rig.program.shell(f'exec "$@" {closed}', *ENVELOPE, input=MESSAGE)
    assert delivered(done, server).data == wire(MESSAGE)


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "2>/dev/full"])
def test_errors_go_nowhere_else(rig, closed):
    server = rig.serve(steps={"rcpt": "550 5.1.1 nobody"})
    done = rig.program.shell(f'exec "$@" {closed}', *ENVELOPE, input=MESSAGE)
    assert done.status == 67, str(done)
    assert b"nobody" not in server.only.received + server.only.clear


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_into_a_dead_pipe(rig, stream):
    server = rig.serve(steps={"rcpt": "550 5.1.1 nobody"})
    reader, writer = os.pipe()
    os.close(reader)
    process = rig.program.start(*ENVELOPE, **{stream: writer})
    os.close(writer)
    assert rig.program.finish(process, MESSAGE).status == 67
    assert server.messages == []


def test_no_environment(rig, certificates):
    server = rig.serve()
    done = rig.program.run("--config", str(rig.program.config), "--", *ENVELOPE[2:],
                           input=MESSAGE, name="mailchute", cwd="/",
                           env={k: None for k in ("PATH", "TMPDIR", "MAILCHUTE_CONFIG")})
    assert delivered(done, server).data == wire(MESSAGE)


def test_unwritable_folder(rig):
    server = rig.serve()
    delivered(rig.send(cwd="/proc/self"), server)


def test_a_failure_reads_on_to_the_end(rig):
    """A caller that writes a long message must not meet a broken pipe."""
    server = rig.serve()
    process = rig.program.start("-f", "a@example.org", "not an address@")
    process.stdin.write(MESSAGE + 20 * MIB * b"x")
    process.stdin.close()
    process.stdin = None
    assert rig.program.finish(process).status == 65
    untouched(server)


def test_dot_alone_does_not_end_a_pipe(rig):
    server = rig.serve()
    message = delivered(rig.send(*ENVELOPE, input=MESSAGE + b".\nbehind\n"), server)
    assert body_of(message.data) == b"hello\r\n.\r\nbehind\r\n"


def test_a_terminal_ends_with_a_dot(rig):
    server = rig.serve()
    ours, theirs = os.openpty()
    process = rig.program.start(*ENVELOPE, stdin=theirs)
    os.close(theirs)
    os.write(ours, MESSAGE + b".\n")
    done = rig.program.finish(process)
    os.close(ours)
    assert delivered(done, server).data == wire(MESSAGE)


def test_stdin_is_a_file(rig):
    server = rig.serve()
    file = rig.program.file("message", MESSAGE)
    with open(file, "rb") as stdin:
        done = rig.program.finish(rig.program.start(*ENVELOPE, stdin=stdin))
    assert delivered(done, server).data == wire(MESSAGE)


def test_stdin_is_dev_null(rig):
    server = rig.serve()
    process = rig.program.start(*ENVELOPE, stdin=subprocess.DEVNULL)
    failed(rig.program.finish(process), 66)
    untouched(server)


def test_header_of_many_fields_is_kept_in_order(rig):
    server = rig.serve()
    extra = b"".join(b"X-%d: %d\n" % (n, n) for n in range(5000))
    message = delivered(rig.send(*ENVELOPE, input=HEADER + extra + b"\nhello\n"), server)
    assert fields(message.data)[-5000:] == [(f"X-{n}", b"%d" % n) for n in range(5000)]
