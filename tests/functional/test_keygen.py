"""--dkim-keygen: the key, the record and the section belong together, and nothing is overwritten."""

import base64
import os
import re
import stat
import subprocess

import dns.zone
import pytest
from dns.rdatatype import TXT

import dkimverify
from expect import ENVELOPE, HEADER, failed, wire

ACCOUNT = 'account "default" {\n\thost = "localhost"\n}\n'
KINDS = {"rsa": (), "ed25519": ("--algorithm", "ed25519")}


def keygen(program, *args, **options):
    return program.run("--dkim-keygen", *args, name="mailchute", **options)


class Shown:
    """What was printed: three parts with an empty line between them."""

    def __init__(self, done, warnings=0):
        assert done.status == 0 and len(done.lines) == warnings, str(done)
        self.zone_text, form, self.section = done.stdout.decode("ascii").split("\n\n")
        heading, self.name, self.record = form.split("\n")
        assert heading[0] == ";" and self.section[0] == "#"
        zone = dns.zone.from_text("$TTL 3600\n" + self.zone_text, origin=".", relativize=False,
                                  check_origin=False)
        [(name, _, data)] = zone.iterate_rdatas(TXT)
        self.zone_name, self.strings = name.to_text(), data.strings

    @property
    def public(self):
        return base64.b64decode(re.fullmatch(r"v=DKIM1; k=\w+; p=([\w+/=]+)", self.record)[1])

    @property
    def key(self):
        """As dkimverify's functions want it: a name and a record."""
        key = dkimverify.Key.__new__(dkimverify.Key)
        key.name, key.record = self.name, b"".join(self.strings).decode()
        return key


def openssl_public(path, kind):
    """The public key of a file, as openssl sees it."""
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"],
                         check=True, capture_output=True).stdout
    return der if kind == "rsa" else der[-32:]


def bits_of(path):
    text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"],
                          check=True, capture_output=True, text=True).stdout
    return int(re.search(r"(\d+) bit", text)[1])


@pytest.mark.parametrize("kind", KINDS)
def test_key_record_and_section(program, kind):
    shown = Shown(keygen(program, *KINDS[kind], "example.org", "s1"))
    path = program.folder / "example.org.s1.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert shown.public == openssl_public(path, kind)
    assert shown.record.startswith(f"v=DKIM1; k={kind}; p=")
    assert (shown.name, shown.zone_name) == ("s1._domainkey.example.org",
                                             "s1._domainkey.example.org.")
    assert b"".join(shown.strings).decode() == shown.record
    assert max(map(len, shown.strings)) <= 255
    assert len(shown.strings) == {"rsa": 2, "ed25519": 1}[kind]
    if kind == "rsa":
        assert bits_of(path) == 2048

    program.configure(ACCOUNT + shown.section)
    text = HEADER + b"\nhello\n"
    done = program.run("--dry-run", *ENVELOPE, name="mailchute", input=text)
    assert done.status == 0, str(done)
    message = wire(done.stdout.split(b"\n\n", 1)[1].replace(b"\r\n", b"\n"))
    assert dkimverify.dkimpy(message, shown.key)
    if kind == "rsa":
        assert dkimverify.opendkim(message, program.folder, shown.key) == "pass"
    assert not dkimverify.dkimpy(message.replace(b"hello", b"hullo"), shown.key)
    assert program.run("--check", name="mailchute").status == 0


def test_two_keys_in_one_configuration(program):
    sections = [Shown(keygen(program, *KINDS[kind], "example.org", kind)).section
                for kind in KINDS]
    program.configure(ACCOUNT + "\n".join(sections))
    done = program.run("--dry-run", *ENVELOPE, name="mailchute", input=HEADER + b"\nhello\n")
    assert done.stdout.count(b"DKIM-Signature:") == 2, str(done)


@pytest.mark.parametrize("bits, warnings", [("1024", 1), ("1536", 1), ("2048", 0), ("3072", 0)])
def test_bits(program, bits, warnings):
    Shown(keygen(program, "--bits", bits, "example.org", "s1"), warnings=warnings)
    assert bits_of(program.folder / "example.org.s1.pem") == int(bits)


def test_keys_differ(program):
    records = {Shown(keygen(program, *KINDS["ed25519"], "example.org", f"s{i}")).record
               for i in range(3)}
    assert len(records) == 3


def test_out(program):
    path = program.folder / 'a "key" for ${HOME} \\x.pem'
    shown = Shown(keygen(program, "--out", path.name, "example.org", "s1", "--bits=1024"),
                  warnings=1)
    assert shown.public == openssl_public(path, "rsa")
    program.configure(ACCOUNT + shown.section)
    assert b"DKIM-Signature" in program.run("--dry-run", *ENVELOPE, name="mailchute",
                                            input=HEADER + b"\nhello\n").stdout


@pytest.mark.parametrize("domain, selector, name", [
    ("bücher.example", "s1", "s1._domainkey.xn--bcher-kva.example"),
    ("Example.ORG", "S1", "s1._domainkey.example.org"),
    ("sub.example.org", "2026.web-1", "2026.web-1._domainkey.sub.example.org"),
    ("example.org", "é", "xn--9ca._domainkey.example.org"),
    ("example.org", 63 * "s", 63 * "s" + "._domainkey.example.org"),
])
def test_names(program, domain, selector, name):
    shown = Shown(keygen(program, domain, selector, *KINDS["ed25519"]))
    assert (shown.name, shown.zone_name) == (name, name + ".")
    program.configure(ACCOUNT + shown.section)
    assert program.run("--check", name="mailchute").status == 0


@pytest.mark.parametrize("args", [
    (), ("example.org",), ("example.org", "s1", "s2"), ("example.org", ""), ("", "s1"),
    ("localhost", "s1"), ("[192.0.2.1]", "s1"), ("example.org.", "s1"), (".example.org", "s1"),
    ("exam_ple.org", "s1"), ("-example.org", "s1"), ("example-.org", "s1"), ("a..example", "s1"),
    ("example.org", "s_1"), ("example.org", "-s"), ("example.org", "s-"), ("example.org", "s.-"),
    ("example.org", "a/b"), ("example.org", "../s1"), ("exa mple.org", "s1"),
    ("example.org", "s1\n"), ('example.org" {', "s1"), ("example.org", "s1;"),
    ("example.org", 64 * "s"), ("\udcff.example", "s1"), (60 * "abc." + "example.org", "s1"),
    ("--bits", "1023", "example.org", "s1"), ("--bits", "16385", "example.org", "s1"),
    ("--bits", "", "example.org", "s1"), ("--bits", "2048x", "example.org", "s1"),
    ("--bits", "-2048", "example.org", "s1"), ("--bits", "02048", "example.org", "s1"),
    ("--bits", "99999999999999999999", "example.org", "s1"),
    ("--algorithm", "dsa", "example.org", "s1"), ("--algorithm", "", "example.org", "s1"),
    ("--algorithm", "ed25519", "--bits", "2048", "example.org", "s1"),
    ("--out", "", "example.org", "s1"), ("--out", "a\nb", "example.org", "s1"),
    ("example.org", "s1", "--out"),
])
def test_wrong_arguments(program, args):
    before = sorted(program.folder.iterdir())
    failed(keygen(program, *args), 64, program="mailchute")
    assert sorted(program.folder.iterdir()) == before


@pytest.mark.parametrize("there", ["key", "empty", "folder", "link", "dangling"])
def test_nothing_is_overwritten(program, there):
    path, other = program.folder / "example.org.s1.pem", program.folder / "other"
    if there == "key":
        keygen(program, *KINDS["ed25519"], "example.org", "s1")
    elif there == "empty":
        path.touch()
    elif there == "folder":
        path.mkdir()
    else:
        path.symlink_to(other)
        if there == "link":
            other.write_text("kept")
    old = path.lstat(), path.is_file() and path.read_bytes()
    failed(keygen(program, *KINDS["ed25519"], "example.org", "s1"), 78, "example.org.s1.pem",
           "is there already", "--out", program="mailchute")
    assert old == (path.lstat(), path.is_file() and path.read_bytes())
    assert other.exists() == (there == "link")


def test_umask_of_nobody_matters(program):
    done = program.shell('umask 000; exec "$@"', "--dkim-keygen", "example.org", "s1",
                         *KINDS["ed25519"], name="mailchute")
    Shown(done)
    assert stat.S_IMODE((program.folder / "example.org.s1.pem").stat().st_mode) == 0o600


def test_folder_that_is_not_there(program):
    failed(keygen(program, "--out", "nosuch/key.pem", "example.org", "s1"), 78, "nosuch/key.pem",
           "No such file", program="mailchute")


def test_folder_that_cannot_be_written(program):
    if os.geteuid() == 0:
        folder, status = "/proc", 78    # nobody makes files there, not even root
    else:
        folder, status = program.folder / "locked", 77
        folder.mkdir(mode=0o500)
    failed(keygen(program, "--out", f"{folder}/key.pem", "example.org", "s1"), status,
           f"{folder}/key.pem", "cannot be made", program="mailchute")


def test_full_disk(program):
    """A limit on file sizes stands for it: what could not be written whole is not there."""
    done = program.shell('ulimit -f 0; exec "$@"', "--dkim-keygen", "example.org", "s1",
                         name="mailchute")
    failed(done, 75, "example.org.s1.pem", "cannot be written", program="mailchute")
    assert not (program.folder / "example.org.s1.pem").exists()


def test_key_whose_record_nobody_saw_is_not_kept(program):
    with open("/dev/full", "wb") as full:
        done = keygen(program, *KINDS["ed25519"], "example.org", "s1", stdout=full)
    failed(done, 74, "not kept", program="mailchute")
    assert not (program.folder / "example.org.s1.pem").exists()


def test_key_whose_record_could_go_nowhere_is_not_kept(program):
    done = program.shell('exec "$@" >&-', "--dkim-keygen", "example.org", "s1",
                         *KINDS["ed25519"], name="mailchute")
    failed(done, 74, "not kept", program="mailchute")
    assert not (program.folder / "example.org.s1.pem").exists()


# Where --out leads from the working directory "open/in", and the working directory's mode.
PLACES = {"default": ((), 0o700), "relative": (("--out", "key.pem"), 0o700),
          "up": (("--out", "../key.pem"), 0o700), "further": (("--out", "x/key.pem"), 0o700),
          "absolute": (("--out", "{}/key.pem"), 0o700), "both": (("--out", "key.pem"), 0o777)}


@pytest.mark.parametrize("case", PLACES)
def test_place_where_the_key_would_be_refused(program, case):
    """Those above the working directory count too, and are told by their whole name."""
    args, mode = PLACES[case]
    folder = program.folder / "open"
    inner = folder / "in"
    (inner / "x").mkdir(parents=True)
    inner.chmod(mode)
    folder.chmod(0o777)
    done = keygen(program, *(arg.format(folder) for arg in args), "example.org", "s1",
                  *KINDS["ed25519"], cwd=inner)
    shown = Shown(done, warnings=1)
    (key,) = folder.rglob("*.pem")
    assert f"warning: key_file: {key}: ".encode() in done.stderr, str(done)
    assert f"chmod go-w '{folder}'".encode() in done.stderr, str(done)
    assert f'key_file = "{key}"' in shown.section
    assert shown.public == openssl_public(key, "ed25519")


def test_only_under_its_own_name(program):
    done = program.run("--dkim-keygen", "example.org", "s1", name="sendmail")
    failed(done, 64, program="sendmail")
    assert not list(program.folder.glob("*.pem"))
