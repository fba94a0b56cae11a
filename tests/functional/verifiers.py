"""verifiers.py - verifiers that judge many messages at once; see also dkimverify.py.

Each is a function (folder, messages, records) -> list of sets: for each message the selectors of
the good signatures of DOMAIN. A message is a Signed, a file in the folder; records is {name: text
of the TXT record}. What they are known to see otherwise than RFC 6376 is in DEPARTURES.
"""

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import dkim

import dkimverify
import nameserver

DOMAIN = "example.org"
PERL = Path(__file__).with_name("maildkim.pl")
FILES_MAX = 500     # of one call: the system bounds a command line


@dataclass
class Signed:
    path: Path
    data: bytes

    @cached_property
    def signatures(self):
        return dkimverify.signatures(self.data)

    @cached_property
    def fields(self):
        """(name, value) of the header as it is, up to the colon and behind it."""
        header = self.data.split(b"\r\n\r\n", 1)[0] + b"\r\n"
        found = re.findall(rb"[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", header)
        return [tuple(field.split(b":", 1)) for field in found]

    @property
    def values(self):
        return [value.strip(b" \t\r\n") for _, value in self.fields]

    @property
    def signed_names(self):
        """One list for each signature."""
        return [tags["h"].split(":") for tags in self.signatures if tags["d"] == DOMAIN]


def _run(argv, folder, paths=(), **options):
    """Its output; the paths go to its standard input."""
    listed = "".join(f"{path}\n" for path in paths)
    return subprocess.run(argv, cwd=folder, input=listed, check=True, capture_output=True,
                          text=True, errors="replace", timeout=600, **options).stdout


def _batches(messages):
    for start in range(0, len(messages), FILES_MAX):
        yield [message.path.name for message in messages[start:start + FILES_MAX]]


def _collected(messages, passes):
    """From pairs of a file's name and a selector to sets in the order of the messages."""
    found = {message.path.name: set() for message in messages}
    for name, selector in passes:
        found[name].add(selector)
    return list(found.values())


def _record_file(folder, name, records):
    path = folder / name
    path.write_text("".join(f"{owner} {record}\n" for owner, record in records.items()))
    return path


def _strings(record):
    return [record[i:i + 255] for i in range(0, len(record), 255)]


def mailchute(folder, messages, records):
    """$MAILCHUTE itself: the other direction of what is tested, no independent witness."""
    (folder / "zone").write_text("".join(
        f"{name}. IN TXT " + " ".join(f'"{s}"' for s in _strings(record)) + "\n"
        for name, record in records.items()))
    passes = []
    for names in _batches(messages):
        run = subprocess.run([os.environ["MAILCHUTE"], "--verify", "--records", "zone", *names,
                              "/dev/null"], cwd=folder, capture_output=True, text=True,
                             check=False, timeout=600)
        passes += re.findall(rf"^(\S+): pass d={DOMAIN} s=(\S+) ", run.stdout, re.M)
    return _collected(messages, passes)


def dkimpy(_folder, messages, records):
    def lookup(name, timeout=5):
        return records.get(name.decode().removesuffix("."), "").encode()

    def is_good(message, index):
        try:
            return dkim.DKIM(message.data).verify(idx=index, dnsfunc=lookup)
        except Exception:       # it trips over much
            return False

    return [{tags["s"] for index, tags in enumerate(message.signatures)
             if tags["d"] == DOMAIN and is_good(message, index)} for message in messages]


def opendkim(folder, messages, records):
    keys = _record_file(folder, "opendkim.keys", records)
    conf = folder / "opendkim.conf"
    conf.write_text(f"TestPublicKeys {keys}\nSyslog no\nMaximumSignaturesToVerify 50\n")
    passes = []
    for names in _batches(messages):
        told = _run([dkimverify.OPENDKIM, "-x", conf, "-vv", "-t", ",".join(names)], folder)
        # First all signatures of a message, then a line with its name.
        for results, name in re.findall(r"### INSHEADER(.*?)^opendkim: (\S+): ", told, re.M | re.S):
            passes += [(name, selector) for selector in re.findall(
                rf"dkim=pass [^;]*header\.d={DOMAIN} [^;]*header\.s=(\S+) ", results)]
    return _collected(messages, passes)


def mail_dkim(folder, messages, records):
    keys = _record_file(folder, "maildkim.keys", records)
    names = [message.path.name for message in messages]
    told = _run(["/usr/bin/perl", PERL, keys], folder, names)
    return _collected(messages, re.findall(r"^(\S+) (\S+) pass$", told, re.M))


# Go's resolver gives an answer up too soon for a busy machine.
EACH_WITH_GO_MSGAUTH = r"""
echo options timeout:30 >>/etc/resolv.conf
xargs -P 2 -n 1 sh -c 'dkim-verify <"$0" 2>&1 | sed "s/^/$0 /"'
"""


def go_msgauth(folder, messages, records):
    """dkim-verify, which tells the domain of each signature, in the order they come."""
    names = {name: {"txt": [_strings(record)]} for name, record in records.items()}
    own = folder / "go"
    own.mkdir()
    shell = nameserver.command(own, names, ["/bin/sh", "-c", EACH_WITH_GO_MSGAUTH])
    told = _run(shell, folder, [message.path.name for message in messages])
    verdicts = {message.path.name: [] for message in messages}
    for name, verdict in re.findall(rf"^(\S+) .*\b(Valid|Invalid) signature for {DOMAIN}\b", told,
                                    re.M):
        verdicts[name].append(verdict == "Valid")
    found = []
    for message in messages:
        selectors = [tags["s"] for tags in message.signatures if tags["d"] == DOMAIN]
        good = verdicts[message.path.name]
        assert len(good) in (0, len(selectors)), f"{message.path.name}: {told}"
        found.append({s for s, is_good in zip(selectors, good) if is_good})
    return found


@dataclass(frozen=True)
class Verifier:
    judge: Callable
    algorithms: tuple = ("rsa", "ed25519")
    needs_root: bool = False        # for a network with a DNS of its own


VERIFIERS = {
    "mailchute": Verifier(mailchute), "dkimpy": Verifier(dkimpy), "opendkim": Verifier(opendkim),
    "Mail::DKIM": Verifier(mail_dkim, algorithms=("rsa",)),
    "go-msgauth": Verifier(go_msgauth, needs_root=True),
}


# --- where they are known to see it otherwise ---

def _two_from_fields(message):
    return sum(name.strip().lower() == b"from" for name, _ in message.fields) > 1


def _blank_before_colon(message):
    return any(name[-1:] in (b" ", b"\t") for name, _ in message.fields)


def _edge_begins(message):
    return any(value[:1] in (b"\v", b"\f") for value in message.values)


def _edge_begins_or_ends(message):
    return _edge_begins(message) or any(value[-1:] in (b"\v", b"\f") for value in message.values)


def _edge_anywhere(message):
    return any(b"\v" in value or b"\f" in value for value in message.values)


def _not_one_blank(message):
    """Is a colon followed by anything but one blank and then text, or one blank and the end?"""
    return not all(re.match(rb" (\S|\r\n\Z)", value) for _, value in message.fields)


def _two_spellings(message):
    return any(len(set(names)) != len({name.lower() for name in names})
               for names in message.signed_names)


def _name_like_a_tag(message):
    return any(name.endswith("b=") for names in message.signed_names for name in names)


@dataclass(frozen=True)
class Departure:
    """Messages a verifier is not asked about, if it is this canonicalization of the header."""
    why: str
    is_in: Callable
    header_canon: str = ""


DEPARTURES = {
    "mailchute": (
        Departure("finds nothing good that has several From fields, RFC 6376 8.15",
                  _two_from_fields),
    ),
    "dkimpy": (
        Departure("takes no white space before the colon of a field", _blank_before_colon),
        Departure("takes VT and FF around a value for white space", _edge_begins_or_ends,
                  "relaxed"),
    ),
    "opendkim": (
        Departure("(-t) gives up at white space before the colon of a field", _blank_before_colon),
        Departure("takes VT and FF in a field for white space", _edge_anywhere, "relaxed"),
        Departure("(-t) makes white space behind the colon of a field one blank", _not_one_blank,
                  "simple"),
    ),
    "Mail::DKIM": (
        Departure("takes VT and FF before a value for white space", _edge_begins, "relaxed"),
    ),
    "go-msgauth": (
        Departure("0.6.6 counts fields anew for each spelling of a name in h=", _two_spellings),
        Departure("finds its b= in a name of h= that ends so", _name_like_a_tag),
        Departure("takes VT and FF around a value for white space", _edge_begins_or_ends,
                  "relaxed"),
    ),
}


def departure(verifier, message, canon=""):
    """The first that lets the verifier off this canonicalization, or all of them; None if it has
    to find the signature good."""
    for known in DEPARTURES.get(verifier, ()):
        if canon.startswith(known.header_canon) and known.is_in(message):
            return known
    return None


def judge(verifier, folder, messages, records):
    """What the verifier says, with nothing for messages it is not to see at all."""
    asked = [message for message in messages if not departure(verifier, message)]
    found = iter(VERIFIERS[verifier].judge(folder, asked, records))
    shown = {id(message) for message in asked}
    return [next(found) if id(message) in shown else set() for message in messages]


def available():
    """The names of the verifiers that can run here."""
    root = os.geteuid() == 0 or os.environ.get("CI")
    return [name for name, verifier in VERIFIERS.items() if root or not verifier.needs_root]
