"""rewrite_from: senders that mean nothing outside this host, in the envelope and in the header."""

import os
import pwd
import re

import pytest

import dkimverify
from dkimverify import Key
from expect import delivered, field, fields, has

NEW = "alerts@example.org"
LOGIN = pwd.getpwuid(os.getuid()).pw_name
SETTINGS = {"hostname": "web1.example.com", "local_domains": ["localhost", "web1.example.com"]}
REST = b"To: b@example.net\nSubject: x\n\nhello\n"


def send(rig, author, *args, mode=None, account=None, header="", smtp=None, **options):
    """A message with this From: (None: without one), sent; what arrived of it. `smtp` is the
    sender in a -bs session, None for -bm."""
    server = rig.serve(settings=SETTINGS, account={"from": NEW, "rewrite_from": mode,
                                                   **(account or {})}, **options)
    text = b"" if author is None else b"From: " + author.encode() + b"\n"
    text += header.encode() + REST
    if smtp is None:
        return delivered(rig.send(*args, "b@example.net", input=text, env={"NAME": None}), server)
    with rig.talk() as bs:
        bs.send(text, smtp)
    return server.messages[0]


def sender(message):
    return message.sender.decode().split(">")[0].removeprefix("<")


LOCAL = [
    # From: as it came; as it leaves
    ("root (Cron Daemon)", f'"Cron Daemon (root@web1.example.com)" <{NEW}>'),
    ('"(Cron Daemon)" <root>', f'"Cron Daemon (root@web1.example.com)" <{NEW}>'),
    ("root", None),
    ("www-data@web1", f'"www-data@web1" <{NEW}>'),
    ("Web <www-data@web1.example.com>", f'"Web (www-data@web1.example.com)" <{NEW}>'),
    ("mdadm monitoring <root>", f'"mdadm monitoring (root@web1.example.com)" <{NEW}>'),
    ("Logwatch@localhost", f'"Logwatch@web1.example.com" <{NEW}>'),
    ("x@a.local", f'"x@a.local" <{NEW}>'), ("x@a.lan", f'"x@a.lan" <{NEW}>'),
    ("x@a.internal", f'"x@a.internal" <{NEW}>'), ("x@a.home.arpa", f'"x@a.home.arpa" <{NEW}>'),
    ("=?utf-8?q?J=C3=BCrgen?= <j@web1>", f'=?utf-8?q?J=C3=BCrgen?= "(j@web1)" <{NEW}>'),
    ("nobody, daemon", f'"nobody@web1.example.com" <{NEW}>'),
]
REAL = ["a@example.com", "Ann <a@example.com>", "a@sub.web1.example.com", NEW,
        f"Alerts <{NEW.upper()}>", "Doe, John <john@example.com>"]


@pytest.mark.parametrize("author, expected", LOCAL)
@pytest.mark.parametrize("smtp", [None, "www-data"], ids=["bm", "bs"])
@pytest.mark.parametrize("mode", [None, "local"])
def test_local_authors(rig, author, expected, mode, smtp):
    message = send(rig, author, mode=mode, smtp=smtp)
    assert sender(message) == NEW
    if expected is not None:
        assert field(message.data, "From") == expected
    assert field(message.data, "From").endswith(f"<{NEW}>")
    assert field(message.data, "X-Original-From") == author
    assert not has(message.data, "Reply-To")


@pytest.mark.parametrize("author", REAL)
@pytest.mark.parametrize("mode", ["local", "never"])
def test_real_authors_stay(rig, author, mode):
    message = send(rig, author, mode=mode)
    assert field(message.data, "From") == author
    assert not has(message.data, "X-Original-From") and not has(message.data, "Reply-To")


@pytest.mark.parametrize("author, qualified", [
    ("root (Cron Daemon)", "root@web1.example.com (Cron Daemon)"),
    ("www-data@web1", "www-data@web1"), ("x@a.local", "x@a.local"),
])
def test_never(rig, author, qualified):
    message = send(rig, author, "-f", "www-data@web1", mode="never")
    assert sender(message) == "www-data@web1"
    assert field(message.data, "From") == qualified
    assert not has(message.data, "X-Original-From")


ALWAYS = [
    ("Ann <ann@example.com>", f'"Ann (ann@example.com)" <{NEW}>', "Ann <ann@example.com>"),
    ("ann@example.com", f'"ann@example.com" <{NEW}>', "ann@example.com"),
    ("root (Cron Daemon)", f'"Cron Daemon (root@web1.example.com)" <{NEW}>', None),
    ("x@a.lan", f'"x@a.lan" <{NEW}>', None),
    (f"Alerts <{NEW}>", f"Alerts <{NEW}>", None),
]


@pytest.mark.parametrize("author, expected, reply_to", ALWAYS)
@pytest.mark.parametrize("smtp", [None, "ann@example.com"], ids=["bm", "bs"])
def test_always(rig, author, expected, reply_to, smtp):
    message = send(rig, author, mode="always", smtp=smtp)
    assert sender(message) == NEW
    assert field(message.data, "From") == expected
    assert has(message.data, "X-Original-From") == (expected != author)
    assert has(message.data, "Reply-To") == (reply_to is not None)
    if reply_to is not None:
        assert field(message.data, "Reply-To") == reply_to


def test_a_reply_to_of_one_s_own_stays(rig):
    message = send(rig, "ann@example.com", mode="always", header="Reply-To: list@example.com\n")
    assert field(message.data, "Reply-To") == "list@example.com"


ENVELOPES = [
    # -f; rewrite_from; reverse-path
    ("root", "local", NEW), ("www-data@web1", "local", NEW), ("x@a.internal", "local", NEW),
    ("a@example.com", "local", "a@example.com"), ("<>", "local", ""), ("", "always", ""),
    ("a@example.com", "always", NEW), ("root", "always", NEW),
    ("root", "never", "root@web1.example.com"), ("a@example.com", "never", "a@example.com"),
]


@pytest.mark.parametrize("given, mode, expected", ENVELOPES)
@pytest.mark.parametrize("smtp", [False, True], ids=["bm", "bs"])
def test_envelope_senders(rig, given, mode, expected, smtp):
    if smtp:
        message = send(rig, "a@example.com", mode=mode, smtp=given.strip("<>"))
    else:
        message = send(rig, "a@example.com", "-f", given, mode=mode)
    assert sender(message) == expected


@pytest.mark.parametrize("value, mode, expected", [
    ("daemon", "local", f'"daemon@web1.example.com" <{NEW}>'),
    ("Web <www-data@web1>", "local", f'"Web (www-data@web1)" <{NEW}>'),
    ("s@example.com", "local", "s@example.com"), ("s@example.com", "always", None),
    ("root", "never", "root@web1.example.com"),
])
def test_the_sender_field_likewise(rig, value, mode, expected):
    message = send(rig, NEW, mode=mode, header=f"Sender: {value}\n")
    assert field(message.data, "From") == NEW
    got = field(message.data, "Sender")
    assert got == (expected or f'"{value}" <{NEW}>')
    if mode != "never" and got != value:
        assert field(message.data, "X-Original-Sender") == value
    assert not has(message.data, "X-Original-From") and not has(message.data, "Reply-To")


@pytest.mark.parametrize("args, expected", [
    (("-FCronDaemon",), f'"CronDaemon ({LOGIN}@web1.example.com)" <{NEW}>'),
    (("-F", "Ann B."), f'"Ann B. ({LOGIN}@web1.example.com)" <{NEW}>'),
    (("-f", "fail2ban", "-F", "Ban"), f'"Ban (fail2ban@web1.example.com)" <{NEW}>'),
    (("-f", "a@example.com", "-F", "Ann"), "Ann <a@example.com>"),
])
def test_a_from_that_had_to_be_made(rig, args, expected):
    message = send(rig, None, *args)
    assert field(message.data, "From") == expected


def test_without_an_address_to_put_there(rig):
    message = send(rig, "root (Cron)", "-f", "www-data", account={"from": None})
    assert sender(message) == "www-data@web1.example.com"
    assert field(message.data, "From") == "root@web1.example.com (Cron)"


@pytest.mark.parametrize("author", ["root (Cron Daemon)", "www-data@web1", '"Doe, J." <j@web1>',
                                    "Z\u00f6e <root>", None])
@pytest.mark.parametrize("smtp", [None, "www-data"], ids=["bm", "bs"])
def test_the_signature_is_aligned(rig, author, smtp):
    key = Key("example.org", "s1")
    path = rig.program.file("s1.key", key.pem)
    message = send(rig, author, smtp=smtp,
                   dkim={"example.org": {"selector": "s1", "key_file": path}})
    [tags] = dkimverify.signatures(message.data)
    assert tags["d"] == "example.org" and dkimverify.dkimpy(message.data, key)
    assert field(message.data, "From").endswith(f"<{NEW}>")


@pytest.mark.parametrize("author", ["(" + 2000 * "xx " + ") <root>", 5000 * "name " + "<root>",
                                    '"(' + 2000 * "xx " + ')" <root>', "root (" + 2000 * "xx " + ")"],
                         ids=["comment", "phrase", "quoted", "behind"])
def test_lines_stay_short(rig, author):
    message = send(rig, author)
    line = f"From: {field(message.data, 'From')}"
    assert line.endswith(f"<{NEW}>") and len(line) <= 998


def test_a_line_end_in_a_name_is_none_on_the_wire(rig):
    message = send(rig, "root (Cron\n Bcc: x@y\n\tDaemon)")
    assert field(message.data, "From") == f'"Cron Bcc: x@y Daemon (root@web1.example.com)" <{NEW}>'
    assert not has(message.data, "Bcc")


ROOT = r'"(root \()?root@web1\.example\.com\)?"'      # with the full name of who runs the test


@pytest.mark.parametrize("mode, author, name, reply", [
    (None, "root@localhost.localdomain", ROOT, None),
    (None, "(" + 2000 * "xx " + ") root", ".{0,60}", None),
    (None, '"(' + 2000 * "xx " + ')" <root>', ".{0,60}", None),
    ("always", f"{NEW}, ceo@bank.example", '"alerts@example.org"', NEW),
    ("always", "Doe, John <john@example.com>", r'"John \(john@example.com\)"',
     "John <john@example.com>"),
], ids=["localdomain", "long comment", "long name", "two authors", "comma"])
def test_authors_that_are_not_as_they_should_be(rig, mode, author, name, reply):
    message = send(rig, author, mode=mode)
    assert re.fullmatch(f"({name} )?<{NEW}>", field(message.data, "From"))
    assert [v.decode() for n, v in fields(message.data) if n == "Reply-To"] == \
        ([reply] if reply else [])


def test_a_second_from_field(rig):
    message = send(rig, "root", header="From: www-data@web1\n")
    values = [v.decode() for n, v in fields(message.data) if n == "From"]
    assert len(values) == 2 and all(v.endswith(f"<{NEW}>") for v in values)
