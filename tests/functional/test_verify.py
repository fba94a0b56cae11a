"""--verify: its verdicts, held against those of dkimpy and opendkim."""

import base64
import hashlib
import re
import subprocess
from dataclasses import dataclass, replace

import dkim
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dkim.canonicalization import Relaxed, Simple

import dkimverify
import nameserver
from dkimverify import OPENDKIM, Key
from expect import ENVELOPE, HEADER, MESSAGE, failed, fields, wire
from postfix import needs_root

CANON = ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"]
LINE = re.compile(r"(?P<verdict>[a-z]+)(?: \((?P<why>.*?)\))?"
                  r"(?: d=(?P<d>\S+))?(?: s=(?P<s>\S+))?(?: a=(?P<a>\S+))?(?: i=(?P<i>\S+))?")
FILES_MAX = 3000    # of one call: the system bounds a command line


@pytest.fixture(scope="module")
def keys():
    return {"rsa": Key("example.org", "r1"), "ed25519": Key("example.org", "e1", "ed25519")}


def zone(records):
    """A zone file of {name: record}; what is long is cut as the DNS wants it."""
    lines = []
    for name, record in records.items():
        strings = [record[i:i + 255] for i in range(0, len(record), 255)] or [""]
        lines.append(f"{name}. IN TXT " + " ".join(f'"{s}"' for s in strings) + "\n")
    return "".join(lines)


def run(program, *args, records, **options):
    path = program.file("records", records if isinstance(records, str)
                        else zone({key.name: key.record for key in records}))
    return program.run("--verify", "--records", path, *args, name="mailchute", **options)


def parsed(line):
    found = LINE.fullmatch(line)
    assert found, line
    return found


def verdicts(program, messages, records):
    """For each message the lines about it, parsed."""
    paths = [program.file(f"{i}.eml", message) for i, message in enumerate(messages)]
    told = {str(path): [] for path in paths}
    for start in range(0, len(paths), FILES_MAX):
        done = run(program, *paths[start:start + FILES_MAX], "/dev/null", records=records)
        for line in done.stdout.decode("ascii").splitlines():
            path, _, rest = line.partition(": ")
            told[path].append(parsed(rest))
    for path in paths:
        path.unlink()
    return list(told.values())


def passed(lines):
    return any(line["verdict"] == "pass" for line in lines)


def dkimpy_passes(message, *keys):
    """True if some signature is good, as dkimpy sees it; it trips over much."""
    records = {f"{key.name}.": key.record for key in keys}
    for i in range(len(dkimverify.signatures(message))):
        try:
            if dkim.DKIM(message).verify(
                    idx=i, dnsfunc=lambda name, timeout=5: records.get(name.decode(), "").encode()):
                return True
        except Exception:   # pylint: disable=broad-except
            pass
    return False


# --- signatures of three programs ---

def by_us(program, keys, canon, text):
    sections = {kind: {"domain": key.domain, "selector": key.selector, "canonicalization": canon,
                       "key_file": program.file(f"{kind}.key", key.pem)}
                for kind, key in keys.items()}
    program.configure(settings={"hostname": "client.example.org", "log": "off"},
                      accounts={"default": {"host": "localhost", "tls": "off"}}, dkim=sections)
    done = program.run("--dry-run", *ENVELOPE, name="mailchute", input=text)
    assert (done.status, done.stderr) == (0, b""), str(done)
    return done.stdout[done.stdout.index(b"DKIM-Signature:"):]


def by_dkimpy(key, canon, text, **options):
    pem = key.pem if key.kind == "rsa" else base64.b64encode(key.private.private_bytes(
        Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
    return dkim.sign(wire(text), key.selector.encode(), key.domain.encode(), pem,
                     canonicalize=tuple(canon.encode().split(b"/")),
                     signature_algorithm=f"{key.kind}-sha256".encode(), **options) + wire(text)


def by_opendkim(folder, key, canon, text):
    files = {"od.key": key.pem, "od.eml": wire(text), "od.conf": (
        f"Mode s\nDomain {key.domain}\nSelector {key.selector}\nKeyFile {folder}/od.key\n"
        f"Canonicalization {canon}\nInternalHosts 0.0.0.0/0\nRequireSafeKeys no\n"
        "Syslog no\n").encode()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    shown = subprocess.run([OPENDKIM, "-x", folder / "od.conf", "-vv", "-t", folder / "od.eml"],
                           capture_output=True, check=True, timeout=60).stdout
    value = re.search(rb"hname='DKIM-Signature' hvalue='(.*?)'\n", shown, re.S)[1]
    return b"DKIM-Signature: " + wire(value) + b"\r\n" + wire(text)


BODIES = {"plain": b"hello\n", "empty": b"", "blank-lines": b"\n\n\n", "blanks": b"a\n\n\n\n",
          "white-space": b" a  b\t c \t\n\t\n  \nend  \n", "8-bit": b"caf\xc3\xa9 \xff\n",
          "large": 20000 * b"the quick  brown fox \t\n" + b"\n\n"}


@pytest.mark.parametrize("canon", CANON)
def test_signatures_of_all(program, keys, canon):
    messages = []
    for body in BODIES.values():
        text = HEADER + b"\n" + body
        ours = by_us(program, keys, canon, text)
        messages += [ours, ours.replace(b"\r\n", b"\n"), by_dkimpy(keys["rsa"], canon, text),
                     by_dkimpy(keys["ed25519"], canon, text),
                     by_opendkim(program.folder, keys["rsa"], canon, text)]
    found = verdicts(program, messages, keys.values())
    for lines, message in zip(found, messages, strict=True):
        assert lines and all(line["verdict"] == "pass" for line in lines), message
    assert [len(lines) for lines in found] == len(BODIES) * [2, 2, 1, 1, 1]


def test_bare_cr_counts_as_itself(program, keys):
    signed = by_dkimpy(keys["rsa"], "simple/simple", HEADER + b"\na b\n").replace(b"a b", b"a\rb")
    kept = by_dkimpy(keys["rsa"], "simple/simple", HEADER + b"\na\rb\n")
    assert [passed(lines) for lines in verdicts(program, [signed, kept], keys.values())] == [
        False, True]


# --- changes ---

def variants(message):
    """(what, message) for every byte: another value, another case, another white space."""
    for i in range(len(message)):
        byte = message[i:i + 1]
        others = {b"x" if byte in b"\r\n" else bytes([byte[0] ^ 1])}
        if byte.isalpha():
            others.add(byte.swapcase())
        if byte in b" \t":
            others |= {byte.translate(bytes.maketrans(b" \t", b"\t ")), byte + b" ", b""}
        for other in sorted(others):
            yield (i, other), message[:i] + other + message[i + 1:]


@pytest.mark.parametrize("canon", CANON)
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_every_change_is_noticed(program, keys, kind, canon):
    key = keys[kind]
    text = HEADER.replace(b"hi\n", b"a subject,\n  folded\n") + b"\nhello  world \n\nend\n\n"
    message = by_us(program, {kind: key}, canon, text).replace(b"\r\n", b"\n")
    message = wire(message).replace(b"From:", b"X-Other: unsigned\r\nFrom:")
    names, changed = zip(*variants(message), strict=True)
    found = verdicts(program, changed, [key])
    ours = {name for name, lines in zip(names, found, strict=True) if passed(lines)}
    theirs = {name for name, text in zip(names, changed, strict=True) if dkimpy_passes(text, key)}
    assert ours == theirs, sorted(ours ^ theirs)
    allowed = unsigned(message) | forgiven(message, canon, names)
    assert ours <= allowed, sorted(ours - allowed)
    assert len(names) > 1000 and len(ours) < len(names) / 2


def unsigned(message):
    """Every change inside of X-Other, and within the last digits of b=, some bits of which
    nobody decodes."""
    start = message.index(b"X-Other:")
    end = message.index(b"\r\n", start)
    last = re.search(rb"b=[\sA-Za-z0-9+/]*?(=*)\r\n", message).start(1) - 1
    places = set(range(start, end)) | {last}
    return {name for name, _ in variants(message) if name[0] in places}


def forgiven(message, canon, names):
    """What the same bytes come from once canonical: RFC 6376 section 3.4, as plainly as can be."""
    def canonical(text):
        header, _, body = text.partition(b"\r\n\r\n")
        header, body = header + b"\r\n", body + b"\r\n"
        header = re.sub(rb"(?<=[\s;])b=[^;]*?(?=\r\n[^\s]|;)", b"b=", header, count=1)
        if canon.startswith("relaxed"):
            header = re.sub(rb"\r\n(?=[ \t])", b"", header)
            header = re.sub(rb"[ \t]+", b" ", header)
            header = re.sub(rb" ?(?=\r\n)", b"", header)
            header = re.sub(rb"(?m)^([^:\r\n]*?) ?: ?", lambda m: m[1].lower() + b":", header)
        if canon.endswith("relaxed"):
            body = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n")
        return header, re.sub(rb"(\r\n)*\Z", b"\r\n", body)

    original = canonical(message)
    return {(i, other) for i, other in names
            if canonical(message[:i] + other + message[i + 1:]) == original}


def test_fields_added_and_taken_away(program, keys):
    message = by_us(program, {"rsa": keys["rsa"]}, "relaxed/relaxed", MESSAGE)
    changes = {
        b"From: eve@example.org\r\n": False, b"SUBJECT: x\r\n": False, b"Cc: x\r\n": False,
        b"X-Other: x\r\n": True, b"Received: from x\r\n": True,
    }
    messages = [new + message for new in changes] + [message + b"\r\n\r\n", message + b"more\r\n"]
    messages += [message.replace(b"Subject: hi\r\n", b""), message.replace(b"hello\r\n", b"")]
    found = [passed(lines) for lines in verdicts(program, messages, keys.values())]
    assert found == [*changes.values(), True, False, False, False]


# --- signatures no program makes ---

@dataclass
class Hand:
    """A signature as somebody writes it: "$" in `tags` becomes the body's hash, "%" the value of
    b=. It covers From and Subject, and all is as it says but for what the test is about."""
    tags: str
    good: bool
    header_canon: type = Relaxed
    body_canon: type = Relaxed
    order: tuple = ("From", "Subject")
    limit: int = None
    dkimpy: bool = None     # where they see it differently: wrongly, by RFC 6376
    opendkim: bool = None

    def message(self, key):
        text = wire(HEADER + b"\nhello  there \n\n")
        header, body = text.split(b"\r\n\r\n", 1)
        body = self.body_canon.canonicalize_body(body)[:self.limit]
        tags = self.tags.replace("$", base64.b64encode(hashlib.sha256(body).digest()).decode())
        before, after = tags.encode().split(b"%")
        own = before[:len(before.rstrip())] + after.lstrip()
        present = dict(fields(text))
        signed = [(name.encode(), b" " + present[name] + b"\r\n") for name in self.order]
        canonical = self.header_canon.canonicalize_headers(
            signed + [(b"DKIM-Signature", own + b"\r\n")])
        joined = b"".join(name + b":" + value for name, value in canonical)
        digest = hashlib.sha256(joined.removesuffix(b"\r\n")).digest()
        if key.kind == "rsa":
            made = key.private.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
        else:
            made = key.private.sign(digest)
        return b"DKIM-Signature:" + before + base64.b64encode(made) + after + b"\r\n" + text


ORG = " v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=r1;"
END = " h=From:Subject; bh=$; b=%"
HANDS = {
    "plain": Hand(ORG + END, True),
    "simple": Hand(" v=1; a=rsa-sha256; d=example.org; s=r1;" + END, True, Simple, Simple),
    "relaxed-alone": Hand(" v=1; a=rsa-sha256; c=relaxed; d=example.org; s=r1;" + END, True,
                          Relaxed, Simple),
    "b-first": Hand(" b=%;" + ORG + " h=From:Subject; bh=$;", True),
    "b-in-the-middle": Hand(ORG + " b=%; h=From:Subject; bh=$", True),
    "b-in-another-value": Hand(ORG + " z=From:b=abc|b=def;" + END, True),
    "b-behind-a-blank-there": Hand(ORG + " z=X: b=def;" + END, True, dkimpy=False),
    "b-at-the-end-of-a-name": Hand(ORG + " bb=b=1;" + END, True, opendkim=False),
    "blank-behind-b": Hand(ORG + " h=From:Subject; bh=$; b\r\n\t=%", True, opendkim=False),
    "folds-everywhere": Hand(
        "\r\n\tv\r\n =\r\n 1\r\n\t;\ta =\trsa-sha256;\r\n\tc=\r\n\trelaxed/relaxed;"
        " d\t=\texample.org\t;\r\n s = r1 ;\r\n h = From\t:\r\n\tSubject ;\r\n bh\r\n\t= $ ;"
        "\r\n\tb=\r\n\t%", True),
    "unknown-tags": Hand(ORG + " r=y; B=x; Ed=;" + END, True),
    "more-names-than-fields": Hand(ORG + " h=From:Subject:From:Subject:X-No:Cc; bh=$; b=%", True),
    "names-in-any-case": Hand(ORG + " h=fROM:SUBJECT; bh=$; b=%", True),
    "times": Hand(ORG + " t=1500000000; x=99999999999;" + END, True),
    "l-all": Hand(ORG + " l=13;" + END, True, limit=13),
    "l-part": Hand(ORG + " l=5;" + END, True, limit=5),
    "l-zero": Hand(ORG + " l=0;" + END, True, limit=0),
    "i-subdomain": Hand(ORG + " i=ann@mail.example.org;" + END, True),
    "i-encoded": Hand(ORG + " i=a=3Bb@example.org;" + END, True),
    "twice-the-same-tag": Hand(ORG + END + "; d=example.org", False, opendkim=True),
    "twice-b": Hand(ORG + END + "; b=AAAA", False),
    "no-v": Hand(" a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=r1;" + END, False),
    "v-2": Hand(" v=2; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=r1;" + END, False),
    "v-0.5": Hand(" v=0.5; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=r1;" + END, False,
                  opendkim=True),
    "no-a": Hand(" v=1; c=relaxed/relaxed; d=example.org; s=r1;" + END, False),
    "no-d": Hand(" v=1; a=rsa-sha256; c=relaxed/relaxed; s=r1;" + END, False),
    "no-s": Hand(" v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;" + END, False),
    "no-h": Hand(ORG + " bh=$; b=%", False),
    "no-bh": Hand(ORG + " h=From:Subject; b=%", False),
    "no-b": Hand(ORG + " h=From:Subject; bh=$; xb=%", False),
    "empty-b": Hand(ORG + " h=From:Subject; bh=$; b=; xb=%", False),
    "blank-b": Hand(ORG + " h=From:Subject; bh=$; b=\r\n\t; xb=%", False),
    "empty-bh": Hand(ORG + " h=From:Subject; bh=; b=%", False),
    "other-bh": Hand(ORG + " h=From:Subject; bh=" + 43 * "A" + "=; b=%", False),
    "short-bh": Hand(ORG + " h=From:Subject; bh=AAAA; b=%", False),
    "no-equals": Hand(ORG + " nothing;" + END, False),
    "two-semicolons": Hand(ORG + ";" + END, False),
    "sha1": Hand(" v=1; a=rsa-sha1; c=relaxed/relaxed; d=example.org; s=r1;" + END, False),
    "unknown-a": Hand(" v=1; a=rsa-sha512; c=relaxed/relaxed; d=example.org; s=r1;" + END, False),
    "wrong-a": Hand(" v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=r1;" + END,
                    False, dkimpy=True),
    "unknown-c": Hand(" v=1; a=rsa-sha256; c=relaxed/nowsp; d=example.org; s=r1;" + END, False),
    "unknown-q": Hand(ORG + " q=http;" + END, False),
    "other-d": Hand(" v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=r1;" + END, False),
    "other-s": Hand(" v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=r2;" + END, False),
    "expired": Hand(ORG + " t=1400000000; x=1500000000;" + END, False),
    "x-before-t": Hand(ORG + " t=1600000000; x=1500000000;" + END, False),
    "t-in-the-future": Hand(ORG + " t=9999999999;" + END, False),
    "t-no-number": Hand(ORG + " t=now;" + END, False),
    "x-no-number": Hand(ORG + " x=never;" + END, False),
    "i-outside-d": Hand(ORG + " i=@example.com;" + END, False),
    "i-above-d": Hand(ORG + " i=@org;" + END, False),
    "i-looks-like-d": Hand(ORG + " i=@notexample.org;" + END, False),
    "i-without-at": Hand(ORG + " i=example.org;" + END, False),
    "l-too-long": Hand(ORG + " l=14;" + END, False, dkimpy=True),
    "l-other": Hand(ORG + " l=4;" + END, False, limit=5),
    "l-negative": Hand(ORG + " l=-1;" + END, False),
    "l-huge": Hand(ORG + " l=" + 77 * "9" + ";" + END, False),
    "h-without-from": Hand(ORG + " h=Subject; bh=$; b=%", False, order=("Subject",),
                           dkimpy=True),
    "h-wrong-order": Hand(ORG + " h=Subject:From; bh=$; b=%", False),
    "h-empty": Hand(ORG + " h=; bh=$; b=%", False, order=(), dkimpy=True),
}


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_hostile_signatures(program, keys, kind):
    key = keys[kind]
    other = next(k for k in keys if k != kind)
    spelled = {"rsa-sha256": f"{kind}-sha256", "ed25519-sha256": f"{other}-sha256",
               "r1": key.selector}
    messages = []
    for hand in HANDS.values():
        tags = re.sub("|".join(spelled), lambda m: spelled[m[0]], hand.tags)
        messages.append(replace(hand, tags=tags).message(key))
    found = verdicts(program, messages, [key])
    wrong = []
    for (name, hand), message, lines in zip(HANDS.items(), messages, found, strict=True):
        seen = {"ours": (passed(lines), hand.good),
                "dkimpy": (dkimpy_passes(message, key),
                           hand.good if hand.dkimpy is None else hand.dkimpy)}
        if kind == "rsa":
            seen["opendkim"] = (dkimverify.opendkim(message, program.folder, key) == "pass",
                                hand.good if hand.opendkim is None else hand.opendkim)
        wrong += [(name, who, lines[0][0]) for who, (is_, want) in seen.items() if is_ != want]
    assert not wrong, "\n".join(map(str, wrong))


# --- what is said, and the status ---

@pytest.fixture
def signed(program, keys):
    return by_dkimpy(keys["rsa"], "relaxed/relaxed", MESSAGE)


def told(done, status, *lines):
    assert (done.status, done.stderr) == (status, b""), str(done)
    assert done.stdout.decode().splitlines() == list(lines)


PASS = "pass d=example.org s=r1 a=rsa-sha256 i=@example.org"


def test_file_and_standard_input(program, keys, signed):
    file = program.file("good.eml", signed)
    told(run(program, file, records=keys.values()), 0, PASS)
    told(run(program, input=signed, records=keys.values()), 0, PASS)
    told(run(program, "-", input=signed, records=keys.values()), 0, PASS)
    told(run(program, file, "-", input=signed, records=keys.values()), 0, f"{file}: {PASS}",
         f"standard input: {PASS}")


def test_without_a_signature(program, keys):
    told(run(program, input=MESSAGE, records=keys.values()), 1, "none")
    told(run(program, input=b"no message", records=keys.values()), 1, "none")
    told(run(program, input=b"\n", records=keys.values()), 1, "none")


def test_one_good_signature_is_enough(program, keys, signed):
    ed25519 = by_dkimpy(keys["ed25519"], "simple/simple", MESSAGE)
    bad = ed25519.replace(b"b=", b"b=AAAA", 1)
    both = bad[:bad.index(b"From:")] + signed
    told(run(program, input=both, records=keys.values()), 0,
         "fail (signature did not verify) d=example.org s=e1 a=ed25519-sha256 i=@example.org",
         PASS)
    told(run(program, input=bad, records=keys.values()), 1,
         "fail (signature did not verify) d=example.org s=e1 a=ed25519-sha256 i=@example.org")


@pytest.mark.parametrize("old, new", [
    (b"From:", b"From: Eve <eve@example.net>\r\nFrom:"), (b"From:", b"X-From:"),
    (b"Subject:", b"FROM : eve@example.net\r\nSubject:"),
], ids=["on-top", "none", "below"])
def test_not_exactly_one_author(program, keys, signed, old, new):
    told(run(program, input=signed.replace(b"\r\n" + old, b"\r\n" + new, 1),
             records=keys.values()), 1,
         PASS.replace("pass", "permerror (there is not exactly one From: field)"))


def test_signature_over_a_part_of_the_body(program, keys):
    message = by_dkimpy(keys["rsa"], "relaxed/relaxed", MESSAGE, length=True)
    told(run(program, input=message, records=keys.values()), 0, PASS)
    told(run(program, input=message + b"more\r\n", records=keys.values()), 0,
         PASS.replace("pass", "pass (l= leaves a part of the body unsigned)"))


def test_more_signatures_than_are_looked_at(program, keys, signed):
    done = run(program, input=30 * signed[:signed.index(b"From:")] + wire(MESSAGE),
               records=keys.values())
    told(done, 0, *20 * [PASS], "policy (there are more signatures than are looked at)")


def test_nothing_reaches_the_terminal(program, keys):
    """From tags of a message that is one long attempt."""
    for tag, value in (("i", "a=1B[2J@example.org"), ("i", '"a b\xe2\x80\xae\xc2\x9b"@example.org'),
                       ("a", "x y\r\n\tz\xc2\x9b2J"), ("a", 100000 * "a"),
                       ("d", "\xff\xfe"), ("s", "\x1b[2J"), ("z", "\x1b[2J")):
        hand = ORG.replace(f"{tag}=", f"x{tag}=") + END.replace("%", "AAAA") + f"; {tag}={value}"
        message = b"DKIM-Signature:" + hand.encode("latin-1") + b"\r\n" + wire(MESSAGE)
        done = run(program, input=message, records=keys.values())
        assert (done.status, done.stderr) == (1, b""), str(done)
        assert re.fullmatch(rb"[ -~]{10,1000}\n", done.stdout), done.stdout


def test_name_of_a_file(program, keys, signed):
    file = program.file("a\n\x1b[2J.eml", signed)
    done = run(program, file, file, records=keys.values())
    assert done.status == 0 and done.stdout.count(b"\n") == 2 and b"\x1b" not in done.stdout


def test_files_that_cannot_be_read(program, keys, signed):
    good = program.file("good.eml", signed)
    for file, status, words in (("nosuch.eml", 66, "No such file"), ("/dev/null", 66, "is empty"),
                                (program.file("nul.eml", signed + b"\0"), 65, "NUL"),
                                (program.folder, 74, "directory")):
        done = run(program, file, records=keys.values())
        failed(done, status, str(file), words, program="mailchute")
        done = run(program, good, file, good, records=keys.values())
        assert (done.status, done.stdout.count(b": pass ")) == (status, 2)
        assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("extra, status, verdict", [
    ("", 1, "permerror (there is no key)"),
    ("r1._domainkey.example.org. IN TXT \"v=DKIM1; p=\"\n", 1,
     "permerror (the key is revoked (p= is empty))"),
    ("r1._domainkey.example.org. IN TXT \"v=spf1 -all\"\n{good}", 0, "pass"),
    ("r1._domainkey.example.org. IN TXT \"v=DKIM1; p=\"\n{good}", 1,
     "permerror (there are several key records)"),
    ("{good}r1._domainkey.example.org. IN TXT \"v=DKIM1; k=ed25519; p=AAAA\"\n", 1,
     "permerror (there are several key records)"),
    ("r1._domainkey.example.org. IN CNAME k.example.net.\nk.example.net. IN TXT {strings}\n", 0,
     "pass"),
    ("r1._domainkey.example.org. IN TXT \"t=y; \" {strings}\n", 1, None),
    ("r1._domainkey.example.org. IN TXT \"t=y;\" {bare}\n", 0,
     "pass (the key is for testing)"),
], ids=["none", "revoked", "spf-too", "revoked-too", "another-too", "cname", "v-not-first", "testing"])
def test_records(program, keys, signed, extra, status, verdict):
    good = zone({keys["rsa"].name: keys["rsa"].record})
    strings = good.partition(" TXT ")[2].strip()
    bare = strings.replace("v=DKIM1; ", "", 1)
    done = run(program, input=signed, records="x.example. IN TXT \"x\"\n" + extra.format(
        good=good, strings=strings, bare=bare))
    assert done.status == status, str(done)
    if verdict:
        told(done, status, PASS.replace("pass", verdict))


def test_records_that_cannot_be_read(program, signed):
    failed(run(program, input=signed, records="nonsense\n"), 78, "records:1:",
           program="mailchute")
    failed(program.run("--verify", "--records", "nosuch", name="mailchute", input=signed), 78,
           "nosuch", program="mailchute")


def ask(program, names, *files):
    """A run where the DNS has these names; see nameserver.py."""
    argv = nameserver.command(program.folder, names,
                              program.command(("--verify", *files), "mailchute"))
    return program.finish(program.start(argv=argv))


@needs_root     # for a network
@pytest.mark.parametrize("entry, status, verdict", [
    ("good", 0, "pass"), ({"rcode": "SERVFAIL"}, 75, "temperror (the key could not be looked up)"),
    (None, 1, "permerror (there is no key)"), ({"txt": []}, 1, "permerror (there is no key)"),
], ids=["good", "servfail", "nxdomain", "no-record"])
def test_dns(program, keys, signed, entry, status, verdict):
    key = keys["rsa"]
    if entry == "good":
        entry = {"txt": [[key.record[:255], key.record[255:]]]}
    told(ask(program, {key.name: entry} if entry else {}, program.file("message.eml", signed)),
         status, PASS.replace("pass", verdict))


@needs_root
def test_the_dns_is_not_asked_for_a_changed_body(program, signed):
    """It would say that there is no key."""
    told(ask(program, {}, program.file("message.eml", signed + b"more\r\n")), 1,
         PASS.replace("pass", "fail (body hash did not verify)"))


@needs_root
def test_a_temporary_failure_counts_less(program, keys, signed):
    busy = program.file("busy.eml", signed)
    bad = program.file("bad.eml", by_dkimpy(keys["ed25519"], "relaxed/relaxed", MESSAGE))
    names = {keys["rsa"].name: {"rcode": "SERVFAIL"}}
    for files in ((busy, bad), (bad, busy), (bad, "nosuch.eml", busy)):
        assert ask(program, names, *files).status == 1
    assert ask(program, names, busy, busy).status == 75


def test_long_option_of_sendmail(program, signed):
    failed(program.run("--verify", input=signed), 64)
