"""faults.py - what goes wrong around a run: file systems, memory, clocks and descriptors.

Some of it needs a program without sanitizers: plain_binary() makes one where $MAILCHUTE has them.
Some needs root and a mount namespace of its own: in_mounts() makes the command line.
"""

import fcntl
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src"
LIBRARIES = ("gnutls", "libidn2", "libconfuse")
DEFINES = ("-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", '-DSYSCONFDIR="/etc"',
           '-DDEFAULT_TRUST_STORE="/etc/ssl/certs/ca-certificates.crt"',
           '-DPACKAGE_STRING="mailchute"')


def in_mounts(script, argv):
    """argv (a list), run where the shell script has changed the mounts."""
    return ["unshare", "-m", "/bin/sh", "-ec", script + '\nexec "$@"', "sh", *argv]


def _once(folder, name, make):
    """The file of that name, made by make(path) by the first of several processes to ask."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    with open(folder / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            make(path)
    return path


def _pkg_config(what):
    return subprocess.run(["pkg-config", what, *LIBRARIES], check=True, capture_output=True,
                          text=True).stdout.split()


def _compile(folder, objects):
    """The sources of one folder; their objects."""
    (objects / folder.name).mkdir()
    subprocess.run(["cc", "-std=c11", "-O1", *DEFINES, f"-I{SOURCES}", f"-I{objects}",
                    *_pkg_config("--cflags"), "-c", *sorted(folder.glob("*.c"))],
                   cwd=objects / folder.name, check=True)


def _build(path):
    objects = Path(tempfile.mkdtemp(dir=path.parent))
    (objects / "config.h").touch()
    folders = [SOURCES, *(f for f in SOURCES.iterdir() if f.is_dir())]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda folder: _compile(folder, objects), folders))
    made = path.with_suffix(".new")
    subprocess.run(["cc", "-o", made, *sorted(objects.glob("*/*.o")), *_pkg_config("--libs"),
                    "-lresolv"], check=True)
    made.rename(path)


def is_sanitized(binary):
    return b"__asan_init" in Path(binary).read_bytes()


def plain_binary(binary, folder):
    """The program without sanitizers: itself, $MAILCHUTE_PLAIN, or built in the folder."""
    if not is_sanitized(binary):
        return binary
    if "MAILCHUTE_PLAIN" in os.environ:
        return Path(os.environ["MAILCHUTE_PLAIN"])
    return _once(folder, "mailchute", _build)


def preload(folder, name, text):
    """A shared library for LD_PRELOAD, made of C text."""
    def compile_it(path):
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-x", "c", "-o", path,
                        "-", "-ldl"], input=text.encode(), check=True)
    return _once(folder, name, compile_it)
