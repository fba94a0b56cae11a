"""What is taken out of a header, what is put in, and that all the rest stays."""

import email.header
import email.utils
import os
import pwd
import re

import pytest

from expect import ENVELOPE, HEADER, MESSAGE, delivered, field, fields, has, wire

BARE = b"Subject: hi\n\nhello\n"


def decoded(value):
    return str(email.header.make_header(email.header.decode_header(value)))


@pytest.mark.parametrize("unwanted", [
    "Bcc: x@example.net\n", "BCC: x@example.net\n", "bcc : x@example.net\n",
    "Bcc\t: x@example.net\n", "Bcc: x@example.net,\n y@example.net,\n\tz@example.net\n",
    "Bcc:\n x@example.net\n", "Bcc:\n", "Bcc: x@example.net\nBcc: y@example.net\n",
    "Resent-Bcc: x@example.net\n", "Return-Path: <x@example.net>\n", "return-path : <>\n",
    "Content-Length: 17\n", "Content-Length:\n 17\n", "Bcc: broken <<x@example.net\n",
])
@pytest.mark.parametrize("place", ["first", "last"])
def test_what_is_taken_out(rig, unwanted, place):
    resent = "Resent-" in unwanted
    unwanted = unwanted.encode()
    server = rig.serve()
    text = unwanted + HEADER if place == "first" else HEADER + unwanted
    message = delivered(rig.send(*ENVELOPE, input=text + b"\nhello\n"), server)
    if resent:      # the block it came from is completed
        assert not has(message.data, "Resent-Bcc")
    else:
        assert message.data == wire(MESSAGE)


def test_a_name_that_only_begins_so_stays(rig):
    server = rig.serve()
    text = b"Bccx: 1\nX-Bcc: 2\nContent-Length-X: 3\nReturn-Pathos: 4\n" + MESSAGE
    assert delivered(rig.send(*ENVELOPE, input=text), server).data == wire(text)


@pytest.mark.parametrize("odd", [
    b"subject: lower\n", b"X-Trailing: blanks  \t\n", b"X-Tab:\tvalue\n", b"X-None:value\n",
    b"X-Empty:\n", b"X-Blank : before the colon\n",
    b"X-Folded: one\n  two\n\tthree\n", b"X-Folded:\n one\n", b"X-Folded: one\n \n two\n",
    b"X-Control: \x01\x1b\n", b"X-Colons: a:b:c\n", b"Received: from x by y\n\twith z\n",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; b=AAAA\n",
    b"To: a b c <broken@@x>\n", b"MIME-Version: 1.0\nContent-Type: text/plain\n",
    b"X-" + 200 * b"n" + b": long name\n", b"X-Long: " + 900 * b"x" + b"\n",
])
def test_everything_else_stays(rig, odd):
    server = rig.serve()
    for text in (odd + MESSAGE, HEADER + odd + b"\nhello\n"):
        accepted_before = len(server.messages)
        rig.send(*ENVELOPE, input=text)
        assert server.messages[accepted_before].data == wire(text)


def test_what_is_put_in(rig):
    server = rig.serve()
    message = delivered(rig.send(*ENVELOPE, input=BARE), server)
    names = sorted(name for name, _ in fields(message.data))
    assert names == ["Date", "From", "Message-ID", "Subject"]
    assert email.utils.parseaddr(field(message.data, "From"))[1] == "a@example.org"


def test_nothing_is_put_in_twice(rig):
    server = rig.serve()
    text = (b"date: Thu, 1 Jan 2026 00:00:00 +0000\nmessage-id: <1@example.org>\n"
            b"from : a@example.org\n\nhello\n")
    assert delivered(rig.send(*ENVELOPE, input=text), server).data == wire(text)


@pytest.mark.parametrize("zone, offset", [("UTC0", "+0000"), ("XYZ-9", "+0900"),
                                          ("ABC3:30", "-0330"), ("<+0545>-5:45", "+0545")])
def test_date(rig, zone, offset):
    server = rig.serve()
    message = delivered(rig.send(*ENVELOPE, input=BARE, env={"TZ": zone, "LC_ALL": "de_DE"}),
                        server)
    date = field(message.data, "Date")
    assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug"
                        r"|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d [+-]\d{4}", date), date
    assert date.endswith(offset)
    assert email.utils.parsedate_to_datetime(date).strftime("%a") == date[:3]


def test_message_id(rig):
    server = rig.serve()
    rig.send(*ENVELOPE, input=BARE)
    rig.send(*ENVELOPE, input=BARE)
    ids = [field(m.data, "Message-ID") for m in server.messages]
    for one in ids:
        assert re.fullmatch(r"<[0-9A-Za-z.+_=-]{16,}@[0-9a-z.-]+>", one), one
        domain = one[:-1].split("@")[1]
        assert domain in ("example.org", "client.example.org")
        assert len(one.split("@")[0]) < 40      # nothing but letters at random
    assert len(set(ids)) == 2


@pytest.mark.parametrize("name", [
    "Ann", "Ann Example", "O'Brien", "Dr. Who", "Who, Dr.", "a \"quoted\" b", "back\\slash",
    "paren (thesis)", "x@example.com", "<x@example.com>", "a;b:c", "Zo\u00eb", "\u65e5\u672c\u8a9e",
    "\U0001f4ee mail", 15 * "lang\u00e9 ",
])
@pytest.mark.parametrize("args", ["-F {}", "-F{}", "$NAME"])
def test_full_name(rig, name, args):
    server = rig.serve()
    name = name.strip()
    options = [a.replace("{}", name) for a in args.split(" ")] if "{" in args else []
    message = delivered(rig.send(*options, *ENVELOPE, input=BARE,
                                 env={} if options else {"NAME": name}), server)
    value = field(message.data, "From")
    assert value.isascii()
    shown, address = email.utils.parseaddr(value.replace("\r\n", ""))
    assert decoded(shown) == name
    assert address == "a@example.org"
    assert all(len(word) <= 75 for word in re.findall(r"=\?\S+\?=", value))


def test_full_name_that_is_no_utf8(rig):
    server = rig.serve()
    message = delivered(rig.send(b"-FZo\xeb", *ENVELOPE, input=BARE), server)
    assert field(message.data, "From").isascii()
    assert email.utils.parseaddr(field(message.data, "From"))[1] == "a@example.org"


def test_full_name_of_the_account_database(rig):
    gecos = pwd.getpwuid(os.geteuid()).pw_gecos.split(",")[0]
    server = rig.serve()
    message = delivered(rig.send(*ENVELOPE, input=BARE), server)
    assert email.utils.parseaddr(field(message.data, "From"))[0] == gecos


def test_option_before_variable(rig):
    server = rig.serve()
    message = delivered(rig.send("-F", "Ann", *ENVELOPE, input=BARE, env={"NAME": "Eve"}), server)
    assert field(message.data, "From") == "Ann <a@example.org>"


def test_full_name_does_not_touch_a_from_that_is_there(rig):
    server = rig.serve()
    message = delivered(rig.send("-FCronDaemon", *ENVELOPE, input=MESSAGE), server)
    assert message.data == wire(MESSAGE)


@pytest.mark.parametrize("header, expected", [
    ("To: bob", "bob@example.com"), ("Cc: Bob <bob>", "Bob <bob@example.com>"),
    ("From: root (Cron Daemon)", "root@example.com"),
    ("Reply-To: bob, ann@example.net", "bob@example.com"),
])
def test_bare_names_get_the_domain(rig, header, expected):
    server = rig.serve(settings={"domain": "example.com"})
    message = delivered(rig.send(*ENVELOPE, input=header.encode() + b"\n" + BARE), server)
    assert expected in field(message.data, header.split(":")[0])


@pytest.mark.parametrize("resent, added", [
    ("Resent-To: r@example.net\n", {"Resent-From", "Resent-Date", "Resent-Message-ID"}),
    ("Resent-To: r@example.net\nResent-From: f@example.org\n",
     {"Resent-Date", "Resent-Message-ID"}),
    ("Resent-To: r@example.net\nResent-From: f@example.org\n"
     "Resent-Date: Thu, 1 Jan 2026 00:00:00 +0000\nResent-Message-ID: <2@example.org>\n", set()),
])
def test_resent_block_is_completed(rig, resent, added):
    server = rig.serve()
    text = resent.encode() + MESSAGE
    message = delivered(rig.send(*ENVELOPE, input=text), server)
    arrived, given = fields(message.data), fields(wire(text))
    assert {name for name, _ in arrived} - {name for name, _ in given} == added
    assert [f for f in arrived if f[0] not in added] == given
    if "Resent-From" in added:
        assert "a@example.org" in field(message.data, "Resent-From")


BLOCK = (b"Resent-Date: Thu, 1 Jan 2026 00:00:00 +0000\nResent-From: old@example.org\n"
         b"Resent-Message-ID: <1@example.org>\nResent-To: old@example.net\n")


@pytest.mark.parametrize("above, added", [
    (b"", b"Resent-Date Resent-From Resent-Message-ID"),
    (b"Received: from x by y\n", b"Resent-Date Resent-From Resent-Message-ID"),
])
def test_the_first_resent_block_is_completed(rig, above, added):
    server = rig.serve()
    first = b"Resent-To: r@example.net\nResent-Bcc: s@example.net\nReceived: from y by z\n"
    text = above + first + BLOCK + b"Resent-Bcc: old2@example.net\n" + MESSAGE
    data = delivered(rig.send(*ENVELOPE, input=text), server).data
    stays = b"Resent-To: r@example.net\nReceived: from y by z\n" + BLOCK + MESSAGE
    assert data.startswith(wire(above)) and data.endswith(wire(stays))
    new = data[len(wire(above)):-len(wire(stays))]
    assert b" ".join(line.split(b":")[0] for line in new.splitlines()) == added
    assert not has(data, "Resent-Bcc")


def test_complete_resent_blocks_stay(rig):
    server = rig.serve()
    text = BLOCK + BLOCK + MESSAGE
    assert delivered(rig.send(*ENVELOPE, input=text), server).data == wire(text)


@pytest.mark.parametrize("bad", ["Resent-From:\n", "Resent-From: <>\n", "Resent-From: a@b@c\n"])
def test_a_resent_from_without_a_sender(rig, bad):
    """It names nobody, so that the caller is who sends."""
    server = rig.serve()
    message = delivered(rig.send("b@example.net", input=bad.encode() + MESSAGE), server)
    assert message.sender != b"<a@example.org>"     # who wrote it once did not send it now
    assert bad.strip().encode() in message.data


def test_no_received(rig):
    server = rig.serve()
    assert not has(delivered(rig.send(*ENVELOPE, input=BARE), server).data, "Received")


@pytest.mark.parametrize("bad", ["From:\n", "From: @\n", "From: <<>>\n", "From: a@b@c\n"])
def test_a_from_without_an_author(rig, bad):
    server = rig.serve()
    done = rig.send(*ENVELOPE, input=bad.encode() + BARE)
    assert done.status == 65 and len(done.lines) == 1, str(done)
    assert server.messages == []
