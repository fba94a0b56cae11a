"""corpus.py - real messages: what Debian's packages of other mail software ship as test data.

The packages are among tests/packages. Their messages are read where they are installed; a folder
without any is an error. Hardly one of them has a line that is too long, so there is one more
group: some of them as a careless program would have written them.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import sameness

PYTHON = Path("/usr/lib/python3/dist-packages")
GO = Path("/usr/share/gocode/src/github.com")
CARELESS = "careless"


@dataclass(frozen=True)
class Source:
    """A folder of messages, one a file. `alike`: of messages of one shape only so many are taken,
    (of ASCII ones, of others)."""
    package: str
    folder: Path
    patterns: tuple
    alike: tuple = ()


SOURCES = {
    # MIME as parsers meet it: nested, digests, reports, malformed
    "python": Source("libpython3.11-testsuite", Path("/usr/lib/python3.11/test/test_email/data"),
                     ("*.txt",)),
    # broken boundaries, parameters, encodings and character sets
    "enmime": Source("golang-github-jhillyerd-enmime-dev", GO / "jhillyerd/enmime/testdata",
                     ("*/*.raw", "*/*.golden")),
    # bounces of all kinds of servers
    "bounce": Source("python3-flufl.bounce", PYTHON / "flufl/bounce/tests/data", ("*.txt",)),
    # what people wrote to mailing lists: some of 2,400
    "jwz": Source("golang-github-gatherstars-com-jwz-dev",
                  GO / "gatherstars-com/jwz/test/testdata/ham", ("*.eml",), alike=(2, 15)),
    # what a list archive choked on: character sets, dates, addresses, folding
    "hyperkitty": Source("python3-django-hyperkitty", PYTHON / "hyperkitty/tests/testdata",
                         ("*.txt",)),
    # signed by others
    "dkim": Source("python3-dkim", PYTHON / "dkim/tests/data", ("*.msg", "*.message*", "*.mbox")),
    "authheaders": Source("python3-authheaders", PYTHON / "authheaders/test", ("*.message*",)),
}
GROUPS = (*SOURCES, CARELESS)


class Sample:
    """Says of each message whether it is wanted: none twice, not too many of one shape."""

    def __init__(self, alike=()):
        self.alike, self.seen, self.shapes = alike, set(), {}

    def wants(self, message):
        content = message.replace(b"\r\n", b"\n").strip()
        if not content or content in self.seen:
            return False
        self.seen.add(content)
        kind = shape(message)
        self.shapes[kind] = self.shapes.get(kind, 0) + 1
        return not self.alike or self.shapes[kind] <= self.alike[not message.isascii()]


def shape(message):
    """What messages have in common that are alike."""
    fields, body = sameness.split(sameness.as_read(message))
    parts = sameness.entity(fields, body).walk()
    return (message.isascii(), all(field.isascii() for _, field in fields),
            sameness.longest_line(message) > sameness.LINE_MAX,
            tuple((part.get_content_type(), sameness.encoding(part),
                   str(part.get_content_charset())) for part in parts))


def _plain_word(match):
    """An encoded word as plain octets, if that leaves the field what it is."""
    text = sameness.decode_word(match)
    return text if re.fullmatch(rb"[\w \x80-\xff]+", text) else match[0]


def careless(message):
    """The message as a program writes it that encodes nothing and breaks no line within a
    paragraph; None if that is not wrong, or Python cannot write what it has read."""
    fields, body = sameness.split(sameness.as_read(message))
    whole = sameness.PARSER.parsebytes(b"".join(f + b"\n" for _, f in fields) + b"\n" + body)
    for name in {"Subject", "From", "To", "Cc"} & set(whole.keys()):
        value = re.sub(rb"(\?=)\s+(?==\?)", rb"\1", sameness.octets(whole[name]))
        value = sameness.WORD.sub(_plain_word, value)
        if re.search(rb"[\x80-\xff]=\?|\?=[\x80-\xff]", value):
            return None     # a word that stayed encoded, glued to one that is not: no word at all
        whole.replace_header(name, value.decode("ascii", "surrogateescape"))
    for part in whole.walk():
        if part.get_content_maintype() == "multipart" and not part.is_multipart():
            return None
        if part.get_content_maintype() == "text" and not part.is_multipart():
            text = re.sub(rb"(?<=[^\n])\n(?=[^\n])", b" ", sameness.content(part))
            part.set_payload(text.decode("ascii", "surrogateescape"))
            if sameness.encoding(part) in ("quoted-printable", "base64"):
                del part["Content-Transfer-Encoding"]
    worse = whole.as_bytes(policy=whole.policy.clone(max_line_length=0))
    wrong = not worse.isascii() or sameness.longest_line(worse) > sameness.LINE_MAX
    return worse if wrong else None


def _read(group, source):
    paths = sorted(path for pattern in source.patterns for path in source.folder.glob(pattern))
    assert paths, f"no messages in {source.folder}; is {source.package} installed?"
    found, sample = {}, Sample(source.alike)
    for path in paths:
        message = path.read_bytes()
        if sample.wants(message):
            # Of 0626.190b1e937ba59bffd08f6acaee61417d.eml the number will do.
            name = path.name.split(".")[0] if source.alike else path.name
            found[f"{group}/{path.relative_to(source.folder).with_name(name)}"] = message
    return found


def messages():
    """All of them: {group: {name: bytes}}."""
    found = {group: _read(group, source) for group, source in SOURCES.items()}
    found[CARELESS], sample = {}, Sample(alike=(1, 1))
    for group in SOURCES:
        for name, message in found[group].items():
            worse = careless(message)
            if worse is not None and sample.wants(worse):
                found[CARELESS][f"{CARELESS}/{name}"] = worse
    return found
