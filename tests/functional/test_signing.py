"""Which key signs, what is signed already, what must be signed; and that no key is ever shown."""

import base64
import copy
import hashlib

import dkim
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dkim.canonicalization import Relaxed

import dkimverify
from dkimverify import Key
from expect import (ENVELOPE, HEADER, MESSAGE, delivered, failed, field, fields, has, silent,
                    untouched, wire)
from smtpscript import EHLO

NEW = "alerts@example.org"
REST = (b"To: b@example.net\nSubject: hi\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
        b"Message-ID: <1@example.org>\n\nhello\n")


def keyed(rig, *domains, kind="ed25519"):
    """A key and a dkim section for each domain, with the selectors s1, s2, ...; an asterisk in
    front of a domain stands for subdomains = on."""
    keys, dkim_sections = [], {}
    for number, domain in enumerate(domains, 1):
        key = Key(domain.removeprefix("*").lower(), f"s{number}", kind)
        keys.append(key)
        dkim_sections[key.selector] = {
            "domain": domain.removeprefix("*"), "selector": key.selector,
            "key_file": rig.program.file(f"{key.selector}.key", key.pem),
            "subdomains": "on" if domain.startswith("*") else "off"}
    return keys, dkim_sections


def signers(message):
    return [tags["s"] for tags in dkimverify.signatures(message)]


def judged(message, *keys):
    """For each signature, from the top, if it is good."""
    records = {f"{key.name}.": key.record.encode() for key in keys}
    found = []
    for i in range(len(dkimverify.signatures(message))):
        try:
            found.append(dkim.DKIM(message).verify(
                idx=i, dnsfunc=lambda name, timeout=5: records.get(name.decode(), b"")))
        except dkim.DKIMException:
            found.append(False)
    return found


# --- choice of key ---

SECTIONS = [
    # From:; the sections' domains; who signs
    ("a@example.org", "example.org", "s1"),
    ("a@Example.ORG", "example.org", "s1"),
    ("a@example.org", "EXAMPLE.org", "s1"),
    ("a@example.com", "example.org", ""),
    ("a@sub.example.org", "example.org", ""),
    ("a@sub.example.org", "*example.org", "s1"),
    ("a@a.b.c.example.org", "*example.org", "s1"),
    ("a@example.org", "*sub.example.org", ""),
    ("a@notexample.org", "*example.org", ""),
    ("a@example.org.example.com", "*example.org", ""),
    ("a@sub.example.org", "*example.org sub.example.org", "s2"),
    ("a@sub.example.org", "sub.example.org *example.org", "s1"),
    ("a@a.sub.example.org", "*example.org *sub.example.org", "s2"),
    ("a@a.sub.example.org", "*sub.example.org *example.org", "s1"),
    ("a@a.sub.example.org", "*example.org sub.example.org", "s1"),
    ("a@b.example.org", "*example.org *sub.example.org", "s1"),
    ("a@example.org", "example.org example.org example.org", "s1 s2 s3"),
    ("a@a.sub.example.org", "*example.org *sub.example.org *sub.example.org *example.org",
     "s2 s3"),
    ("a@example.org", "*example.org example.org", "s1 s2"),
    ("a@x.example.org", "*example.org example.org", "s1"),
    ("a@[192.0.2.1]", "*example.org", ""),
]


@pytest.mark.parametrize("author, domains, who", SECTIONS)
def test_domains(rig, author, domains, who):
    keys, sections = keyed(rig, *domains.split())
    server = rig.serve(tls="off", auth="", dkim=sections)
    text = b"From: " + author.encode() + b"\n" + REST
    message = delivered(rig.send(*ENVELOPE, input=text), server).data
    assert signers(message) == who.split()
    assert all(judged(message, *keys))


ONE, TWO = "one.example", "two.example"
AUTHORS = [
    # header; whose key signs
    (f"From: a@{ONE}", ONE),
    (f"From: a@{ONE}\nSender: b@{TWO}", ONE),
    (f"From: a@{ONE}, b@{TWO}", ONE),
    (f"From: b@{TWO}, a@{ONE}", TWO),
    (f"From: a@{ONE}, b@{TWO}\nSender: b@{TWO}", TWO),
    (f"From: a@{ONE}, c@{ONE}\nSender: Bob <b@{TWO}>", TWO),
    (f"From: a@{ONE}, c@{ONE}\nsender:\n\tb@TWO.example", TWO),
    (f'From: a@{ONE}, b@{TWO}\nSender: "a@{ONE}" <b@{TWO}>', TWO),
    (f"From: a@{ONE}, b@{TWO}\nSender: b@{TWO}\nSender: a@{ONE}", TWO),
    (f"From: team: a@{ONE}, b@{TWO};\nSender: b@{TWO}", TWO),
    (f"From: team: a@{ONE};\nSender: b@{TWO}", ONE),
    # a Sender: that is nobody
    (f"From: a@{ONE}, b@{TWO}\nSender:", ONE),
    (f"From: a@{ONE}, b@{TWO}\nSender: <>", ONE),
    (f"From: a@{ONE}, b@{TWO}\nSender: b@", ONE),
    (f"From: a@{ONE}, b@{TWO}\nSender: the board of {TWO}", ONE),
    (f"From: a@{ONE}, b@{TWO}\nX-Sender: b@{TWO}", ONE),
    (f"From: a@{ONE}, b@{TWO}\nResent-Sender: b@{TWO}", ONE),
    # one whose domain has no key: nobody speaks for it
    (f"From: a@{ONE}, b@{TWO}\nSender: c@example.com", None),
    (f"From: c@example.com, a@{ONE}", None),
    (f"From: a@{ONE}, c@example.com", ONE),
    # a comma in a name makes no second author
    (f"From: Doe, John <john@{ONE}>", ONE),
    (f"From: Doe, John <john@{ONE}>\nSender: b@{TWO}", ONE),
    (f'From: "Doe, John" <john@{ONE}>\nSender: b@{TWO}', ONE),
    # bare names are of two.example here
    ("From: root", TWO),
    (f"From: root, bin\nSender: a@{ONE}", ONE),
    (f"From: a@{ONE}, c@{ONE}\nSender: root", TWO),
]


@pytest.mark.parametrize("header, domain", AUTHORS)
@pytest.mark.parametrize("smtp", [False, True], ids=["bm", "bs"])
def test_authors(rig, header, domain, smtp):
    keys, sections = keyed(rig, ONE, TWO)
    server = rig.serve(settings={"domain": TWO}, tls="off", auth="", dkim=sections)
    text = header.encode() + b"\n" + REST
    if smtp:
        with rig.talk() as bs:
            bs.send(text, "a@example.org")
        [message] = [m.data for m in server.messages]
    else:
        message = delivered(rig.send(*ENVELOPE, input=text), server).data
    assert [tags["d"] for tags in dkimverify.signatures(message)] == [domain] * bool(domain)
    # Of two Sender: fields dkimpy hashes the upper one first.
    assert all(judged(message, *keys)) or header.lower().count("sender") > 1


@pytest.mark.parametrize("caps", [EHLO, EHLO + ("SMTPUTF8",)], ids=["8bit", "utf8"])
@pytest.mark.parametrize("header", [
    "From: a@xn--bcher-kva.example", "From: a@XN--BCHER-KVA.example", "From: a@b\u00fccher.example",
    "From: a@B\u00dcCHER.example", "From: Z\u00f6e <a@b\u00fccher.example>",
    "From: a@bu\u0308cher.example",
    "From: a@example.com, b@example.net\nSender: c@b\u00fccher.example",
])
def test_domains_that_are_not_ascii(rig, header, caps):
    """Sections name them as A-labels, and so does d=."""
    [key], sections = keyed(rig, "xn--bcher-kva.example")
    server = rig.serve(tls="off", auth="", caps=caps, dkim=sections)
    message = delivered(rig.send(*ENVELOPE, input=header.encode() + b"\n" + REST), server).data
    [tags] = dkimverify.signatures(message)
    assert tags["d"] == key.domain
    assert judged(message, key) == [True]


@pytest.mark.parametrize("account, who", [("signs", ["s1"]), ("leaves", [])])
def test_the_account_decides_if_it_is_signed(rig, account, who):
    _, sections = keyed(rig, "example.org")
    server = rig.server(tls="off", auth="")
    host = {"host": "localhost", "port": server.port, "tls": "off"}
    rig.program.configure(settings={"hostname": "client.example.org", "log": "off"}, dkim=sections,
                          accounts={"signs": host, "leaves": {**host, "dkim": "off"}})
    done = rig.program.run("--account", account, *ENVELOPE, input=MESSAGE, name="mailchute")
    assert signers(delivered(done, server).data) == who


def test_an_account_that_does_not_sign_needs_no_keys(rig):
    server = rig.serve(account={"dkim": "off"}, tls="off", auth="",
                       dkim={"example.org": {"selector": "s1", "key_file": "/nonexistent"}})
    assert delivered(rig.send(*ENVELOPE, input=MESSAGE), server).data == wire(MESSAGE)


# --- authors without a key ---

def logged(rig, domain, account=None, status=0, smtp=False):
    """What a message of a@example.org leaves in the log, with a key for this domain alone."""
    log = rig.program.folder / "log"
    sections = keyed(rig, domain)[1] if domain else None
    server = rig.serve(settings={"log": "file", "log_file": log}, tls="off", auth="",
                       account=account, dkim=sections)
    if smtp:
        with rig.talk() as bs:
            bs.send(MESSAGE, "a@example.org")
    else:
        assert rig.send(*ENVELOPE, input=MESSAGE).status == status
    [line] = log.read_text().splitlines()
    assert f" status={status} " in line
    return line, server


@pytest.mark.parametrize("domain, account, word", [
    ("example.com", {}, True), ("example.com", {"dkim_required": "no"}, True),
    ("sub.example.org", {}, True), (None, {}, False), ("example.org", {}, False),
    ("*org", {}, False), ("example.com", {"dkim": "off"}, False),
    ("example.org", {"dkim": "off"}, False), ("example.org", {"dkim_required": "yes"}, False),
])
@pytest.mark.parametrize("smtp", [False, True], ids=["bm", "bs"])
def test_the_log_tells_what_was_not_signed(rig, domain, account, word, smtp):
    line, server = logged(rig, domain, account, smtp=smtp)
    assert (" dkim=none" in line) == word and (word or "dkim" not in line)
    signed = domain in ("example.org", "*org") and account.get("dkim") != "off"
    assert len(signers(server.messages[0].data)) == signed


@pytest.mark.parametrize("domains, text, missing", [
    ([], MESSAGE, "example.org"),
    (["example.com"], MESSAGE, "example.org"),
    (["*sub.example.org"], MESSAGE, "example.org"),
    (["example.org"], MESSAGE.replace(b"<a@example.org>", b"<a@Sub.Example.ORG>"),
     "Sub.Example.ORG"),
    (["example.org"], b"Sender: s@example.com\n" + MESSAGE.replace(
        b"Ann <a@example.org>", b"a@example.org, b@example.org"), "example.com"),
    (["example.org"], "From: a@b\u00fccher.example\n".encode() + REST, "xn--bcher-kva.example"),
])
def test_required(rig, domains, text, missing):
    server = rig.serve(account={"dkim_required": "yes"}, dkim=keyed(rig, *domains)[1])
    failed(rig.send(*ENVELOPE, input=text), 78, f" for {missing}, ", "dkim_required = yes",
           "--dkim-keygen")
    untouched(server)


def test_required_and_there(rig):
    [key], sections = keyed(rig, "example.org")
    server = rig.serve(account={"dkim_required": "yes"}, dkim=sections)
    message = delivered(rig.send(*ENVELOPE, input=MESSAGE), server).data
    assert judged(message, key) == [True]


def test_required_is_logged(rig):
    line, server = logged(rig, "example.com", {"dkim_required": "yes"}, status=78)
    assert "dkim_required = yes" in line and "dkim=none" not in line
    untouched(server)


def test_required_in_a_dialogue(rig):
    """The author is known when the message is; the session was opened before."""
    server = rig.serve(account={"dkim_required": "yes"}, dkim=keyed(rig, "example.com")[1])
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        bs.say("RCPT TO:<b@example.net>", 250)
        bs.say("DATA", 354)
        bs.write(wire(MESSAGE) + b".\r\n")
        reply = bs.reply()
    assert reply.code == 451 and "dkim_required" in reply.text, str(reply)
    assert server.messages == []


# --- what is signed already ---

NAMES = 2 * ("From", "To", "Subject", "Date", "Message-ID") + (
    "Cc", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "In-Reply-To", "References")


def forged(key, text, tags="", names=NAMES, limit=None):
    """The message under a signature made by hand: relaxed/relaxed over these fields, as many as
    there are, with these tags added to it."""
    header, body = wire(text).split(b"\r\n\r\n", 1)
    canonical = Relaxed.canonicalize_body(body)[:limit]
    value = (f" v=1; a={key.kind}-sha256; c=relaxed/relaxed; d={key.domain}; s={key.selector};"
             f"{tags} h={':'.join(names)};"
             f" bh={base64.b64encode(hashlib.sha256(canonical).digest()).decode()}; b=").encode()
    present = dict(fields(header + b"\r\n\r\n"))
    signed = [(name.encode(), b" " + present[name] + b"\r\n") for name in dict.fromkeys(names)
              if name in present]
    joined = b"".join(name + b":" + text for name, text in Relaxed.canonicalize_headers(
        signed + [(b"DKIM-Signature", value + b"\r\n")]))
    made = key.private.sign(hashlib.sha256(joined.removesuffix(b"\r\n")).digest())
    return b"DKIM-Signature:" + value + base64.b64encode(made) + b"\r\n" + wire(text)


@pytest.fixture
def signing(rig):
    """A rig with a key for example.org and a server; rig.key, rig.arrives(text)."""
    [rig.key], rig.sections = keyed(rig, "example.org")
    rig.there = rig.serve(tls="off", auth="", dkim=rig.sections)

    def arrives(text, server=None):
        server = server or rig.there
        before = len(server.messages)
        silent(rig.send(*ENVELOPE, input=text))
        [message] = server.messages[before:]
        return message.data
    rig.arrives = arrives
    return rig


def sign(rig, text):
    done = rig.program.run("--sign", input=text, name="mailchute")
    assert (done.status, done.stderr) == (0, b""), str(done)
    return done.stdout


@pytest.mark.parametrize("body", [b"", b"hello\n", b"\n\nblanks  \t\n.\n..\n\n\n",
                                  b"gr\xc3\xbc\xc3\x9fe\n", 2000 * b"x" + b"\n",
                                  40000 * b"large \t\n"],
                         ids=["empty", "plain", "blanks", "8bit", "long line", "spilled"])
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_what_is_signed_stays_as_it_is(rig, body, kind):
    keys, sections = keyed(rig, "example.org", "example.org", kind=kind)
    server = rig.serve(tls="off", auth="", dkim=sections)
    once = sign(rig, HEADER + b"\n" + body)
    assert signers(once) == ["s1", "s2"] and judged(once, *keys) == [True, True]
    assert delivered(rig.send(*ENVELOPE, input=once), server).data == once
    assert sign(rig, once) == once


def test_line_ends_do_not_matter(signing):
    once = sign(signing, MESSAGE)
    assert signing.arrives(once.replace(b"\r\n", b"\n")) == once


def test_fields_on_top_of_a_signature(signing):
    """What other hosts put there."""
    text = b"Received: from x\r\n\tby y\r\nX-Spam: no\r\n" + sign(signing, MESSAGE)
    assert signing.arrives(text) == text


def test_only_the_missing_one_is_added(signing):
    once = sign(signing, MESSAGE)
    keys, sections = keyed(signing, "example.com", "example.org")
    server = signing.serve(tls="off", auth="", dkim={**signing.sections, "s2": sections["s2"]})
    signing.program.file("s1.key", signing.key.pem)
    both = signing.arrives(once, server)
    assert signers(both) == ["s2", "s1"]
    assert judged(both, signing.key, keys[1]) == [True, True]


@pytest.mark.parametrize("old, new", [
    (b"hello\r\n", b"hullo\r\n"), (b"\r\n\r\nhello\r\n", b"\r\n\r\n"), (b": hi", b": ho"),
    (b"From: Ann", b"From: Eve"), (b"From: Ann", b"Cc: c@example.net\r\nFrom: Ann"),
    (b"From: Ann", b"Subject: hi\r\nFrom: Ann"), (b"\r\n b=", b"\r\n b=AA"), (b" t=", b" t=1"),
    (b" bh=", b" bh=AAAA"), (b" v=1", b" v=2"),
])
def test_what_was_tampered_with_is_signed_again(signing, old, new):
    once = sign(signing, MESSAGE)
    assert old in once
    changed = once.replace(old, new, 1)
    twice = signing.arrives(changed)
    assert twice.endswith(changed) and len(signers(twice)) == 2
    assert judged(twice, signing.key) == [True, False]


def test_changed_on_the_way_out(signing):
    """The server takes 7 bits only: it is the final bytes that count."""
    once = sign(signing, HEADER + b"\nmany words and only one umlaut: \xc3\xbc\n")
    server = signing.serve(tls="off", auth="", caps=("PIPELINING",), dkim=signing.sections)
    twice = signing.arrives(once, server)
    assert b"umlaut: =C3=BC" in twice
    assert judged(twice, signing.key) == [True, False]


@pytest.mark.parametrize("domain, selector", [("example.org", "s0"), ("sub.example.org", "s1"),
                                              ("example.com", "s1")])
@pytest.mark.parametrize("same", [False, True], ids=["another key", "our key"])
def test_the_signature_of_another(signing, domain, selector, same):
    other = copy.copy(signing.key) if same else Key(domain, selector, "ed25519")
    other.domain, other.selector, other.name = domain, selector, f"{selector}._domainkey.{domain}"
    text = forged(other, MESSAGE)
    both = signing.arrives(text)
    assert both.endswith(text)
    assert judged(both, signing.key, other) == [True, True]


def test_another_key_under_our_name(signing):
    text = forged(Key("example.org", "s1", "ed25519"), MESSAGE)
    assert judged(signing.arrives(text), signing.key) == [True, False]


@pytest.mark.parametrize("tags", ["", " t=1500000000;", " i=@example.org;", " q=dns/txt; z=From:x;"])
def test_signed_by_another_program(signing, tags):
    text = forged(signing.key, MESSAGE, tags)
    assert judged(text, signing.key) == [True]
    assert signing.arrives(text) == text


def test_names_in_another_case(signing):
    key = signing.key
    key.domain, key.selector = "Example.ORG", "S1"
    text = forged(key, MESSAGE)
    assert signing.arrives(text) == text


@pytest.mark.parametrize("tags, names, limit", [
    (" t=1500000000; x=1600000000;", NAMES, None), (" x=1600000000;", NAMES, None),
    (" x=99999999999;", NAMES, None), (" t=99999999999;", NAMES, None),
    (" l=7;", NAMES, 7), (" l=3;", NAMES, 3), (" l=0;", NAMES, 0), ("", ("Subject",), None),
    ("", ("From", "Subject"), None), (" i=ann@mail.example.org;", NAMES, None),
], ids=["expired", "expired, no t", "x= where none is wanted", "of the future", "l= all", "l= part",
        "l= none", "no From", "fewer names", "another i="])
def test_signatures_that_are_not_enough(signing, tags, names, limit):
    """Each is made by our key, over what it says it is; no receiver has to take it."""
    text = forged(signing.key, MESSAGE, tags, names, limit)
    twice = signing.arrives(text)
    assert twice.endswith(text) and signers(twice) == ["s1", "s1"]
    assert judged(twice, signing.key)[0]


def test_a_good_one_below_many_that_are_not(signing):
    text = sign(signing, MESSAGE)
    bad = forged(signing.key, MESSAGE.replace(b": hi", b": ho")).split(b"\r\n", 1)[0] + b"\r\n"
    assert signing.arrives(10 * bad + text) == 10 * bad + text


def test_another_canonicalization_than_ours(signing):
    """What the signature there is worth is not known without its hash: one more does no harm."""
    once = sign(signing, MESSAGE)
    signing.sections["s1"]["canonicalization"] = "simple/simple"
    server = signing.serve(tls="off", auth="", dkim=signing.sections)
    got = signing.arrives(once, server)
    assert got.endswith(once) and all(judged(got, signing.key))


# --- a From: field that names nobody ---

UNREADABLE = [
    # From: as it came; as it leaves, without the address
    ("X <>", "X "), ("Mail System <>", "Mail System "), ('"Doe, J." <>', '"Doe, J." '),
    ("<>", ""), ("", ""), ("test at example.com (Name)", ""), ("a@", ""), ('"Ann', ""),
    ("undisclosed-recipients:;", ""), ("Ann\n\tand <>", "Ann and "), (2000 * "name " + "<>", ""),
]


@pytest.mark.parametrize("value, name", UNREADABLE)
@pytest.mark.parametrize("mode", ["local", "always"])
@pytest.mark.parametrize("smtp", [False, True], ids=["bm", "bs"])
def test_unreadable(rig, value, name, mode, smtp):
    [key], sections = keyed(rig, "example.org")
    server = rig.serve(tls="off", auth="", dkim=sections,
                       account={"from": NEW, "rewrite_from": mode})
    text = b"From: " + value.encode() + b"\n" + REST
    if smtp:
        with rig.talk() as bs:
            bs.send(text, "www-data")
        [got] = server.messages
    else:
        got = delivered(rig.send("b@example.net", input=text), server)
    assert field(got.data, "From") == f"{name}<{NEW}>"
    if len(value) < 998:
        assert field(got.data, "X-Original-From") == value.replace("\n", "\r\n")
    else:
        assert has(got.data, "X-Original-From")
    assert not has(got.data, "Reply-To")
    assert got.sender.startswith(f"<{NEW}>".encode())
    assert judged(got.data, key) == [True]


@pytest.mark.parametrize("value", [value for value, _ in UNREADABLE])
@pytest.mark.parametrize("account", [{}, {"rewrite_from": "local"}, {"rewrite_from": "always"},
                                     {"from": NEW, "rewrite_from": "never"}],
                         ids=["default", "local", "always", "never"])
def test_unreadable_and_nobody_to_put_there(rig, value, account):
    server = rig.serve(tls="off", auth="", account=account)
    failed(rig.send(*ENVELOPE, input=b"From: " + value.encode() + b"\n" + REST), 65, "From:")
    untouched(server)


def test_unreadable_and_not_ascii(rig):
    server = rig.serve(tls="off", auth="", account={"from": NEW})
    text = "From: Z\u00f6e <>\n".encode() + REST
    got = delivered(rig.send("b@example.net", input=text), server).data
    assert field(got, "From") == f"=?UTF-8?Q?Z=C3=B6e?= <{NEW}>"
    assert "=?" in field(got, "X-Original-From")


# --- the private key ---

def secrets(key):
    """All forms of the key that might show somewhere."""
    yield from key.pem.splitlines()
    if key.kind == "ed25519":
        raw = key.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        yield from (raw, raw.hex().encode(), base64.b64encode(raw))
    else:
        number = key.private.private_numbers().d
        yield from (b"%x" % number, b"%d" % number, number.to_bytes(256, "big"))


RUNS = {
    # arguments; what the server says to the message; the status
    "delivered": (("-v", *ENVELOPE), "250 ok", 0),
    "refused": (("-v", *ENVELOPE), "554 5.6.0 no", 65),
    "later": (("-v", *ENVELOPE), "451 4.3.0 later", 75),
    "check": (("--check",), None, 0),
    "dry run": (("--dry-run", *ENVELOPE), None, 0),
    "sign": (("--sign",), None, 0),
    "check of the record": (("--dkim-check", "--records", "/dev/null"), None, 78),
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_key_is_never_shown(rig, run, kind, form):
    args, reply, status = RUNS[run]
    [key], sections = keyed(rig, "example.org", kind=kind)
    log = rig.program.folder / "log"
    server = rig.serve(settings={"log": "file", "log_file": log, "log_format": form},
                       dkim=sections, steps={"end": reply} if reply else {})
    done = rig.program.run(*args, input=MESSAGE, name="mailchute")
    assert done.status == status, str(done)
    shown = done.stdout + done.stderr + b"".join(m.raw for m in server.messages)
    assert b"example.org" in shown or run == "check"
    if reply:
        assert b"status=%d" % status in log.read_bytes() or form == "json"
        shown += log.read_bytes()
    assert [secret for secret in secrets(key) if secret in shown] == []


@pytest.mark.parametrize("spoil", [
    lambda pem: pem[:-40], lambda pem: pem.replace(b"PRIVATE", b"PUBLIC"),
    lambda pem: pem.replace(b"\nM", b"\nm", 1), lambda pem: pem + 100000 * b"x",
    lambda pem: pem.replace(b"-----BEGIN", b"----BEGIN"),
], ids=["cut", "public", "changed", "large", "dash"])
@pytest.mark.parametrize("args", [ENVELOPE, ("--check",)], ids=["send", "check"])
def test_nor_when_it_cannot_be_read(rig, spoil, args):
    [key], sections = keyed(rig, "example.org")
    rig.program.file("s1.key", spoil(key.pem))
    server = rig.serve(dkim=sections)
    done = rig.program.run(*args, input=MESSAGE, name="mailchute")
    assert done.status == 78 and b"s1.key" in done.stderr, str(done)
    assert [secret for secret in secrets(key) if secret in done.stdout + done.stderr] == []
    untouched(server)
