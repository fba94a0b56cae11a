"""/etc/aliases and what is done with it: on the way to a smart host, in newaliases, in -bv."""

import os
import shutil

import pytest

from dkimverify import Key
from expect import MESSAGE, delivered, failed, silent, untouched
from postfix import needs_root

ALIASES = """\
# who reads what
root: ann@example.org
postmaster:   Root
team: ann@example.org, Bob B. <bob@example.net>,
\tcarol, "two words"@example.net
# a comment between
 , dave@example.net
"Mail er": \\postmaster
self: self, copy@example.net
list: :include:{folder}/list
owner-list: boss@example.org
nested: list, :include:{folder}/nested
far: root@elsewhere.example
near: root@web1.lan
"""
LIST = "# included\nann@example.org, eve@example.net\n\nroot\n"
NESTED = "team\n:include:{folder}/list\n"
DOMAIN = "client.example.org"


@pytest.fixture
def place(rig):
    """Writes the alias files; the settings that go with them."""
    def write(text=ALIASES, **files):
        for name, content in {"aliases": text, "list": LIST, "nested": NESTED, **files}.items():
            rig.program.file(name, content.replace("{folder}", str(rig.program.folder)), 0o644)
        return {"aliases": rig.program.folder / "aliases",
                "local_domains": ["localhost", "Web1.lan"]}
    return write


def told(server):
    return [r.decode() for m in server.messages for r in m.recipients]


ANN, BOB, CAROL, DAVE = ("ann@example.org", "bob@example.net", f"carol@{DOMAIN}",
                         "dave@example.net")
TEAM = [ANN, BOB, CAROL, '"two words"@example.net', DAVE]
ROUTES = [
    (["root"], [ANN]), (["ROOT"], [ANN]), (["postmaster"], [ANN]), (["nobody"], [f"nobody@{DOMAIN}"]),
    (["team"], TEAM), (["team", "root", "ann@EXAMPLE.org"], TEAM), (["root,team"], TEAM),
    (['"Mail er"'], [f"postmaster@{DOMAIN}"]), (["self"], [f"self@{DOMAIN}", "copy@example.net"]),
    (["list"], [ANN, "eve@example.net"]), (["owner-list"], ["boss@example.org"]),
    (["nested"], [ANN, "eve@example.net"] + TEAM[1:]), (["far"], ["root@elsewhere.example"]),
    (["near"], [ANN]), (["root@localhost"], [ANN]), (["root@WEB1.LAN"], [ANN]),
    (["Root <root@web1.lan>"], [ANN]), ([f"root@{DOMAIN}"], [f"root@{DOMAIN}"]),
    (["root@example.net"], ["root@example.net"]), (["root+cron"], [ANN]),
    (["\\root"], [f"root@{DOMAIN}"]), (["-n", "root", "team"], [f"root@{DOMAIN}", f"team@{DOMAIN}"]),
    (["root", "-n"], [f"root@{DOMAIN}"]),
]


@pytest.mark.parametrize("args, recipients", ROUTES, ids=str)
def test_recipients(rig, place, args, recipients):
    server = rig.serve(settings=place())
    delivered(rig.send("-f", "a@example.org", *args, input=MESSAGE), server)
    assert told(server) == recipients


@pytest.mark.parametrize("header, recipients", [
    ("To: root", [ANN]), ("To: root (x), team\nCc: ann@example.org", TEAM),
    ("Bcc: root@localhost", [ANN]), ("Resent-To: root\nTo: team", [ANN]),
    ("To: us: root, carol;", [ANN, CAROL]),
])
def test_recipients_of_the_header(rig, place, header, recipients):
    server = rig.serve(settings=place())
    text = b"From: a@example.org\n" + header.encode() + b"\nSubject: x\n\nhello\n"
    message = delivered(rig.send("-t", "-f", "a@example.org", input=text), server)
    assert told(server) == recipients
    assert b"ann@example.org" not in message.data or "ann@" in header


def test_catch_all(rig, place):
    server = rig.serve(settings=place("*: all@example.org\nroot: ann@example.org\nkept: \\kept\n"))
    silent(rig.send("-f", "a@example.org", "x", "y@localhost", "root", "kept", "z@example.net"))
    assert told(server) == ["all@example.org", ANN, f"kept@{DOMAIN}", "z@example.net"]


WRONG = [
    ("a: b\nb: c\nc: x@example.net, a\n", "a", 78, "loop|back to itself"),
    ("a: :include:{folder}/again\n", "a", 78, "aliases:1"),
    ("x: y\na: |/bin/cat\n", "a", 78, "aliases:2"),
    ('a: "|/usr/bin/vacation ann"\n', "a", 78, "program"),
    ("a: /var/mail/ann\n", "a", 78, "file"),
    ("a: b\nb: |/bin/cat\n", "a", 78, "aliases:2"),
    ("a: b@\n", "a", 78, "aliases:1"),
    ("a: <>\n", "a", 78, "aliases:1"),
    ("a: :include:/nosuch/list\n", "a", 78, "/nosuch/list"),
    ("a: :include:{folder}/open\n", "a", 77, "chmod go-w"),
    ("a: :include:{folder}\n", "a", 78, "{folder}"),
    ("ok: x\nroot ann\n", "ok", 78, "aliases:2"),
]


@pytest.mark.parametrize("text, recipient, status, words", WRONG, ids=lambda v: repr(v)[:40])
def test_aliases_that_are_wrong(rig, place, text, recipient, status, words):
    """Nothing is sent to anybody: who should have got it cannot be known."""
    server = rig.serve(settings=place(text, again=":include:{folder}/again\n", open="x@y\n"))
    (rig.program.folder / "open").chmod(0o666)
    done = rig.send("-f", "a@example.org", "b@example.net", recipient)
    failed(done, status)
    assert any(w.format(folder=rig.program.folder) in done.stderr.decode()
               for w in words.split("|")), str(done)
    untouched(server)


@needs_root     # nobody else can give a file away
def test_an_included_file_of_a_stranger(rig, place):
    rig.serve(settings=place("a: :include:{folder}/list\n"))
    shutil.chown(rig.program.folder / "list", "nobody")
    failed(rig.send("-f", "a@example.org", "a"), 77, "list")


def test_a_broken_file_is_nothing_to_other_addresses(rig, place):
    server = rig.serve(settings=place("nonsense\n"))
    delivered(rig.send("-f", "a@example.org", "b@example.net"), server)


def test_a_configured_file_that_is_not_there(rig):
    server = rig.serve(settings={"aliases": "/nosuch/aliases"})
    failed(rig.send("-f", "a@example.org", "root"), 78, "/nosuch/aliases")
    untouched(server)


# newaliases

@pytest.mark.parametrize("name, args", [("newaliases", ()), ("sendmail", ("-bi",)),
                                        ("sendmail", ("-I",)), ("mailchute", ("-bi",)),
                                        ("newaliases", ("-v", "-oA/etc/aliases"))])
def test_newaliases(rig, place, name, args):
    server = rig.serve(settings=place())
    before = sorted(p.name for p in rig.program.folder.iterdir())
    done = rig.program.run(*args, name=name)
    assert (done.status, done.stderr) == (0, b""), str(done)
    assert done.stdout == b"%s/aliases: 10 aliases\n" % os.fsencode(rig.program.folder)
    untouched(server)
    assert sorted(p.name for p in rig.program.folder.iterdir()) == before


@pytest.mark.parametrize("text, lines", [
    ("root ann\n", ["aliases:1"]),
    ("ok: x\na:\n", ["aliases:2"]),
    ("a: x\n\nb: y\na: z\n", ["aliases:4"]),
    ("a: |/bin/cat\nok: x@y.z\nb: /dev/null\nc: \\x, d@\nloop: loop2\nloop2: loop\n",
     ["aliases:1", "aliases:3", "aliases:4", "aliases:", "aliases:"]),
    ("a: :include:/nosuch\n", ["/nosuch"]),
])
def test_newaliases_tells_each_error(rig, place, text, lines):
    rig.serve(settings=place(text))
    done = rig.program.run(name="newaliases")
    failed(done, 78, lines=len(lines), program="newaliases")
    for words in lines:
        assert words in done.stderr.decode()


def test_newaliases_without_a_file(rig):
    rig.serve(settings={"aliases": "/nosuch/aliases"})
    failed(rig.program.run(name="newaliases"), 78, "/nosuch/aliases", program="newaliases")


# -bv

def verify(rig, *args):
    done = rig.program.run("-bv", *args)
    assert (done.status, done.stderr) == (0, b""), str(done)
    return done.stdout.decode().splitlines()


def test_bv_tells_each_step(rig, place):
    key = Key("example.org", "s1")
    path = rig.program.file("s1.key", key.pem)
    server = rig.serve(settings=place(), dkim={"example.org": {"selector": "s1", "key_file": path}})
    lines = verify(rig, "-f", "me@example.org", "postmaster", "b@example.net", "list")
    assert [line.split(":")[0] for line in lines] == [
        "postmaster", "  Root", "    ann@example.org", "b@example.net", "list",
        f"  {rig.program.folder}/list", "    ann@example.org", "    eve@example.net", "    root",
        "      ann@example.org"]
    assert f"{rig.program.folder}/aliases:3" in lines[0]
    for line in (lines[2], lines[3]):
        for words in ("account default", "localhost", str(server.port), "<me@example.org>",
                      "s1._domainkey.example.org"):
            assert words in line
    untouched(server)


@pytest.mark.parametrize("text, last", [
    ("*: admin\nadmin: bob\n", "bob"), ("*: root\nroot: bob\n", "bob"), ("*: x@y.org\n", "x"),
])
def test_the_catch_all_in_front_of_others(rig, place, text, last):
    """A name that only the catch-all fits, and that it led to, is at its end: no loop."""
    server = rig.serve(settings=place(text))
    message = delivered(rig.send("-f", "a@example.org", "anybody", input=MESSAGE), server)
    assert [r.split(b"@")[0] for r in message.recipients] == [last.encode()]


def test_bv_without_a_key(rig, place):
    rig.serve(settings=place())
    [line] = verify(rig, "-f", "me@example.org", "b@example.net")
    assert "not signed" in line and "example.org" in line


def test_bv_reads_no_message(rig, place):
    server = rig.serve(settings=place())
    process = rig.program.start("-bv", "root")
    assert process.wait(60) == 0        # stdin is still open
    rig.program.finish(process)
    untouched(server)


@pytest.mark.parametrize("args, status, words", [
    ((), 64, "recipient"), (("loop",), 78, "itself"), (("pipe",), 78, "program"),
    (("a@",), 78, "a@"), (("-f", "x@", "root"), 65, "x@"),
])
def test_bv_tells_what_is_wrong(rig, place, args, status, words):
    rig.serve(settings=place("loop: loop2\nloop2: loop\npipe: |/bin/cat\n"))
    done = rig.program.run("-bv", *args)
    assert done.status == status and words in done.stderr.decode(), str(done)
    assert len(done.lines) == 1


def test_bv_chooses_the_account(rig, place):
    one, two = rig.server(), rig.server()
    rig.program.configure(settings={"hostname": DOMAIN, "log": "off"}, accounts={
        "default": rig.account(one), "work": rig.account(two, senders=["*@work.example.org"])})
    assert f"host localhost:{one.port}," in verify(rig, "-f", "a@example.org", "b@example.net")[0]
    assert f"host localhost:{two.port}," in verify(rig, "-f", "a@work.example.org", "b@example.net")[0]
