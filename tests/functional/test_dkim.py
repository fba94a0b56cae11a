"""Signatures, judged by two verifiers that are not ours; and keys that cannot be used."""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import dkim
import pytest

import conftest
import dkimverify
from dkimverify import Key
from expect import ENVELOPE, HEADER, MESSAGE, delivered, failed, fields, untouched, wire
from program import Program

CANON = ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"]
BODIES = {
    "plain": b"hello\n", "empty": b"", "blank-lines": b"\n\n\n",
    "blanks-behind": b"hello\n\n\n\n",
    "white-space": b" a  b\t c \t\n\t\n  \nend  \n", "no-end": b"hello",
    "dots": b".\n..\n.x\n\n.\n",
    "8-bit": b"caf\xc3\xa9 \xff\n", "bare-cr": b"a\rb\r\r\n", "crlf": b"one\r\ntwo\r\n",
    "spilled": 20000 * b"the quick  brown fox \t\n" + b"\n\n",
    "spilled-blanks": 300000 * b"\n" + b"x\n" + 300000 * b"\n",
}
# One blank behind the colon: opendkim -t makes any number of them one, simple or not.
FOLDED = (b"subject: folded \n\t  and  \n more \nX-Odd: kept\n"
          b"To: b@example.net,\n c@example.net\n"
          b"From: \"Ann\" <a@example.org>\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
          b"Message-ID: <1@example.org>\nMIME-Version: 1.0\n"
          b"Content-Type: text/plain;\n charset=utf-8\n"
          b"Content-Transfer-Encoding: 8bit\n"
          b"List-Id: <x.example.org>\nComments: one\nComments: two\n")


@pytest.fixture(scope="module")
def keys():
    return {"rsa": Key("example.org", "r1"), "ed25519": Key("example.org", "e1", "ed25519")}


def section(rig, key, name=None, **changes):
    path = rig.program.file(f"{name or key.selector}.key", key.pem)
    return {"selector": key.selector, "key_file": path, **changes}


def judged_good(rig, message, *keys):
    assert dkimverify.dkimpy(message, *keys)
    assert dkimverify.opendkim(message, rig.program.folder, *keys) == "pass"


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("canon", CANON)
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_signatures(rig, keys, kind, canon, body):
    key = keys[kind]
    server = rig.serve(dkim={"example.org": section(rig, key, canonicalization=canon)})
    message = delivered(rig.send(*ENVELOPE, input=FOLDED + b"\n" + BODIES[body]), server)
    judged_good(rig, message.data, key)
    [tags] = dkimverify.signatures(message.data)
    assert (tags["a"], tags["c"], tags["d"], tags["s"]) == (kind + "-sha256", canon,
                                                            "example.org", key.selector)
    signature = next(i for i, (n, _) in enumerate(fields(message.data)) if n == "DKIM-Signature")
    assert signature == 0


def test_verifiers_can_say_no(rig, keys):
    server = rig.serve(dkim={"example.org": section(rig, keys["rsa"])})
    message = delivered(rig.send(*ENVELOPE, input=MESSAGE), server).data
    for broken in (message.replace(b"hello", b"hullo"), message.replace(b"hi\r\n", b"ho\r\n"),
                   b"From: eve@example.org\r\n" + message, wire(MESSAGE)):
        assert not dkimverify.dkimpy(broken, keys["rsa"])
        assert dkimverify.opendkim(broken, rig.program.folder, keys["rsa"]) != "pass"


def test_tags(rig, keys):
    server = rig.serve(dkim={"example.org": section(rig, keys["rsa"])})
    text = FOLDED + b"Bcc: x@example.net\n\nhello\n"
    message = delivered(rig.send(*ENVELOPE, input=text), server)
    [tags] = dkimverify.signatures(message.data)
    names = tags["h"].lower().split(":")
    assert tags["v"] == "1" and tags["c"] == "relaxed/relaxed"
    assert "l" not in tags and "x" not in tags and tags["t"].isdigit()
    assert names.count("from") == 2
    for name in ("subject", "date", "to", "message-id", "mime-version", "content-type", "list-id"):
        assert name in names
    for name in ("bcc", "x-odd", "comments", "received", "dkim-signature"):
        assert name not in names
    assert max(len(line) for line in message.data.split(b"\r\n\r\n")[0].split(b"\r\n")) <= 998


OVERSIGNED = ["from", "subject", "date", "to", "cc", "message-id", "mime-version", "content-type",
              "content-transfer-encoding", "in-reply-to", "references"]


def test_default_fields(rig, keys):
    """Named once more than present are some, once each the others, and none more often."""
    server = rig.serve(dkim={"example.org": section(rig, keys["rsa"])})
    once = ["Sender", "Reply-To", "Content-Language", "List-Unsubscribe", "List-Unsubscribe-Post",
            "List-Id", "Resent-From", "Resent-Date", "Autocrypt", "Feedback-ID"]
    text = "".join(f"{name}: <x@example.org>\n" for name in once).encode()
    message = delivered(rig.send(*ENVELOPE, input=text + FOLDED + b"\nhello\n"), server)
    judged_good(rig, message.data, keys["rsa"])
    [tags] = dkimverify.signatures(message.data)
    names = tags["h"].lower().split(":")
    present = [name.lower() for name, _ in fields(message.data)]
    assert names[0] == "from"
    for name in set(names):
        assert names.count(name) == present.count(name) + (name in OVERSIGNED), name
    for name in OVERSIGNED + [name.lower() for name in once]:
        assert name in names, name


@pytest.mark.parametrize("name", OVERSIGNED)
def test_fields_nobody_can_add(rig, keys, name):
    server = rig.serve(dkim={"example.org": section(rig, keys["rsa"])})
    message = delivered(rig.send(*ENVELOPE, input=MESSAGE), server).data
    added = name.encode() + b": x\r\n" + message
    assert not dkimverify.dkimpy(added, keys["rsa"])
    assert dkimverify.opendkim(added, rig.program.folder, keys["rsa"]) != "pass"


def test_own_list_limits_the_default_of_the_other(rig, keys):
    server = rig.serve(dkim={"example.org": section(rig, keys["rsa"],
                                                    headers=["From", "Subject", "Content-*"])})
    message = delivered(rig.send(*ENVELOPE, input=FOLDED + b"\nhello\n"), server)
    judged_good(rig, message.data, keys["rsa"])
    [tags] = dkimverify.signatures(message.data)
    assert sorted(tags["h"].lower().split(":")) == [
        *2 * ["content-transfer-encoding"], *2 * ["content-type"], *2 * ["from"],
        *2 * ["subject"]]


def test_fields_put_in_are_signed(rig, keys):
    server = rig.serve(dkim={"example.org": section(rig, keys["rsa"])})
    message = delivered(rig.send(*ENVELOPE, input=b"Subject: hi\n\nhello\n"), server)
    judged_good(rig, message.data, keys["rsa"])
    [tags] = dkimverify.signatures(message.data)
    assert {"from", "date", "message-id"} <= set(tags["h"].lower().split(":"))


@pytest.mark.parametrize("author, sections, signers", [
    ("a@example.org", {"example.org": {}}, ["example.org"]),
    ("a@EXAMPLE.org", {"example.org": {}}, ["example.org"]),
    ("a@example.com", {"example.org": {}}, []),
    ("a@sub.example.org", {"example.org": {}}, []),
    ("a@sub.example.org", {"example.org": {"subdomains": "on"}}, ["example.org"]),
    ("a@notexample.org", {"example.org": {"subdomains": "on"}}, []),
    ("a@example.org", {"first": {"domain": "example.org"}}, ["example.org"]),
    ("a@example.org", {"first": {"domain": "example.org"}, "second": {"domain": "example.org"},
                       "third": {"domain": "example.com"}}, ["example.org", "example.org"]),
])
def test_which_keys_sign(rig, keys, author, sections, signers):
    server = rig.serve(dkim={name: section(rig, keys["rsa"], name, **s)
                             for name, s in sections.items()})
    text = HEADER.replace(b"a@example.org", author.encode()) + b"\nhello\n"
    message = delivered(rig.send(*ENVELOPE, input=text), server)
    assert [tags["d"] for tags in dkimverify.signatures(message.data)] == signers
    if signers:
        judged_good(rig, message.data, keys["rsa"])


def test_both_kinds_for_one_domain(rig, keys):
    server = rig.serve(dkim={k: section(rig, key, domain="example.org")
                             for k, key in keys.items()})
    message = delivered(rig.send(*ENVELOPE, input=MESSAGE), server)
    assert dkimverify.dkimpy(message.data, *keys.values())
    assert {t["a"] for t in dkimverify.signatures(message.data)} == {"rsa-sha256",
                                                                     "ed25519-sha256"}


def test_settings_of_a_signature(rig, keys):
    server = rig.serve(dkim={"example.org": section(
        rig, keys["rsa"], headers=["From", "Subject", "X-Odd"], oversign=["From", "Subject", "Cc"],
        identity="ann@example.org", expire="2h")})
    message = delivered(rig.send(*ENVELOPE, input=FOLDED + b"\nhello\n"), server)
    judged_good(rig, message.data, keys["rsa"])
    [tags] = dkimverify.signatures(message.data)
    names = tags["h"].lower().split(":")
    assert sorted(names) == ["cc", "from", "from", "subject", "subject", "x-odd"]
    assert tags["i"] == "ann@example.org" and int(tags["x"]) == int(tags["t"]) + 7200


def test_account_that_does_not_sign(rig, keys):
    server = rig.serve(account={"dkim": "off"},
                       dkim={"example.org": section(rig, keys["rsa"])})
    assert delivered(rig.send(*ENVELOPE, input=MESSAGE), server).data == wire(MESSAGE)


def test_old_signatures_stay_valid(rig, keys):
    other = Key("example.com", "o1")
    text = wire(MESSAGE)
    theirs = dkim.sign(text, b"o1", b"example.com", other.pem, canonicalize=(b"simple", b"simple"))
    server = rig.serve(dkim={"example.org": section(rig, keys["rsa"])})
    message = delivered(rig.send(*ENVELOPE, input=theirs + text), server)
    assert len(dkimverify.signatures(message.data)) == 2
    assert dkimverify.dkimpy(message.data, keys["rsa"], other)


ALL = (b"From", b"To", b"Subject", b"Date", b"Message-ID")
NONE = (b"Cc", b"MIME-Version", b"Content-Type", b"Content-Transfer-Encoding", b"In-Reply-To",
        b"References")


@pytest.mark.parametrize("names, identity, added, count", [
    (ALL + ALL + NONE, None, b"", 1), (ALL + ALL + NONE, b"@example.org", b"", 1),
    (ALL + ALL + NONE + (b"X-More",), None, b"", 1), (ALL[:1], None, b"", 2),
    (ALL + ALL[1:] + NONE, None, b"", 2), (ALL + ALL + NONE[1:], None, b"", 2),
    (ALL + ALL[1:] + NONE, None, b"From: eve@example.org\r\n", 2),
    (ALL + ALL + NONE, b"@sub.example.org", b"", 2),
], ids=["full", "same-i", "one-more", "from-alone", "from-once", "cc-open", "second-from", "other-i"])
def test_poorer_signatures_of_our_own_key(rig, keys, names, identity, added, count):
    text = wire(MESSAGE)
    key = keys["rsa"]
    theirs = dkim.sign(text, key.selector.encode(), b"example.org", key.pem, identity=identity,
                       canonicalize=(b"relaxed", b"relaxed"), include_headers=list(names))
    server = rig.serve(dkim={"example.org": section(rig, key)})
    message = delivered(rig.send(*ENVELOPE, input=added + theirs + text), server)
    assert len(dkimverify.signatures(message.data)) == count


@pytest.mark.parametrize("expire, left, count", [("1h", 3000, 1), ("1h", 1000, 2), ("1h", 3, 2),
                                                 ("", 3000, 2)])
def test_time_left_to_a_signature_of_our_own(rig, keys, expire, left, count):
    """Made by ourselves under another time: half of what is wanted has to be left."""
    made = rig.serve(dkim={"example.org": section(rig, keys["rsa"], expire=f"{left}s")})
    once = delivered(rig.send(*ENVELOPE, input=MESSAGE), made).data
    assert len(dkimverify.signatures(once)) == 1
    wanted = {"expire": expire} if expire else {}
    server = rig.serve(dkim={"example.org": section(rig, keys["rsa"], **wanted)})
    message = delivered(rig.send(*ENVELOPE, input=once), server)
    assert len(dkimverify.signatures(message.data)) == count


def test_traditional_pem(rig):
    key = Key("example.org", "t1", traditional=True)
    server = rig.serve(dkim={"example.org": section(rig, key)})
    judged_good(rig, delivered(rig.send(*ENVELOPE, input=MESSAGE), server).data, key)


def refused_key(rig, status, pem=None, mode=0o600, **changes):
    path = rig.program.file("bad.key", pem if pem is not None else b"", mode)
    server = rig.serve(dkim={"example.org": {"selector": "s", "key_file": path, **changes}})
    done = rig.send(*ENVELOPE, input=MESSAGE)
    failed(done, status)
    untouched(server)
    return done


@pytest.mark.parametrize("pem", [
    b"", b"no key\n", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    b"-----BEGIN PRIVATE KEY-----\n", bytes(range(256)), 100000 * b"x",
], ids=["empty", "text", "garbage", "cut", "binary", "large"])
def test_keys_that_are_none(rig, pem):
    done = refused_key(rig, 78, pem)
    assert b"bad.key" in done.stderr


def test_key_that_is_encrypted(rig, keys):
    refused_key(rig, 78, keys["rsa"].encrypted_pem())


def test_key_that_is_too_short(rig):
    refused_key(rig, 78, Key("example.org", "s", bits=768).pem)


def test_public_key_for_a_private_one(rig, certificates):
    refused_key(rig, 78, certificates.ca.read_bytes())


def test_key_that_is_not_there(rig):
    done = refused_key(rig, 78, key_file=rig.program.folder / "nosuch.key")
    assert b"nosuch.key" in done.stderr


def test_key_that_is_a_folder(rig):
    refused_key(rig, 78, key_file=rig.program.folder)


@pytest.mark.parametrize("mode, status", [
    (0o600, 0), (0o400, 0), (0o640, 0), (0o440, 0), (0o644, 77), (0o604, 77), (0o660, 77),
    (0o620, 77), (0o602, 77), (0o666, 77), (0o601, 77),
], ids=oct)
def test_permissions_of_keys(rig, keys, mode, status):
    if status:
        done = refused_key(rig, status, keys["rsa"].pem, mode)
        assert b"chmod" in done.stderr and b"bad.key" in done.stderr
    else:
        path = rig.program.file("good.key", keys["rsa"].pem, mode)
        server = rig.serve(dkim={"example.org": {"selector": "r1", "key_file": path}})
        judged_good(rig, delivered(rig.send(*ENVELOPE, input=MESSAGE), server).data, keys["rsa"])


@pytest.mark.skipif(os.geteuid() != 0 and not os.environ.get("CI"),
                    reason="only root can give a file away")
def test_key_of_somebody_else(rig, keys):
    path = rig.program.file("their.key", keys["rsa"].pem)
    os.chown(path, 65534, 65534)
    server = rig.serve(dkim={"example.org": {"selector": "r1", "key_file": path}})
    failed(rig.send(*ENVELOPE, input=MESSAGE), 77, "chown", "their.key")
    untouched(server)


@pytest.mark.parametrize("mode, status", [
    (0o700, 0), (0o755, 0), (0o1777, 0), (0o777, 77), (0o757, 77), (0o703, 77),
], ids=oct)
def test_permissions_of_folders(rig, keys, mode, status):
    folder = rig.program.folder / "outer" / "inner"
    folder.mkdir(parents=True)
    path = rig.program.file("outer/inner/good.key", keys["rsa"].pem)
    folder.parent.chmod(mode)
    server = rig.serve(dkim={"example.org": {"selector": "r1", "key_file": path}})
    done = rig.send(*ENVELOPE, input=MESSAGE)
    if status:
        failed(done, status, str(path), f"chmod go-w '{folder.parent}'")
        untouched(server)
        assert rig.program.run("--check", name="mailchute").status == status
    else:
        judged_good(rig, delivered(done, server).data, keys["rsa"])


def test_credential(rig, keys):
    folder = rig.program.folder / "credentials"
    folder.mkdir()
    rig.program.file("credentials/dkim-r1", keys["rsa"].pem, 0o440)
    folder.chmod(0o550)
    server = rig.serve(dkim={"example.org": {"selector": "r1", "key_credential": "dkim-r1"}})
    done = rig.send(*ENVELOPE, input=MESSAGE, env={"CREDENTIALS_DIRECTORY": str(folder)})
    judged_good(rig, delivered(done, server).data, keys["rsa"])
    failed(rig.send(*ENVELOPE, input=MESSAGE), 78, "CREDENTIALS_DIRECTORY", "dkim-r1")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc as Linux has it")
def test_memory_with_a_key_is_closed(certificates, binary, keys):
    """What other processes of the same user may look into belongs to that user in /proc."""
    with tempfile.TemporaryDirectory() as name:
        folder, user = Path(name), os.geteuid()
        copy = shutil.copy(binary, folder / "copy")
        folder.chmod(0o755)
        rig, seen = conftest.Rig(Program(folder, copy), certificates), []

        def look():
            seen.append([os.stat(f"/proc/{run.pid}/{file}").st_uid for file in ("mem", "environ")])
            return "250 ok"
        server = rig.serve(tls="off", auth="", steps={"rcpt": look},
                           dkim={"example.org": section(rig, keys["rsa"])})
        drop = {}
        if user == 0:       # whose files are root's in any case
            user, drop = 65534, {"user": 65534}
            for path in (folder, *folder.iterdir()):
                os.chown(path, user, user, follow_symlinks=False)
        run = rig.program.start(*ENVELOPE, **drop)
        delivered(rig.program.finish(run, MESSAGE), server)
        server.stop()
        assert len(seen) == 1 and user not in seen[0]


@pytest.mark.parametrize("mode, status", [(0o600, 0), (0o640, 0), (0o644, 77), (0o660, 77)],
                         ids=oct)
def test_permissions_of_password_files(rig, mode, status):
    path = rig.program.file("password", "secret\n", mode)
    server = rig.serve(account={"password": None, "password_file": path})
    done = rig.send(*ENVELOPE, input=MESSAGE)
    if status:
        failed(done, status, "chmod", "password")
        untouched(server)
    else:
        delivered(done, server)


def test_time_of_the_signature(rig, keys):
    server = rig.serve(dkim={"example.org": section(rig, keys["rsa"])})
    message = delivered(rig.send(*ENVELOPE, input=MESSAGE), server)
    assert re.search(rb"\bt=\d{10}\b", message.data)
