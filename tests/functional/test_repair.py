"""Messages that a server would refuse or spoil: what leaves in their place, byte for byte."""

import base64
import email
import email.header
import email.policy
import quopri
import re

import pytest

import dkimverify
from expect import ENVELOPE, body_of, delivered, failed, field, fields, has, untouched, wire
from smtpscript import EHLO

SEVEN = tuple(word for word in EHLO if word != "8BITMIME")
UTF8 = EHLO + ("SMTPUTF8",)
HEAD = (b"From: a@example.org\nTo: b@example.net\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
        b"Message-ID: <1@example.org>\n")
MIME = b"MIME-Version: 1.0\n"
LONG = b"x" * 999


def submit(rig, message, caps=EHLO, args=ENVELOPE, **options):
    server = rig.serve(caps=caps, **options)
    return delivered(rig.send(*args, input=message), server)


def lines_of(data):
    return data.split(b"\r\n")


# --- what is right stays ---

@pytest.mark.parametrize("caps", [EHLO, SEVEN, UTF8], ids=["8bit", "7bit", "utf8"])
@pytest.mark.parametrize("message", [
    HEAD + b"\nplain\n",
    HEAD + b"Subject: =?utf-8?q?=C3=A4?=\n\n" + b"x" * 998 + b"\n",
    HEAD + MIME + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n",
    HEAD + b"X-Long: " + b"y" * 989 + b"\n\nx\n",
    HEAD + b"Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit\n\nx\n",
    HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n=C3=A4=\n\n",
], ids=["plain", "998", "multipart", "long-field", "declared-8bit", "qp"])
def test_nothing_to_repair(rig, message, caps):
    got = submit(rig, message, caps)
    assert got.data == wire(message)
    assert b"BODY" not in got.sender


def test_declared_8bit_to_8bitmime(rig):
    message = HEAD + MIME + (b"Content-Type: text/plain; charset=iso-8859-1\n"
                             b"Content-Transfer-Encoding: 8bit\n\n\xe4\n")
    got = submit(rig, message)
    assert got.data == wire(message)
    assert b" BODY=8BITMIME" in got.sender


# --- 8-bit text that nobody declared ---

@pytest.mark.parametrize("text, locale, charset", [
    ("grüße\n".encode(), "C", b"UTF-8"),
    ("grüße\n".encode(), "de_DE.ISO-8859-1", b"UTF-8"),
    ("grüße\n".encode("latin-1"), "C", b"unknown-8bit"),
    ("grüße\n".encode("latin-1"), "C.UTF-8", b"unknown-8bit"),
    ("grüße\n".encode("latin-1"), "no_SUCH.locale", b"unknown-8bit"),
])
def test_undeclared(rig, text, locale, charset):
    server = rig.serve()
    done = rig.send(*ENVELOPE, input=HEAD + b"\n" + text, env={"LC_ALL": locale})
    got = delivered(done, server)
    assert got.data == wire(HEAD) + (b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=" +
                                     charset + b"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
                                     wire(text))
    assert b" BODY=8BITMIME" in got.sender


@pytest.mark.parametrize("given, made", [
    (b"Content-Type: text/plain\n",
     b"Content-Type: text/plain;\n charset=UTF-8\nContent-Transfer-Encoding: 8bit\n"
     b"MIME-Version: 1.0\n"),
    (MIME + b"Content-Type: text/html\n",
     MIME + b"Content-Type: text/html\nContent-Transfer-Encoding: 8bit\n"),
    (MIME + b"Content-Type: text/plain; \n",
     MIME + b"Content-Type: text/plain;\n charset=UTF-8\nContent-Transfer-Encoding: 8bit\n"),
    (MIME + b"Content-Type: text/plain; charset=\"\"\n",
     MIME + b"Content-Type: text/plain; charset=\"\"\nContent-Transfer-Encoding: 8bit\n"),
    (MIME + b"Content-Type: text/plain; charset*=us-ascii'en'iso-8859-1\n",
     MIME + b"Content-Type: text/plain; charset*=us-ascii'en'iso-8859-1\n"
     b"Content-Transfer-Encoding: 8bit\n"),
    (MIME + b"Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 7bit\nX: y\n",
     MIME + b"Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit\nX: y\n"),
])
def test_half_declared(rig, given, made):
    got = submit(rig, HEAD + given + b"\n\xc3\xa4\n")
    assert got.data == wire(HEAD + made + b"\n\xc3\xa4\n")


def test_part_without_a_label(rig):
    message = HEAD + MIME + (b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
                             b"Content-Type: text/plain; charset=utf-8\n\n\xc3\xa4\n--b--\n")
    got = submit(rig, message)
    assert got.data == wire(message.replace(
        b"charset=utf-8\n", b"charset=utf-8\nContent-Transfer-Encoding: 8bit\n"))


# --- a server without 8BITMIME ---

def test_quoted_printable(rig):
    text = b"gr\xc3\xbc\xc3\x9fe \n.\nFrom here\nx=" + b"long " * 40 + b"\n"
    got = submit(rig, HEAD + b"\n" + text, SEVEN)
    assert field(got.data, "Content-Transfer-Encoding") == "quoted-printable"
    assert field(got.data, "Content-Type") == "text/plain; charset=UTF-8"
    assert body_of(got.data).startswith(b"gr=C3=BC=C3=9Fe=20\r\n=2E\r\n=46rom here\r\nx=3D")
    assert quopri.decodestring(body_of(got.data)) == wire(text)
    assert max(map(len, lines_of(got.data))) <= 78
    assert b"BODY" not in got.sender


def test_base64_where_it_is_shorter(rig):
    text = ("Грязные ноги не повод для грусти. " * 3 + "\n").encode() * 5
    got = submit(rig, HEAD + MIME + b"Content-Type: text/plain; charset=utf-8\n"
                 b"Content-Transfer-Encoding: 8bit\n\n" + text, SEVEN)
    assert field(got.data, "Content-Transfer-Encoding") == "base64"
    assert base64.b64decode(body_of(got.data)) == wire(text)
    assert max(map(len, lines_of(body_of(got.data)))) <= 76


NESTED = HEAD + MIME + b"""\
Content-Type: multipart/mixed; boundary=o
Content-Transfer-Encoding: 8bit

pre\xc3\xa4mble
--o
Content-Type: multipart/alternative; boundary="i"
Content-Transfer-Encoding: 8bit

--i
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

many gr\xc3\xbc\xc3\x9fe from all of us, who wish you well

--i
Content-Type: text/plain

ascii stays, even=this
--i--

--o
Content-Type: message/rfc822
Content-Disposition: attachment

From: =?utf-8?q?J=C3=B6rg?= <j@example.org>
Subject: raw \xc3\xbc

8-bit \xc3\xa4 in a message, which is longer
--o
Content-Type: image/png; name="\xc3\x9c.png"
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--o--
epilogue
"""

NESTED_7BIT = HEAD + MIME + b"""\
Content-Type: multipart/mixed; boundary=o
Content-Transfer-Encoding: 7bit

pre=C3=A4mble
--o
Content-Type: multipart/alternative; boundary="i"
Content-Transfer-Encoding: 7bit

--i
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

many gr=C3=BC=C3=9Fe from all of us, who wish you well

--i
Content-Type: text/plain

ascii stays, even=this
--i--

--o
Content-Type: message/rfc822
Content-Disposition: attachment

From: =?utf-8?q?J=C3=B6rg?= <j@example.org>
Subject: raw =?UTF-8?B?w7w=?=
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

8-bit =C3=A4 in a message, which is longer
--o
Content-Type: image/png; name*=UTF-8''%C3%9C.png
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--o--
epilogue
"""


def test_structure(rig):
    got = submit(rig, NESTED, SEVEN)
    assert got.data.decode("latin-1") == wire(NESTED_7BIT).decode("latin-1")


def test_broken_encodings(rig):
    message = HEAD + MIME + b"""\
Content-Type: multipart/mixed; boundary=b

--b
Content-Transfer-Encoding: quoted-printable

a=C3=A4 and \xc3\xa4
--b--
"""
    got = submit(rig, message, SEVEN)
    assert got.data == wire(message).replace(b"and \xc3\xa4", b"and =C3=A4")


def test_what_only_claims_to_be_base64(rig):
    """Plain text under a wrong label: a decoder would make nothing of it."""
    message = HEAD + MIME + b"Content-Transfer-Encoding: base64\n\ngr\xc3\xbc\xc3\x9fe\n"
    assert submit(rig, message).data == wire(message)
    server = rig.serve(caps=SEVEN)
    failed(rig.send(*ENVELOPE, input=message), 65, "base64", "8BITMIME")
    assert server.messages == []


@pytest.mark.parametrize("label", [b"base64", b"quoted-printable", b"x-odd"])
def test_multipart_with_an_encoding(rig, label):
    """It has none, whatever it claims: nobody heeds the label, and the parts are repaired."""
    message = HEAD + MIME + (b"Content-Type: multipart/mixed; boundary=b\n"
                             b"Content-Transfer-Encoding: " + label + b"\n\n--b\n"
                             b"Content-Type: text/plain; charset=utf-8\n"
                             b"Content-Transfer-Encoding: 8bit\n\nmany gr\xc3\xbc\xc3\x9fe from all of us, who wish you well\n"
                             b"--b--\n")
    assert submit(rig, message).data == wire(message)
    got = submit(rig, message, SEVEN)
    assert got.data == wire(
        message.replace(label, b"7bit").replace(b"8bit", b"quoted-printable")
        .replace("grüße".encode(), b"gr=C3=BC=C3=9Fe"))


@pytest.mark.parametrize("boundary, text", [
    (b"boundary=other", b"--b\n"), (b"boundary*=us-ascii''b", b"--b\n"), (b"", b"--b\n"),
    (b"boundary*0=a; boundary*1=b", b"--ab\n"), (b"boundary=" + 201 * b"0", b"--" + 201 * b"0" + b"\n"),
    ("boundary=ä".encode(), "--ä\n".encode()),
], ids=["wrong", "rfc2231", "none", "continued", "long", "8bit"])
@pytest.mark.parametrize("kind", [b"mixed", b"signed"])
def test_boundary_that_cannot_be_read(rig, kind, boundary, text):
    """Somebody else may find the parts: it stays as it is, or is refused."""
    message = HEAD + MIME + (b"Content-Type: multipart/" + kind + b"; " + boundary + b"\n\n" + text +
                             b"Content-Type: text/plain\n\n\xc3\xa4\n")
    server = rig.serve(caps=SEVEN)
    failed(rig.send(*ENVELOPE, input=message), 65, "boundary")
    assert server.messages == []


def test_delimiter_of_999_octets(rig):
    """Blanks may stand behind it, but not so many that the line is too long."""
    head = HEAD + MIME + b"Content-Type: multipart/mixed; boundary=b\n\n"
    message = head + b"--b" + 995 * b" " + b"\n\nx\n--b--\n"
    assert submit(rig, message).data == wire(message)
    got = submit(rig, head + b"--b" + 996 * b" " + b"\n\nx\n--b--\n")
    assert max(map(len, lines_of(got.data))) <= 998


SIGNED = HEAD + MIME + b"""\
Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=s

--s
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

gr\xc3\xbc\xc3\x9fe
--s
Content-Type: application/pgp-signature

-----BEGIN PGP SIGNATURE-----
--s--
"""


def test_what_is_signed_is_not_touched(rig):
    assert submit(rig, SIGNED).data == wire(SIGNED)
    server = rig.serve(caps=SEVEN)
    failed(rig.send(*ENVELOPE, input=SIGNED), 65, "part 1", "text/plain", "8BITMIME", "signed")
    assert server.messages == []


@pytest.mark.parametrize("kind", ["message/partial; id=1; number=1", "message/delivery-status"])
def test_what_may_not_be_encoded(rig, kind):
    message = HEAD + MIME + b"Content-Type: " + kind.encode() + b"\n\nA: \xc3\xa4\n\n\xc3\xa4\n"
    server = rig.serve(caps=SEVEN)
    failed(rig.send(*ENVELOPE, input=message), 65, "8BITMIME", kind.split(";")[0])
    assert server.messages == []


def test_unknown_encoding(rig):
    message = HEAD + MIME + b"Content-Transfer-Encoding: x-odd\n\n\xc3\xa4\n"
    assert submit(rig, message).data == wire(message)
    server = rig.serve(caps=SEVEN)
    failed(rig.send(*ENVELOPE, input=message), 65, "Content-Transfer-Encoding", "8BITMIME")
    assert server.messages == []


# --- lines over 998 octets ---

@pytest.mark.parametrize("caps", [EHLO, SEVEN], ids=["8bit", "7bit"])
def test_long_line(rig, caps):
    got = submit(rig, HEAD + b"\n" + LONG + b"\nshort\n", caps)
    assert field(got.data, "Content-Transfer-Encoding") == "quoted-printable"
    assert field(got.data, "MIME-Version") == "1.0"
    assert not has(got.data, "Content-Type")
    assert quopri.decodestring(body_of(got.data)) == LONG + b"\r\nshort\r\n"
    assert max(map(len, lines_of(got.data))) <= 78


def test_long_line_of_one_part(rig):
    parts = (b"--b\nContent-Type: text/html\n\n%b\n--b\n\n" + b"y" * 998 + b"\n--b--\n")
    head = HEAD + MIME + b"Content-Type: multipart/mixed; boundary=b\n\n"
    got = submit(rig, head + parts % LONG)
    soft = b"=\r\n".join([b"x" * 75] * 13 + [b"x" * 24])
    assert got.data == wire(head + parts.replace(
        b"html\n", b"html\nContent-Transfer-Encoding: quoted-printable\n")).replace(b"%b", soft)


def test_long_base64_line(rig):
    data = bytes(range(256)) * 8
    head = HEAD + MIME + (b"Content-Type: application/octet-stream\n"
                          b"Content-Transfer-Encoding: base64\n\n")
    got = submit(rig, head + base64.b64encode(data) + b"\n")
    assert got.data.startswith(wire(head))
    assert body_of(got.data).replace(b"\r\n", b"\n") == base64.encodebytes(data)


def test_long_line_that_is_signed(rig):
    message = SIGNED.replace("grüße".encode(), LONG)
    server = rig.serve()
    failed(rig.send(*ENVELOPE, input=message), 65, "part 1", "998", "signed")
    assert server.messages == []


def test_long_field_is_folded(rig):
    references = b" ".join(b"<%d.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org>" % i
                           for i in range(100))
    got = submit(rig, HEAD + b"References: " + references + b"\n\nx\n")
    assert field(got.data, "References").replace("\r\n", "") == references.decode()
    assert max(map(len, lines_of(got.data))) <= 78


def test_field_that_cannot_be_folded(rig):
    server = rig.serve()
    failed(rig.send(*ENVELOPE, input=HEAD + b"X-Token: " + LONG + b"\n\nx\n"), 65, "X-Token", "998")
    assert server.messages == []


# --- raw 8-bit header fields ---

RAW = ("From: Jörg Müller <a@example.org>\nTo: \"Ärzte, alle\" <b@example.net>, c@example.net\n"
       "Subject: Grüße aus München: alles gut\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
       "Message-ID: <1@example.org>\n\nx\n").encode()


def decoded(message, name):
    return str(email.message_from_bytes(message, policy=email.policy.default)[name])


@pytest.mark.parametrize("caps", [EHLO, SEVEN, UTF8], ids=["8bit", "7bit", "utf8"])
def test_encoded_words(rig, caps):
    """Also where SMTPUTF8 is offered: words do not need it, and arrive everywhere."""
    got = submit(rig, RAW, caps)
    assert all(octet < 128 for octet in got.data)
    assert decoded(got.data, "From") == "Jörg Müller <a@example.org>"
    assert decoded(got.data, "To") == '"Ärzte, alle" <b@example.net>, c@example.net'
    assert decoded(got.data, "Subject") == "Grüße aus München: alles gut"
    assert b"SMTPUTF8" not in got.sender and b"BODY" not in got.sender
    for line in lines_of(got.data):
        assert len(line) <= 76


@pytest.mark.parametrize("caps, account, args", [
    (UTF8, {"smtputf8": "yes"}, ()), (UTF8, {}, ("-O", "smtputf8=yes")),
    (UTF8, {"repair": "off"}, ()),
], ids=["account", "option", "unrepaired"])
def test_rfc6532(rig, caps, account, args):
    got = submit(rig, RAW, caps, args=(*args, *ENVELOPE), account=account)
    assert got.data == wire(RAW)
    assert b" SMTPUTF8" in got.sender and b" BODY=8BITMIME" in got.sender


def test_utf8_demanded_and_forbidden(rig):
    server = rig.serve(caps=UTF8, account={"smtputf8": "no"})
    failed(rig.send("-O", "smtputf8=yes", *ENVELOPE, input=RAW), 78, "smtputf8 = no", "default")
    untouched(server)


def test_utf8_needs_8bitmime(rig):
    got = submit(rig, RAW, SEVEN + ("SMTPUTF8",), account={"smtputf8": "yes"})
    assert all(octet < 128 for octet in got.data)
    assert b"SMTPUTF8" not in got.sender


@pytest.mark.parametrize("declared, charset", [
    (b"", b"unknown-8bit"), (b"Content-Type: text/plain; charset=ISO-8859-1\n", b"ISO-8859-1"),
    (b"Content-Type: text/plain; charset=us-ascii\n", b"unknown-8bit"),
    (b"Content-Type: text/plain; charset=\"a?b\"\n", b"unknown-8bit"),
])
def test_header_in_another_charset(rig, declared, charset):
    got = submit(rig, HEAD + declared + b"Subject: gr\xfc\xdfe\n\nx\n")
    [(text, found)] = email.header.decode_header(field(got.data, "Subject"))
    assert (text, found) == (b"gr\xfc\xdfe", charset.decode().lower())


def test_idn_in_header_and_envelope(rig):
    message = "From: a@münchen.example\nTo: B <b@faß.example>\n\nx\n".encode()
    got = submit(rig, message, args=("-f", "a@münchen.example", "b@faß.example"))
    assert field(got.data, "From") == "a@xn--mnchen-3ya.example"
    assert field(got.data, "To") == "B <b@xn--fa-hia.example>"
    assert got.sender.startswith(b"<a@xn--mnchen-3ya.example>")
    assert got.recipients == [b"b@xn--fa-hia.example"]


# --- local parts that only SMTPUTF8 carries ---

UTF8_ADDRESSED = "From: a@example.org\nTo: jörg@example.net\n\nx\n".encode()


@pytest.mark.parametrize("args", [
    ("-f", "ä@example.org", "b@example.net"), ("-f", "a@example.org", "jörg@example.net"),
], ids=["sender", "recipient"])
@pytest.mark.parametrize("account, caps", [({}, EHLO), ({}, SEVEN), ({"smtputf8": "no"}, UTF8)],
                         ids=["8bit", "7bit", "no"])
def test_utf8_envelope_refused(rig, args, account, caps):
    server = rig.serve(caps=caps, account=account)
    failed(rig.send(*args, input=HEAD + b"\nx\n"), 65, "SMTPUTF8", "@example")
    assert server.messages == []


def test_utf8_header_address_refused(rig):
    server = rig.serve()
    failed(rig.send(*ENVELOPE, input=UTF8_ADDRESSED), 65, "SMTPUTF8", "To")
    assert server.messages == []


def test_utf8_is_not_asked_for_in_vain(rig):
    """What is no UTF-8 is encoded, and then nothing needs it."""
    got = submit(rig, HEAD + b"Subject: \xe4\n\nx\n", UTF8, account={"smtputf8": "yes"})
    assert b"SMTPUTF8" not in got.sender and all(octet < 128 for octet in got.data)


def test_utf8_address(rig):
    got = submit(rig, UTF8_ADDRESSED, UTF8, args=("-f", "a@example.org", "-t"))
    assert b" SMTPUTF8" in got.sender
    assert got.recipients == ["jörg@example.net".encode()]
    assert field(got.data, "To") == "jörg@example.net"


# --- repair = off ---

@pytest.mark.parametrize("caps, message, words", [
    (SEVEN, HEAD + b"\n\xc3\xa4\n", ("8BITMIME",)),
    (EHLO, HEAD + b"\n" + LONG + b"\n", ("998",)),
    (EHLO, RAW, ("From", "repair = off")),
    (EHLO, HEAD + b"X-Long: " + b"a " * 500 + b"\n\nx\n", ("X-Long", "998", "repair = off")),
], ids=["8bit", "long-line", "header", "long-field"])
def test_refused_unrepaired(rig, caps, message, words):
    server = rig.serve(caps=caps, account={"repair": "off"})
    failed(rig.send(*ENVELOPE, input=message), 65, *words)
    assert server.messages == []


def test_sent_as_it_came(rig):
    message = HEAD + b"\nundeclared \xc3\xa4\n"
    assert submit(rig, message, account={"repair": "off"}).data == wire(message)


# --- signatures are over what is sent ---

@pytest.mark.parametrize("caps", [EHLO, SEVEN], ids=["8bit", "7bit"])
@pytest.mark.parametrize("message", [
    RAW.replace(b"\nx\n", b"\n\xc3\xa4\n"), NESTED, HEAD + b"\n" + LONG + b"\n",
    HEAD + b"\nplain\n"], ids=["raw", "nested", "long", "plain"])
@pytest.mark.parametrize("canon", ["simple/simple", "relaxed/relaxed"])
def test_signed_after_repair(rig, tmp_path, message, caps, canon):
    key = dkimverify.Key("example.org", "s1")
    file = rig.program.file("key.pem", key.pem)
    got = submit(rig, message, caps, dkim={"example.org": {
        "selector": "s1", "key_file": file, "canonicalization": canon}})
    assert dkimverify.dkimpy(got.data, key)
    assert dkimverify.opendkim(got.data, tmp_path, key) == "pass"


# --- in -bs ---

def test_smtp_promises_8bitmime(rig):
    """Announced whatever the smart host offers: what it cannot take is encoded."""
    server = rig.serve(caps=SEVEN)
    with rig.talk(hello="EHLO [127.0.0.1]") as client:
        client.say("MAIL FROM:<a@example.org> BODY=8BITMIME", 250)
        client.say("RCPT TO:<b@example.net>", 250)
        client.say("DATA", 354)
        client.finish(HEAD + b"\nmore text, \xc3\xa4\n")
    got = server.messages[0]
    assert body_of(got.data) == b"more text, =C3=A4\r\n"


def test_smtp_demand_that_cannot_be_met(rig):
    server = rig.serve(caps=SEVEN + ("SMTPUTF8",))
    with rig.talk("-O", "smtputf8=yes") as client:
        client.say("MAIL FROM:<a@example.org>", 451, "8BITMIME")
    assert server.messages == []


def test_smtp_address_in_the_header(rig):
    """SMTPUTF8 is there, but the client did not ask for it, and it is too late now."""
    server = rig.serve(caps=UTF8)
    with rig.talk(hello="EHLO [127.0.0.1]") as client:
        client.begin()
        client.finish(UTF8_ADDRESSED, 554, "did not ask")
        client.say("MAIL FROM:<a@example.org> SMTPUTF8", 250)
        client.say("RCPT TO:<jörg@example.net>", 250)
        client.say("DATA", 354)
        client.finish(UTF8_ADDRESSED)
    assert [m.accepted for m in server.messages] == [True]
    assert b" SMTPUTF8" in server.messages[0].sender


def test_smtp_address_refused(rig):
    server = rig.serve()
    with rig.talk(hello="EHLO [127.0.0.1]") as client:
        client.say("MAIL FROM:<ä@example.org> SMTPUTF8", 553, "SMTPUTF8")
        client.say("MAIL FROM:<a@example.org> SMTPUTF8", 250)
        client.say("RCPT TO:<jörg@example.net>", 553, "SMTPUTF8")
        client.say("RCPT TO:<b@example.net>", 250)
        client.say("DATA", 354)
        client.finish(HEAD + b"\nx\n")
    assert len(server.messages) == 1


def test_smart_host_with_an_international_name(rig):
    rig.serve(account={"host": "smtp.bücher.example"})
    done = rig.program.run("--dry-run", *ENVELOPE, input=HEAD + b"\nx\n", name="mailchute")
    assert b"(smtp.xn--bcher-kva.example:" in done.stdout, str(done)


# --- size and depth ---

def test_deep_nesting(rig):
    """Past the bound nothing is taken apart: fine as it is, refused where it would have to be."""
    text = b"8-bit \xc3\xa4\n"
    for level in range(60):
        text = (b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) + text +
                b"\n--b%d--\n" % level)
    assert submit(rig, HEAD + MIME + text).data == wire(HEAD + MIME + text)
    server = rig.serve(caps=SEVEN)
    failed(rig.send(*ENVELOPE, input=HEAD + MIME + text), 65, "nested too deep")
    assert server.messages == []


def test_header_of_900_kib(rig):
    names = ", ".join('"Jörg %d" <u%d@example.net>' % (i, i) for i in range(6000)).encode()
    header = b"".join(b"X-%d: %b\n" % (i, names[:180 * 1024]) for i in range(5))
    got = submit(rig, HEAD + header + b"\nx\n")
    assert max(map(len, lines_of(got.data))) <= 998
    assert all(octet < 128 for octet in got.data)
    names = [name for name, _ in fields(got.data)]
    assert [name for name in names if re.fullmatch(r"X-\d", name)] == ["X-%d" % i for i in range(5)]
