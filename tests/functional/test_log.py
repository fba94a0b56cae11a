"""The line in the log: one for each message, in syslog or a file, and never in the way."""

import json
import re
import sys

import pytest

from expect import ENVELOPE, MESSAGE, silent
from postfix import needs_root

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}")


def logged(rig, *args, status=0, input=MESSAGE, settings=None, **serve):
    """The lines that one run leaves in a log file."""
    path = rig.program.folder / "log"
    rig.serve(settings={"log": "file", "log_file": path, **(settings or {})}, **serve)
    done = rig.send(*(args or ENVELOPE), input=input)
    assert done.status == status, str(done)
    assert path.stat().st_mode & 0o777 == 0o600
    return path.read_text().splitlines()


def test_text(rig):
    (line,) = logged(rig)
    stamp, program, rest = line.split(" ", 2)
    assert STAMP.fullmatch(stamp) and program == "sendmail:"
    assert re.fullmatch(
        r"msgid=<1@example.org> from=<a@example.org> to=<b@example.net> host=localhost "
        r'tls=TLS1.3 size=135 reply="250 2.0.0 queued as 4711" status=0 seconds=\d+\.\d{3}', rest)


def test_json(rig):
    (line,) = logged(rig, "-L", "shop", "-f", "a@example.org", "b@example.net", "c@example.net",
                     settings={"log_format": "json"})
    entry = json.loads(line)
    assert STAMP.fullmatch(entry.pop("time")) and float(entry.pop("seconds")) >= 0
    assert entry == {"msgid": "<1@example.org>", "from": "<a@example.org>",
                     "to": "<b@example.net>,<c@example.net>", "host": "localhost",
                     "tls": "TLS1.3", "size": "135", "reply": "250 2.0.0 queued as 4711",
                     "status": "0"}


def test_tag(rig):
    (line,) = logged(rig, "-L", "shop", *ENVELOPE)
    assert line.split(" ")[1] == "shop:"


@pytest.mark.parametrize("steps, status, words", [
    ({"rcpt": '550 5.1.1 nobody called "b"'}, 67,
     r'reply="RCPT <b@example.net>: 550 5.1.1 nobody called \"b\"" status=67'),
    ({"end": "451 4.3.0 later"}, 75, 'reply="end of data: 451 4.3.0 later" status=75'),
    ({"auth": "535 5.7.8 no"}, 77, 'reply="AUTH: 535 5.7.8 no (check user and password in the '
     'configuration)" status=77'),
])
def test_failures(rig, steps, status, words):
    (line,) = logged(rig, status=status, steps=steps)
    assert words in line


def test_a_message_that_never_left(rig):
    (line,) = logged(rig, "-f", "a@example.org", "b@", status=65)
    assert "status=65" in line and "no address" in line and "to=" not in line


def test_each_message_its_line(rig):
    logged(rig)
    silent(rig.send(*ENVELOPE, input=MESSAGE))
    assert len((rig.program.folder / "log").read_text().splitlines()) == 2


# What a private /dev looks like; $1 is a folder for it, the rest a command to run with it.
PRIVATE_DEV = """
mount --make-rprivate /
mkdir "$1/dev"
for device in null zero full urandom; do : >"$1/dev/$device"; mount --bind /dev/$device "$1/dev/$device"; done
mount --rbind "$1/dev" /dev || exit 1
shift
exec "$@"
"""

# Listens where syslog does, then runs the command; "stuck" has its queue full beforehand.
DAEMON = """
import socket, subprocess, sys
daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
daemon.bind("/dev/log")
if sys.argv[1] == "stuck":
    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    other.setblocking(False)
    try:
        while True:
            other.sendto(b"x", "/dev/log")
    except BlockingIOError:
        pass
status = subprocess.run(sys.argv[2:]).returncode
if sys.argv[1] == "reading":
    print(daemon.recv(8192).decode())
sys.exit(status)
"""


def with_syslog(rig, kind, *args):
    server = rig.serve(settings={"log": None})
    command = ["unshare", "-m", "sh", "-c", PRIVATE_DEV, "sh", str(rig.program.folder),
               sys.executable, "-c", DAEMON, kind] + rig.program.command(args or ENVELOPE)
    done = rig.program.finish(rig.program.start(argv=command), MESSAGE)
    assert (done.status, done.stderr) == (0, b""), str(done)
    return done, server


@needs_root     # for a private /dev
def test_syslog(rig):
    done, _ = with_syslog(rig, "reading", "-L", "shop", *ENVELOPE)
    # <22>: facility mail, priority info
    assert re.fullmatch(rb"<22>.* shop\[\d+\]: msgid=<1@example.org> from=<a@example.org> .*"
                        rb"status=0 seconds=.*\n", done.stdout), done.stdout


@needs_root
def test_syslog_that_hangs(rig):
    _, server = with_syslog(rig, "stuck")
    assert len([m for m in server.messages if m.accepted]) == 1
