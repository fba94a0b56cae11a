"""sameness.py - is what arrived the message that was sent?

What may differ is what mailchute(1) says it changes; anything else is told by differences(), in
words. Messages are compared as a reader would show them: fields unfolded and decoded, each part's
content decoded. Python's email package takes the parts apart, not the header: its idea of what is
a field differs. All text in here has LF line ends, but for what as_read() and differences() are
given.
"""

import email.base64mime
import email.message
import email.parser
import email.policy
import email.quoprimime
import re

DROPPED = {"bcc", "resent-bcc", "return-path", "content-length"}
REWRITTEN = {"from": "x-original-from", "sender": "x-original-sender"}
ADDED = {"dkim-signature", "date", "message-id", "reply-to", "resent-date", "resent-from",
         "resent-message-id", "mime-version", *REWRITTEN, *REWRITTEN.values()}
ADDRESSES = {"reply-to", "to", "cc", "resent-from", "resent-sender", "resent-to", "resent-cc",
             *REWRITTEN, *REWRITTEN.values()}
MIME = {"mime-version", "content-type", "content-transfer-encoding", "content-disposition"}
PARAMETERS = ("content-type", "content-disposition")
OF_PARTS = {*PARAMETERS, "content-transfer-encoding"}   # compared as parts are, or not at all
UNQUALIFIED = "unqualified.example.org"     # the setting `domain` of who compares
LINE_MAX = 998      # octets, RFC 5322 section 2.1.1
WORD_MAX = 75       # RFC 2047 section 2

FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
BLANKS = (b" ", b"\t")
WORD = re.compile(rb"=\?([^?\s]+)\?([bq])\?([^?\s]*)\?=", re.I)     # RFC 2047


class _AsItIs(email.policy.Compat32):
    """Values as they came, where Compat32 makes U+FFFD of octets beyond ASCII."""

    def header_fetch_parse(self, name, value):
        return value


class Part(email.message.Message):
    """An entity. get_payload() decodes octets beyond ASCII by guess, raw() leaves them."""

    def raw(self):
        return octets(self._payload or "")


PARSER = email.parser.BytesParser(_class=Part, policy=_AsItIs())


def octets(text):
    return text.encode("ascii", "surrogateescape")


def as_read(message):
    """A message as mailchute reads it: the header, an empty line, the body."""
    text = re.sub(rb"\r(?!\n)", b" ", message).replace(b"\r\n", b"\n")
    lines = (text if text.endswith(b"\n") or not text else text + b"\n").split(b"\n")[:-1]
    if lines and lines[0].startswith((b"From ", b">From ")) and not FIELD.match(lines[0]):
        del lines[0]
    end = 0
    while end < len(lines) and (FIELD.match(lines[end]) or
                                (end > 0 and lines[end].startswith(BLANKS))):
        end += 1
    body = lines[end + (lines[end:end + 1] == [b""]):]
    return b"".join(line + b"\n" for line in lines[:end] + [b""] + body)


def split(text):
    """Header and body: [(name in lower case, whole field)], bytes."""
    header, _, body = (b"\n" + text).partition(b"\n\n")
    found = []
    for line in header.split(b"\n")[1:]:
        if line.startswith(BLANKS) and found:
            found[-1] = (found[-1][0], found[-1][1] + b"\n" + line)
        else:
            found.append((line.split(b":")[0].strip().lower().decode(), line))
    return found, body


def value_of(field):
    return field.partition(b":")[2]


def unqualified(field):
    return field.replace(b"@" + UNQUALIFIED.encode(), b"")


def longest_line(text):
    return max(map(len, text.split(b"\n")))


def decode_word(match):
    """The octets of an encoded word, a match of WORD."""
    text = match[3]
    if match[2] in b"Bb":
        return email.base64mime.decode(text)
    return email.quoprimime.header_decode(text.decode("latin-1")).encode("latin-1")


def shown(name, value):
    """A field's value as octets that folding and RFC 2047 do not change. Quotes fall away, since
    a quoted string beyond ASCII becomes encoded words; so does the domain of bare names."""
    text = re.sub(rb"(\?=)\s+(?==\?)", rb"\1", re.sub(rb"\s+", b" ", value).strip())
    text = WORD.sub(decode_word, text)
    if name in ADDRESSES:
        text = unqualified(text)
        text = re.sub(rb"xn--[a-z0-9-]+", lambda m: m[0].decode("idna").encode(), text)
        text = re.sub(rb'["\\]', b"", text)
    return re.sub(rb"\s+", b" ", text).strip()


def _subsequence(small, large):
    """What of `large` is not in `small`; None if `small` is not in `large` in this order."""
    rest, extra = list(small), []
    for item in large:
        if rest and item == rest[0]:
            del rest[0]
        else:
            extra.append(item)
    return None if rest else extra


def listed(fields, without):
    return [(n, shown(n, value_of(f))) for n, f in fields if n not in OF_PARTS | without]


def header_differences(sent, arrived):
    """Of two messages' headers, as split() has them."""
    before, after = listed(sent, DROPPED), listed(arrived, set())
    stays = [field for field in before if field[0] not in REWRITTEN]
    extra = _subsequence(stays, after)
    if extra is None:
        missing = [field for field in stays if field not in after]
        return [f"lost: {missing}" if missing else "fields in another order"]
    found = [f"added: {field}" for field in extra if field[0] not in ADDED]
    bytewise = {unqualified(field) for _, field in arrived}
    found += [f"changed without need: {field}" for name, field in sent
              if name not in OF_PARTS | DROPPED | REWRITTEN.keys() and field.isascii() and
              longest_line(field) <= LINE_MAX and field not in bytewise]
    for name, value in before:
        if name in REWRITTEN and (name, value) not in extra and \
                (REWRITTEN[name], value) not in extra:
            found.append(f"lost: {(name, value)} in {extra}")
    return found


def word_faults(sent, arrived):
    """Of the encoded words that were not there before."""
    before = {match[0] for _, field in sent for match in WORD.finditer(field)}
    found = []
    for match in (m for _, field in arrived for m in WORD.finditer(field)):
        if match[0] in before:
            continue
        if len(match[0]) > WORD_MAX:
            found.append(f"too long: {match[0]}")
        try:
            decode_word(match).decode(match[1].decode())
        except UnicodeDecodeError:
            found.append(f"not of whole characters: {match[0]}")
        except LookupError:
            pass        # unknown-8bit
    return found


def part_header_differences(sent, arrived):
    """Of two parts of email.message: nothing is dropped or rewritten there."""
    before, after = (listed([(n.lower(), octets(f"{n}:{v}")) for n, v in part.items()], set())
                     for part in (sent, arrived))
    extra = _subsequence(before, after)
    if extra is None:
        return [f"{before} became {after}"]
    return [f"added {field}" for field in extra if field[0] != "mime-version"]


def parameters(part, name):
    """A field's value and parameters: {name: octets}, RFC 2231 undone."""
    found = {}
    for key, value in part.get_params([], header=name):
        value = value[2].encode("latin-1") if isinstance(value, tuple) else octets(value)
        found[key.lower()] = shown(name, value)
    return found


def content(part):
    """A leaf's content as octets, the line ends LF."""
    return (part.get_payload(decode=True) or b"").replace(b"\r\n", b"\n")


def part_differences(sent, arrived, where="the message", whole=True):
    """Of two entities of email.message, all the way down. `whole`: they are messages; one without
    a type may have been given one."""
    found = []
    for name in PARAMETERS:
        before, after = parameters(sent, name), parameters(arrived, name)
        if before != after and (before or not whole):
            found.append(f"{where}: {name} {before} became {after}")
    kinds = sent.get_content_type(), arrived.get_content_type()
    if kinds[0] != kinds[1] or sent.is_multipart() != arrived.is_multipart():
        return [*found, f"{where}: {kinds[0]} became {kinds[1]}"]
    if not sent.is_multipart():
        before, after = content(sent), content(arrived)
        return found + ([f"{where}: {first_difference(before, after)}"] if before != after else [])
    if (sent.preamble, sent.epilogue) != (arrived.preamble, arrived.epilogue):
        found.append(f"{where}: what is around the parts changed")
    before, after = sent.get_payload(), arrived.get_payload()
    if len(before) != len(after):
        return [*found, f"{where}: {len(before)} parts became {len(after)}"]
    for number, (one, other) in enumerate(zip(before, after), 1):
        inner = f"{where}, part {number}"
        found += [f"{inner}: {text}" for text in part_header_differences(one, other)]
        found += part_differences(one, other, inner, kinds[0] == "message/rfc822")
    return found


def first_difference(before, after):
    at = next((i for i, (a, b) in enumerate(zip(before, after)) if a != b),
              min(len(before), len(after)))
    return f"at octet {at} {before[at - 20:at + 20]} became {after[at - 20:at + 20]}"


def entity(fields, body):
    """A message's MIME structure."""
    return PARSER.parsebytes(b"".join(f + b"\n" for n, f in fields if n in MIME) + b"\n" + body)


def encoding(part):
    return part.get("Content-Transfer-Encoding", "7bit").split(";")[0].strip().lower()


def is_mislabelled(part):
    """Octets beyond ASCII that no Content-Transfer-Encoding declares."""
    if part.is_multipart():
        return any(map(is_mislabelled, part.get_payload()))
    return not part.raw().isascii() and encoding(part) not in ("8bit", "binary")


def may_stay(fields, body, eight_bit):
    """Nothing is wrong with the body: it has to arrive byte for byte."""
    return longest_line(body) <= LINE_MAX and \
        (body.isascii() or eight_bit and not is_mislabelled(entity(fields, body)))


def differences(message, delivered, eight_bit):
    """What became of a message that was sent: sentences, none if it is the same."""
    sent, before = split(as_read(message))
    arrived, after = split(delivered.replace(b"\r\n", b"\n"))
    found = header_differences(sent, arrived) + word_faults(sent, arrived)
    if may_stay(sent, before, eight_bit) and before != after:
        found.append("the body changed without need")
    return found + part_differences(entity(sent, before), entity(arrived, after))


def faults(delivered, eight_bit, utf8):
    """What nothing that is sent may have, whatever it was before: sentences."""
    found = []
    if re.search(rb"\r(?!\n)|(?<!\r)\n|\0", delivered):
        found.append("a bare CR or LF, or a NUL")
    text = delivered.replace(b"\r\n", b"\n")
    if longest_line(text) > LINE_MAX:
        found.append(f"a line over {LINE_MAX} octets")
    fields, body = split(text)
    try:
        b"".join(field for _, field in fields).decode("utf-8" if utf8 else "ascii")
    except UnicodeDecodeError as error:
        found.append(f"in the header: {error}")
    if not body.isascii() and not eight_bit:
        found.append("octets beyond ASCII in the body")
    if is_mislabelled(entity(fields, body)):
        found.append("octets beyond ASCII that are not declared")
    return found
