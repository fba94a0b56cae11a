"""Local faults: what a run does when the machine around it fails.

Never a crash, never part of a message; one line that says why, and 75 where it may pass.
"""

import os
import signal
import socket
import struct
import time
from itertools import product

import pytest

import nameserver
from expect import ENVELOPE, HEADER, MESSAGE, delivered, failed, untouched, wire
from faults import in_mounts, plain_binary, preload
from postfix import needs_root
from smtpscript import SILENCE

KIB = 1024
MAYBE = "may have been delivered"
LINES = 20000 * b"a line of text that makes the body grow, and grow\n"     # 1 MB
ACCENTS = LINES.replace(b"body", "b\u00f6dy".encode())
LARGE = HEADER + b"\n" + LINES
# A declaration that fits, so that a body of 8-bit text can be encoded for a server that wants it.
MIME = b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """A folder that all processes of the run share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "faults"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def plain(rig, binary, workshop):
    """The rig with a program that a library can be put into, and memory taken from."""
    made = plain_binary(binary, workshop)
    for link in rig.program.bin.iterdir():
        link.unlink()
        link.symlink_to(made)
    return rig


def one_or_none(done, server, *statuses):
    """All of the message with status 0, nothing of it with one of these."""
    accepted = [m.data for m in server.messages if m.accepted]
    if done.status == 0:
        assert (accepted, done.stderr) == ([wire(MESSAGE)], b""), str(done)
    else:
        assert done.status in statuses and accepted == [] and len(done.lines) == 1, str(done)


# --- disks ---

def small_disk(size):
    return f'mount -t tmpfs -o size={size} none "$TMPDIR"'


@needs_root
@pytest.mark.parametrize("size", ["4k", "64k", "256k", "900k"])
def test_disk_full_while_spilling(rig, size):
    server = rig.serve()
    done = rig.program.run(argv=in_mounts(small_disk(size), rig.program.command(ENVELOPE)),
                           input=LARGE)
    failed(done, 75, "TMPDIR", "No space left")
    untouched(server)


@needs_root
def test_disk_just_large_enough(rig):
    server = rig.serve()
    done = rig.program.run(argv=in_mounts(small_disk("1100k"), rig.program.command(ENVELOPE)),
                           input=LARGE)
    assert delivered(done, server).data == wire(LARGE)


@needs_root
def test_disk_full_while_encoding(rig):
    """The message fits; what it becomes for a server without 8BITMIME does not."""
    server = rig.serve(caps=("PIPELINING",))
    argv = in_mounts(small_disk("1200k"), rig.program.command(ENVELOPE))
    failed(rig.program.run(argv=argv, input=HEADER + MIME + b"\n" + ACCENTS), 75, "No space left")
    assert not any(message.accepted for message in server.messages)
    assert not any(c.startswith(b"MAIL") for c in server.only.commands)


@needs_root
def test_disk_full_under_bs(rig):
    """Once the dot has come; the session goes on, with what fits."""
    server = rig.serve()
    argv = in_mounts(small_disk("300k"), rig.program.command(["-bs"]))
    with rig.talk(argv=argv) as bs:
        bs.begin()
        assert "TMPDIR" in bs.finish(LARGE, 451).text
        bs.send(MESSAGE)
    assert [m.accepted for m in server.messages] == [True]


@needs_root
@pytest.mark.parametrize("text, status", [(MESSAGE, 0), (LARGE, 75)], ids=["small", "large"])
def test_read_only_file_system(rig, text, status):
    log, cache = rig.program.folder / "log", rig.program.folder / "cache"
    server = rig.serve(settings={"log": "file", "log_file": log})
    done = rig.program.run(
        argv=in_mounts(f'mount --bind {rig.program.folder} {rig.program.folder}\n'
                       f'mount -o remount,ro,bind {rig.program.folder}',
                       rig.program.command(ENVELOPE)),
        input=text, env={"XDG_CACHE_HOME": str(cache), "HOME": str(rig.program.folder)})
    if status:
        failed(done, status, "Read-only file system")
        untouched(server)
    else:
        assert delivered(done, server).data == wire(text)
    assert not log.exists() and not cache.exists()


def test_tmpdir_is_a_file(rig):
    server = rig.serve()
    path = rig.program.file("not-a-folder", "")
    failed(rig.send(*ENVELOPE, input=LARGE, env={"TMPDIR": str(path)}), 75, str(path))
    untouched(server)


@needs_root
@pytest.mark.parametrize("missing", ["/etc/resolv.conf", "/etc/hosts /etc/nsswitch.conf", "/etc"])
def test_files_of_the_system_that_are_missing(rig, missing):
    """The smart host has an address: nobody has to be asked for it."""
    server = rig.serve(account={"host": "127.0.0.1"})
    script = "\n".join(f"test -d {path} && mount -t tmpfs none {path} || "
                       f"mount --bind /dev/null {path}" for path in missing.split())
    done = rig.program.run(argv=in_mounts(script, rig.program.command(ENVELOPE)), input=MESSAGE)
    assert delivered(done, server).data == wire(MESSAGE)


# --- the way to the smart host ---

NAMES = {"busy.example.test": {"rcode": "SERVFAIL"}, "silent.example.test": {"silent": True}}


@needs_root
@pytest.mark.parametrize("mode", ["-bm", "-bs"])
@pytest.mark.parametrize("host, status, words", [
    ("nowhere.example.test", 68, "nowhere.example.test"),
    ("busy.example.test", 75, "busy.example.test"),
    ("silent.example.test", 75, "silent.example.test"),
    ("192.0.2.1", 75, "unreachable"),
])
def test_no_way_to_the_host(rig, mode, host, status, words):
    """In a network that has nothing but a name server."""
    server = rig.serve(settings={"deadline": "2s"}, account={"host": host})
    args = ENVELOPE if mode == "-bm" else ["-bs"]
    argv = nameserver.command(rig.program.folder, NAMES, rig.program.command(args))
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    started = time.monotonic()
    if mode == "-bm":
        failed(rig.program.run(argv=argv, input=MESSAGE, env=env), status, words)
    else:
        with rig.talk(argv=argv, env=env) as bs:
            started = time.monotonic()
            bs.say("MAIL FROM:<a@example.org>", 451, words)
    assert time.monotonic() - started < 10
    untouched(server)


@pytest.mark.parametrize("mode", ["-bm", "-bs"])
def test_a_host_that_does_not_answer(rig, mode):
    """Its queue is full: what knocks is not even refused."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, \
            socket.create_connection(deaf.getsockname()):
        server = rig.serve(settings={"deadline": "1s"}, account={"port": deaf.getsockname()[1],
                                                                "host": "127.0.0.1"})
        started = time.monotonic()
        if mode == "-bm":
            failed(rig.send(), 75, "127.0.0.1")
        else:
            with rig.talk() as bs:
                bs.say("MAIL FROM:<a@example.org>", 451, "127.0.0.1")
        assert time.monotonic() - started < 5
    untouched(server)


# --- descriptors ---

LOADER = 127    # the run-time linker's own complaint


@pytest.mark.parametrize("limit", range(3, 20))
def test_few_descriptors(rig, limit):
    server = rig.serve()
    done = rig.program.shell(f'ulimit -n {limit}; exec "$@"', *ENVELOPE, input=MESSAGE)
    if done.status == LOADER:
        untouched(server)
    else:
        one_or_none(done, server, 75)


CLOSINGS = ["".join(c) for c in product(("", "<&- "), ("", ">&- "), ("", "2>&-"))]


@pytest.mark.parametrize("reply, status", [("250 2.1.5 ok", 0), ("550 5.1.1 nobody", 67)])
@pytest.mark.parametrize("closed", CLOSINGS)
def test_every_subset_of_the_standard_descriptors(rig, closed, reply, status):
    server = rig.serve(steps={"rcpt": reply})
    done = rig.program.shell(f'exec "$@" {closed}', *ENVELOPE, input=MESSAGE)
    if "<" in closed:
        assert done.status in (66, 74), str(done)
        untouched(server)
        return
    assert done.status == status, str(done)
    assert [m.data for m in server.messages if m.accepted] == [wire(MESSAGE)] * (status == 0)
    assert b"sendmail:" not in server.only.clear + server.only.received


@pytest.mark.parametrize("closed", CLOSINGS)
def test_closed_descriptors_under_bs(rig, closed):
    server = rig.serve()
    text = b"".join(line + b"\r\n" for line in (
        b"HELO x", b"MAIL FROM:<a@example.org>", b"RCPT TO:<b@example.net>", b"DATA",
        wire(MESSAGE) + b".", b"QUIT"))
    done = rig.program.shell(f'exec "$@" {closed}', "-bs", input=text)
    assert (done.status, done.stderr) == (0, b""), str(done)
    if "<" in closed:
        untouched(server)
    else:       # whether a client that cannot hear wants it sent is open; in halves it never is
        assert all(m.data == wire(MESSAGE) for m in server.messages)


# --- standard input ---

def torn_socket(text):
    """A socket whose other end says this and then resets; our end is for reading."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    theirs.sendall(text)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    return ours


@pytest.mark.parametrize("text", [b"", HEADER[:40], MESSAGE, HEADER + b"\n" + LINES[:100 * KIB]],
                         ids=["at-once", "header", "body", "large"])
def test_stdin_breaks_off(rig, text):
    """An error is no end of input: what came so far is not the message."""
    server = rig.serve()
    with torn_socket(text) as stdin:
        done = rig.program.finish(rig.program.start(*ENVELOPE, stdin=stdin))
    failed(done, 74, "Connection reset")
    untouched(server)


def test_a_terminal_that_hangs_up(rig):
    server = rig.serve()
    ours, theirs = os.openpty()
    process = rig.program.start(*ENVELOPE, stdin=theirs)
    os.close(theirs)
    os.write(ours, MESSAGE)
    os.close(ours)
    done = rig.program.finish(process)
    assert done.status in (66, 74) and len(done.lines) == 1, str(done)
    untouched(server)


@pytest.mark.parametrize("cut", [b"", b"DATA\r\n" + HEADER, b"DATA\r\n" + wire(MESSAGE) + b"."],
                         ids=["envelope", "header", "dot"])
def test_stdin_breaks_off_under_bs(rig, cut):
    server = rig.serve()
    envelope = b"HELO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n"
    with torn_socket(envelope + cut) as stdin:
        done = rig.program.finish(rig.program.start("-bs", stdin=stdin))
    assert (done.status, done.stderr) == (0, b""), str(done)
    assert server.messages == []


# --- environment ---

@pytest.mark.parametrize("env", [
    {"HOME": None}, {"HOME": ""}, {"HOME": "/nonexistent"}, {"HOME": "/dev/null"},
    {"HOME": "relative"}, {"XDG_CONFIG_HOME": ""}, {"XDG_CACHE_HOME": "relative"},
    {"TMPDIR": ""}, {"PATH": None}, {"PATH": ""}, {"LANG": "xx_XX", "LC_ALL": "xx_XX"},
    {"TZ": "/dev/zero"}, {"LOGNAME": "", "USER": ""},
], ids=lambda env: "-".join(f"{k}={v}" for k, v in env.items()).replace("/", "_"))
def test_strange_environments(rig, env):
    server = rig.serve()
    assert delivered(rig.send(*ENVELOPE, input=MESSAGE, env=env), server).data == wire(MESSAGE)


@pytest.mark.parametrize("home", [None, "", "/nonexistent", "/dev/null"])
def test_no_configuration_in_a_strange_home(rig, home):
    failed(rig.send(env={"HOME": home, "MAILCHUTE_CONFIG": None, "XDG_CONFIG_HOME": None}), 78,
           "sendmail.conf")


# --- memory ---

FAILING_MALLOC = """
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>

static long left = -1;
static char *first, *last; /* the calls that count come from in between */

static int look_at_program(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
			first = (char *)info->dlpi_addr + part->p_vaddr;
			last = first + part->p_memsz;
		}
	}
	return 1; /* no other than the first */
}

__attribute__((constructor)) static void prepare(void)
{
	const char *n = getenv("FAIL_AT");

	last = (char *)-1;
	if (getenv("FAIL_OURS") != NULL)
		dl_iterate_phdr(look_at_program, NULL);
	left = n != NULL ? atol(n) : -1;
}

/* From the n-th call on there is nothing: not for a cure, nor for the words about it. */
static bool is_over(const void *caller)
{
	if ((const char *)caller < first || (const char *)caller >= last)
		return false;
	if (left > 0)
		left--;
	if (left == 0)
		errno = ENOMEM;
	return left == 0;
}

#define IS_OVER()  is_over(__builtin_return_address(0))
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void *malloc(size_t n)
{
	static __typeof__(&malloc) real;

	if (real == NULL)
		real = REAL(malloc);
	return IS_OVER() ? NULL : real(n);
}

void *calloc(size_t n, size_t size)
{
	static __typeof__(&calloc) real;
	static bool asking;
	static char early[4096]; /* dlsym() itself may want some */

	if (asking)
		return early;
	if (real == NULL) {
		asking = true;
		real = REAL(calloc);
		asking = false;
	}
	return IS_OVER() ? NULL : real(n, size);
}

void *realloc(void *p, size_t n)
{
	static __typeof__(&realloc) real;

	if (real == NULL)
		real = REAL(realloc);
	return IS_OVER() ? NULL : real(p, n);
}
"""


def without_memory(rig, workshop, **env):
    library = preload(workshop, "malloc.so", FAILING_MALLOC)
    env = {name: str(value) for name, value in env.items()}
    return rig.send(*ENVELOPE, input=MESSAGE, env={"LD_PRELOAD": str(library), **env})


def accepted_by(server):
    return [message.data for message in server.messages if message.accepted]


def test_no_memory_for_us(plain, workshop):
    """Every call of the program's own fails in turn, and all that come after it. From the last
    byte of the message on, "try again" alone would have it sent twice."""
    server = plain.serve()
    for count in range(1, 10000):
        done = without_memory(plain, workshop, FAIL_AT=count, FAIL_OURS=1)
        if done.status == 0:
            break
        failed(done, 75, "out of memory", program=done.lines[0].split(":")[0])
        assert accepted_by(server) == [] or MAYBE in done.stderr.decode(), f"call {count}: {done}"
    assert done.stderr == b"" and accepted_by(server)[-1] == wire(MESSAGE) and count > 50


def test_no_memory_for_libraries(plain, workshop):
    """Some of them give up the whole process; it must not look as if all went well."""
    server = plain.serve()
    count = 1
    while True:
        done = without_memory(plain, workshop, FAIL_AT=count)
        if done.status == 0:
            break
        assert done.stderr or done.status < 0, f"call {count}: {done}"
        # A death by signal tells nobody anything; words and a status have to be right.
        assert accepted_by(server) == [] or done.status < 0 or MAYBE in done.stderr.decode(), (
            f"call {count}: {done}")
        count = max(count + 1, int(count * 1.1))
    assert accepted_by(server)[-1] == wire(MESSAGE) and count > 500


@pytest.mark.parametrize("kib", [*range(3000, 30000, 1500)])
def test_limited_address_space(plain, kib):
    server = plain.serve()
    done = plain.program.shell(f'ulimit -v {kib}; exec "$@"', *ENVELOPE, input=MESSAGE)
    if done.status in (LOADER, -signal.SIGSEGV, -signal.SIGKILL):   # the kernel's, the linker's
        assert done.stderr == b"" or b"loading shared libraries" in done.stderr
        untouched(server)
    else:
        one_or_none(done, server, 75)


# --- clocks ---

JUMPING_CLOCK = """
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

/* Each look at the wall clock finds it an hour before or behind the last one. */
static time_t jump(void)
{
	static unsigned calls;

	return ++calls % 2 != 0 ? 3600 : -3600;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);

	if (real == NULL)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	if (real(id, ts) != 0)
		return -1;
	if (id == CLOCK_REALTIME)
		ts->tv_sec += jump();
	return 0;
}

time_t time(time_t *t)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
"""


@pytest.fixture
def jumping(plain, workshop):
    return {"LD_PRELOAD": str(preload(workshop, "clock.so", JUMPING_CLOCK))}


def test_a_clock_that_jumps(plain, jumping):
    server = plain.serve(settings={"deadline": "30s"})
    delivered(plain.send(env=jumping), server)


@pytest.mark.parametrize("step", ["greeting", "tls", "auth", "end"])
def test_deadlines_do_not_jump(plain, jumping, step):
    plain.serve(settings={"deadline": "2s"}, steps={step: SILENCE})
    started = time.monotonic()
    failed(plain.send(env=jumping), 75)
    assert 1.5 < time.monotonic() - started < 10
