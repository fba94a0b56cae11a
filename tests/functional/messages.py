"""messages.py - random messages, most of them hostile to whoever canonicalizes them.

message(seed) is the same every time. Whoever signs has to take all of them: there is no NUL, no
line of the header that cannot be folded, no address that cannot leave.
"""

import random
import string

WHITE = (b" ", b" ", b"\t", b"  ", b" \t", b"\t ", b"   \t\t  ")
COLONS = (b":", b":  ", b":\t", b":\n ", b":\n\t \n ")
COLONS_OF_OLD = (b" :", b"\t: ")    # RFC 5322 4.5.3; hardly a verifier takes them
NAMES = (b"X-One", b"x-oNE", b"X-Two", b"Comments", b"Keywords", b"List-Id", b"Organization",
         b"In-Reply-To", b"References", b"Content-Description", b"Feedback-ID", b"Autocrypt",
         b"Received", b"B", b"X-" + 60 * b"long-", b"X-!#$%&'*+")
NAME_LIKE_A_TAG = b"X-=b="
AUTHORS = (b"a@example.org", b"<a@example.org>", b"Ann <a@example.org>", b"a@EXAMPLE.org (Ann)",
           b"\"Ann, \\\"A\\\"\"\n <a@example.org>", b"J\xc3\xb6 <a@example.org>",
           b"Ann\n\t(a (nested)\n comment)\n <a@example.org>", b"a@example.org, b@example.net")
READERS = (b"b@example.net", b"B <b@example.net>,\n c@example.net", b"undisclosed-recipients:;",
           b"\xc3\x84 <b@example.net>  ,\n\t\n c@example.net ")
KNOWN = {b"From": AUTHORS, b"To": READERS, b"Resent-To": READERS, b"Subject": None,
         b"Date": (b"Thu, 1 Jan 2026 00:00:00 +0000",), b"MIME-Version": (b"1.0",),
         b"Message-ID": (b"<1@example.org>",)}
NOT_WHITE = b"\v\f"      # to RFC 6376; to some verifiers it is
ODD = (b"\x01", b"\v", b"\f", b"\x7f", b"\x1b[2J", b"\r", b"a\rb", b"\r\r", b"=20", b"=", b";",
       b"=?utf-8?q?=41?=", b"b=", b"; b=abc", b"--", b".", b"..", b"From ", b"\xc3\xa9",
       b"\xe9\xff", b"\xe2\x80\xa8", b"\xc2\xa0", b"\xc2\x85")
# Of others, and worthless: verifiers have to tell them from those they are asked about.
FOREIGN = (b"DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=x; h=from; bh=AAAA; b=AAAA\n",
           b"DKIM-Signature: v=1; a=rsa-sha256; c=simple; d=example.net;\n\ts=x; h=From:X;\n"
           b"\tbh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=\n AAAA\n")
MIME = (b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n",
        b"Content-Type: text/plain;\n\tcharset = us-ascii \n",
        b"Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n",
        b"Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n")
MULTIPART = b"Content-Type: multipart/mixed; boundary=\"x y\"\n"
LINE_MAX = 998      # RFC 5322 2.1.1
SPILLED = 300000    # octets that do not stay in memory


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def one_in(self, n):
        return self.random.randrange(n) == 0

    def pick(self, choices):
        return self.random.choice(choices)

    def several(self, most, make):
        return b"".join(make() for _ in range(self.random.randrange(most + 1)))

    def white(self):
        return self.pick(WHITE)

    def word(self):
        if self.one_in(6):
            return self.pick(ODD)
        length = self.random.randrange(200, 700) if self.one_in(60) else self.random.randrange(1, 9)
        letters = string.ascii_letters + string.digits + "=;:<>\"("
        return "".join(self.random.choices(letters, k=length)).encode()

    def line(self, words=8):
        """Without its end: maybe nothing, or white space alone, before or behind."""
        text = self.several(words, lambda: self.word() + self.white()).strip(b" \t")
        before, behind = (self.white() if self.one_in(3) else b"" for _ in range(2))
        return before + text + behind

    # --- the header ---

    def value(self):
        """Unstructured, with folds wherever they are allowed, lines of blanks alone among them."""
        text = b""
        for _ in range(self.random.randrange(5)):
            text += self.line(5)
            if self.one_in(2):
                text += b"\n" + self.white() * self.random.randrange(1, 3)
        return text

    def tame_value(self):
        """One that more verifiers can take, behind ": "."""
        return self.value().translate(None, NOT_WHITE).lstrip(b" \t\r\n")

    def header(self):
        colons, value, case = (b": ",), self.tame_value, bytes
        if self.one_in(4):
            colons, value = colons + COLONS, self.value
        if self.one_in(20):
            colons += COLONS_OF_OLD
        if self.one_in(8):
            case = self.pick((bytes.upper, bytes.lower))

        def field(name, values=None):
            text = self.pick(values) if values else value()
            behind = self.white() if text and self.one_in(5) else b""
            return case(name) + self.pick(colons) + text + behind + b"\n"

        fields = [field(name, values) for name, values in KNOWN.items() if not self.one_in(6)]
        fields += [field(self.pick(NAMES)) for _ in range(self.random.randrange(8))]
        if self.one_in(4) and fields:
            fields.append(self.pick(fields))
        if self.one_in(40):
            fields.append(NAME_LIKE_A_TAG + b": x\n")
        if self.one_in(20):
            fields.append(self.pick(FOREIGN))
        self.random.shuffle(fields)
        return b"".join(fields)

    # --- the body ---

    def end(self):
        return self.pick((b"\n", b"\n", b"\r\n", b"\r\r\n"))

    def text(self, lines=12):
        end = self.end if self.one_in(2) else lambda: b"\n"
        return self.several(lines, lambda: self.line() + end())

    def blank_lines(self):
        return self.several(6, lambda: (self.white() if self.one_in(4) else b"") + self.end())

    def large(self):
        text = self.text()
        return text * (1 + SPILLED // (len(text) + 1))

    def body(self):
        kinds = (
            lambda: b"", self.blank_lines, self.text, self.text,
            lambda: self.several(5, self.end),
            lambda: self.blank_lines() + self.text() + self.blank_lines(),
            lambda: self.text() + self.several(40, self.end),
            lambda: self.text() + self.line(),              # no end of its last line
            lambda: self.text() + self.white(),
            lambda: self.text() + 200 * (self.line() + self.white()),   # a line too long
            lambda: self.large() if self.one_in(8) else self.text(),
        )
        return self.pick(kinds)()

    def mime(self, body):
        """Fields that fit: a line too long is not what the encodings are."""
        is_long = max(map(len, body.split(b"\n"))) > LINE_MAX
        return self.pick(MIME[:2] if is_long else MIME)

    def parts(self):
        text = self.text()
        return b"--x y\n" + self.mime(text) + b"\n" + text + b"\n--x y--\n" + self.blank_lines()

    def message(self):
        header = self.header()
        if self.one_in(30):     # not even the empty line
            return header
        body = self.body()
        if self.one_in(12):
            header += MULTIPART
            body = self.parts()
        elif self.one_in(3):
            header += self.mime(body)
        return header + self.pick((b"\n", b"\r\n")) + body


def message(seed):
    return Writer(seed).message()
