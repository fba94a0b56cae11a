"""program.py - runs the program under test, under any of its names, with next to no environment.

$MAILCHUTE is the binary. $MAILCHUTE_WRAPPER, if set, is a command to run it under, such as
"valgrind -q --error-exitcode=99 --log-file=/tmp/vg.%p".
"""

import os
import shlex
import subprocess
from dataclasses import dataclass

import pytest

NAMES = ("mailchute", "sendmail", "mailq", "newaliases")
KEPT = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "MSAN_OPTIONS", "LLVM_PROFILE_FILE",
        "GCOV_PREFIX", "GCOV_PREFIX_STRIP")
PATIENCE = 60   # seconds until a run counts as hanging
ALARMS = (b"Sanitizer", b"runtime error:")


@dataclass
class Done:
    """How a run ended. `status` is negative for a death by signal, as in subprocess."""
    status: int
    stdout: bytes
    stderr: bytes

    @property
    def lines(self):
        return self.stderr.decode("utf-8").splitlines()

    def __str__(self):
        return f"status {self.status}\nstdout: {self.stdout!r}\nstderr: {self.stderr!r}"


def _quoted(value):
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(_quoted(v) for v in value) + "}"
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{text}"'


def config_text(settings=None, accounts=None, dkim=None):
    """sendmail.conf from dictionaries: {setting: value}, {account: {setting: value}}, ...; a value
    of None leaves a setting out. Without a word about the cache it is off: a run as root would
    write to /var/cache."""
    settings = {"cache": "off", **(settings or {})}
    out = [f"{k} = {_quoted(v)}" for k, v in settings.items() if v is not None]
    for kind, sections in (("account", accounts), ("dkim", dkim)):
        for name, section in (sections or {}).items():
            out.append(f"{kind} {_quoted(name)} {{")
            out += [f"\t{k} = {_quoted(v)}" for k, v in section.items() if v is not None]
            out.append("}")
    return "\n".join(out) + "\n"


class Program:
    """The binary in a folder of its own, with its names beside it."""

    def __init__(self, folder, binary):
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in NAMES:
            (self.bin / name).symlink_to(binary)
        self.tmp = folder / "tmp"
        self.tmp.mkdir()
        self.config = folder / "sendmail.conf"
        self.env = {"PATH": "/usr/bin:/bin", "TMPDIR": str(self.tmp),
                    "MAILCHUTE_CONFIG": str(self.config)}
        self.env.update({k: os.environ[k] for k in KEPT if k in os.environ})

    def path(self, name="sendmail"):
        return str(self.bin / name)

    def file(self, name, text, mode=0o600):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    def configure(self, text=None, **sections):
        """Writes the configuration: text as it is, or see config_text()."""
        self.file("sendmail.conf", config_text(**sections) if text is None else text)

    def command(self, args, name="sendmail"):
        wrapper = shlex.split(os.environ.get("MAILCHUTE_WRAPPER", ""))
        return wrapper + [self.path(name)] + [os.fsencode(a) if isinstance(a, str) else a
                                              for a in args]

    def start(self, *args, name="sendmail", env=None, **popen):
        """The running process, for tests that feed or kill it themselves. A value of None in
        `env` takes a variable away."""
        environment = {k: v for k, v in {**self.env, **(env or {})}.items() if v is not None}
        for stream in ("stdin", "stdout", "stderr"):
            popen.setdefault(stream, subprocess.PIPE)
        popen.setdefault("cwd", self.folder)
        return subprocess.Popen(popen.pop("argv", None) or self.command(args, name),
                                env=environment, **popen)

    def finish(self, process, input=None):
        try:
            out, err = process.communicate(input, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"the program hangs; stdout {out!r}, stderr {err!r}")
        done = Done(process.returncode, out or b"", err or b"")
        assert not any(alarm in done.stderr for alarm in ALARMS), done.stderr.decode()
        return done

    def run(self, *args, input=b"", **options):
        return self.finish(self.start(*args, **options), input)

    def shell(self, script, *args, input=b"", name="sendmail", **options):
        """A run through sh, as many callers do it; the command line is "$@" in `script`."""
        argv = ["/bin/sh", "-c", script, "sh"] + self.command(args, name)
        return self.finish(self.start(argv=argv, **options), input)
