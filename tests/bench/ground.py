"""ground.py - what the bench stands on: a network, servers, builds, measured runs."""

import ctypes
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "tests/bench"
sys.path.insert(0, str(ROOT / "tests/functional"))
from certs import Authority             # noqa: E402
from postfix import Postfix             # noqa: E402

NEAR, FAR = "localhost", "192.0.2.2"    # the same servers, directly and by the relay
USER, PASSWORD = "alice", "secret"
SYSTEM_TRUST = Path("/etc/ssl/certs/ca-certificates.crt")
EXTENSIONS = ("PIPELINING", "SIZE 1000000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")
TIMEOUT = 600   # seconds until a program counts as hanging
CLONE_NEWNET = 0x40000000


class Unmeasured(Exception):
    """A program did not do what it was to be measured at."""


def run(*argv, **options):
    subprocess.run([str(a) for a in argv], check=True, **options)


def private_network():
    """From here on this process sees a loopback of its own and nothing else."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        sys.exit(f"no network of its own: {os.strerror(ctypes.get_errno())}")
    run("ip", "link", "set", "lo", "up")


def build(folder):
    """A release of the tree, in a copy of it."""
    source, out = folder / "source", folder / "build"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".git", "*.o"))
    out.mkdir()
    quiet = {"stdout": subprocess.DEVNULL}
    run("autoreconf", "-i", cwd=source, stderr=subprocess.DEVNULL, **quiet)
    run(source / "configure", "-q", "CFLAGS=-O2 -g", cwd=out, **quiet)
    run("make", "-s", f"-j{os.cpu_count()}", "mailchute", cwd=out, **quiet)
    return out / "mailchute"


class Helper:
    """One of our own small programs: it runs until its standard input is closed, however the bench
    ends."""

    def __init__(self, *argv):
        self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Unmeasured(f"{self.process.args[0]} is gone")
        return line.strip()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Relay(Helper):
    def delay(self, milliseconds):
        """How long there and back takes from now on; trips() begin anew."""
        self.process.stdin.write(f"{milliseconds * 1000 // 2}\n")
        self.line()

    def trips(self):
        """How often something went there and back up to now."""
        self.process.stdin.write("\n")
        return int(self.line()) / 2


class Sink(Helper):
    """tests/bench/sink.c; ports by kind of TLS."""

    def __init__(self, *argv):
        super().__init__(*argv)
        self.ports = {"starttls": int(self.line()), "implicit": int(self.line())}


class FarPostfix(Postfix):
    """Reached by the relay too, so it listens to all addresses of the private network."""

    def __init__(self, *args):
        super().__init__(*args)
        table = self.folder / "config/master.cf"
        table.write_text(table.read_text().replace("127.0.0.1:", "0.0.0.0:"))
        self.ports = {"starttls": self.submission, "implicit": self.smtps}


class Ground:
    """Everything the measurements share. A context manager; leaving it leaves nothing."""

    def __init__(self, folder):
        self.folder = folder
        self.running = []
        authority = Authority(folder, "ca")
        self.ca = authority.pem
        self.certificate = authority.issue("server", names=(NEAR, "127.0.0.1", FAR))
        self.bundle = folder / "bundle.pem"
        self.bundle.write_bytes(SYSTEM_TRUST.read_bytes() + self.ca.read_bytes())
        self.key = folder / "key.pem"
        run("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-out", self.key,
            "-pkeyopt", "rsa_keygen_bits:2048")
        self.key.chmod(0o600)
        self.tools = {name: self.compiled(name, *libraries) for name, libraries in
                      (("starter", ()), ("relay", ()), ("sink", ("-lgnutls",)),
                       ("writer", ("-lgnutls",)))}
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8",
                            "TMPDIR": str(folder)}
        self.relay = self.started(Relay(self.tools["relay"]))

    def started(self, helper):
        self.running.append(helper)
        return helper

    def __enter__(self):
        return self

    def __exit__(self, *_):
        while self.running:
            self.running.pop().stop()

    def compiled(self, name, *libraries):
        run("cc", "-O2", "-D_GNU_SOURCE", "-o", self.folder / name, BENCH / f"{name}.c",
            *libraries)
        return self.folder / name

    def sink(self, *more):
        return self.started(Sink(self.tools["sink"], self.certificate, *EXTENSIONS, *more))

    def postfix(self):
        server = self.started(FarPostfix(self.certificate, USER, PASSWORD))
        server.start()
        # It does not watch its standard input as our own servers do; this does so in its place.
        self.started(Helper("sh", "-c", 'cat; kill -- "-$1" 2>/dev/null; rm -rf "$2"', "sh",
                            server.master.pid, server.folder))
        return server

    def file(self, name, data):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    # measured runs; argv is all there is to a program, the message its standard input

    def runs(self, argv, message, count=1):
        """[(seconds, MiB at the peak)] of so many runs."""
        argv = [str(self.tools["starter"]), str(count), str(message), *map(str, argv)]
        try:
            done = subprocess.run(argv, env=self.environment, cwd=self.folder, check=False,
                                  capture_output=True, text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired as e:
            raise Unmeasured(f"{argv[3]} hangs") from e
        if done.returncode != 0:
            raise Unmeasured(f"{' '.join(argv[3:])[:200]}: {done.stderr.strip()[-400:]}")
        pairs = (line.split() for line in done.stdout.splitlines())
        return [(int(wall) / 1e6, int(peak) / 1024) for wall, peak in pairs]

    def instructions(self, argv, message):
        """Of the program and of those it starts, in millions."""
        with message.open("rb") as stdin:
            done = subprocess.run(
                ["valgrind", "--tool=callgrind", "--trace-children=yes",
                 "--callgrind-out-file=/dev/null", *map(str, argv)], stdin=stdin, check=False,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
                env=self.environment, cwd=self.folder, timeout=TIMEOUT)
        counts = re.findall(r"Collected : (\d+)", done.stderr)
        if done.returncode != 0 or not counts:
            raise Unmeasured(f"{argv[0]} under valgrind: {done.stderr.strip()[-400:]}")
        return sum(map(int, counts)) / 1e6

    def dialogue(self, argv, conversation):
        """Starts a server that speaks SMTP on its standard streams, has `conversation` talk to it:
        a function that is given a way to say a line, or nothing, and to hear the reply's code."""
        process = subprocess.Popen([str(a) for a in argv], env=self.environment, cwd=self.folder,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)

        def say(data=b""):
            process.stdin.write(data)
            process.stdin.flush()
            line = process.stdout.readline()
            while line[3:4] == b"-":
                line = process.stdout.readline()
            return line[:3]

        try:
            conversation(say)
            process.communicate(timeout=TIMEOUT)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        if process.returncode != 0:
            raise Unmeasured(f"{argv[0]} -bs: status {process.returncode}")


def conditions():
    """What the figures depend on, in lines."""
    def of(package):
        shown = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], check=False,
                               capture_output=True, text=True)
        return f"{package} {shown.stdout or '?'}"

    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    congestion = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    cas = SYSTEM_TRUST.read_text().count("BEGIN CERTIFICATE") + 1
    return [
        f"{model[1] if model else os.uname().machine}, {os.cpu_count()} cores, "
        f"Linux {os.uname().release}, TCP {congestion}",
        ", ".join(map(of, ("libgnutls30", "libssl3", "libc6", "valgrind"))),
        ", ".join(map(of, ("msmtp", "curl", "swaks", "postfix"))),
        f"TLS 1.3, an ECDSA P-256 certificate, {cas} trusted CAs, AUTH PLAIN; nobody keeps a log.",
        "The sink is a server with GnuTLS that takes all as fast as it can.",
    ]


def resolves():
    """The name the certificate is for has to lead here without a name server."""
    return socket.gethostbyname(NEAR) == "127.0.0.1"
