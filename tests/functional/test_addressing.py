"""Who gets the message, who is its sender, and which account takes it."""

import os
import pwd

import pytest

from expect import HEADER, MESSAGE, delivered, failed, has, silent, untouched, wire
from smtpscript import Script

REST = b"From: a@example.org\nSubject: hi\n"
LOGIN = pwd.getpwuid(os.geteuid()).pw_name
DOMAIN = {"domain": "example.com"}


def recipients(message):
    return [r.decode() for r in message.recipients]


@pytest.mark.parametrize("header, args, expected", [
    ("To: b@example.net", (), ["b@example.net"]),
    ("To: b@example.net\nCc: c@example.net\nBcc: d@example.net", (),
     ["b@example.net", "c@example.net", "d@example.net"]),
    ("To: b@example.net, c@example.net ,d@example.net", (),
     ["b@example.net", "c@example.net", "d@example.net"]),
    ("To: b@example.net\nTo: c@example.net", (), ["b@example.net", "c@example.net"]),
    ("TO : b@example.net", (), ["b@example.net"]),
    ("bcc\t:\n b@example.net", (), ["b@example.net"]),
    ("To: Bob <b@example.net>", (), ["b@example.net"]),
    ("To: \"Bob, the <x@y>\" <b@example.net>", (), ["b@example.net"]),
    ("To: \"a \\\" quote\" <b@example.net>, c@example.net", (),
     ["b@example.net", "c@example.net"]),
    ("To: Bob Q. Public <b@example.net>", (), ["b@example.net"]),
    ("To: =?utf-8?q?Z=C3=B6e=2C_x?= <b@example.net>", (), ["b@example.net"]),
    ("To: Z\u00f6e <b@example.net>", (), ["b@example.net"]),
    ("To: b@example.net (Bob (the (inner) one), with c@example.net)", (), ["b@example.net"]),
    ("To: b(one)@(two)example(three).net", (), ["b@example.net"]),
    ("To: friends: b@example.net, C <c@example.net>;, d@example.net", (),
     ["b@example.net", "c@example.net", "d@example.net"]),
    ("To: undisclosed-recipients:;\nBcc: b@example.net", (), ["b@example.net"]),
    ("To: Bob\n <b@example.net>,\n\tc@example.net", (), ["b@example.net", "c@example.net"]),
    ("To: ,, b@example.net,,c@example.net,", (), ["b@example.net", "c@example.net"]),
    ("To: <@relay.example,@other.example:b@example.net>", (), ["b@example.net"]),
    ("To: \"john doe\"@example.net", (), ["\"john doe\"@example.net"]),
    ("To: \"john\"@example.net", (), ["john@example.net"]),
    ("To: b@[192.0.2.1]", (), ["b@[192.0.2.1]"]),
    ("To: b . c @ example . net", (), ["b.c@example.net"]),
    ("To: b+tag=x/y!z%q@example.net", (), ["b+tag=x/y!z%q@example.net"]),
    ("To: root", (), ["root@example.com"]),
    ("To: root, Bob <bob>", (), ["root@example.com", "bob@example.com"]),
    ("To: b@example.net\nCc: b@example.net", (), ["b@example.net"]),
    ("To: b@example.net, b@EXAMPLE.net", (), ["b@example.net"]),
    ("To: b@example.net", ("b@example.net", "c@example.net"), ["b@example.net", "c@example.net"]),
    ("To: b@example.net\nResent-To: r@example.net", (), ["r@example.net"]),
    ("To: b@example.net\nResent-Cc: r@example.net\nResent-Bcc: s@example.net", (),
     ["r@example.net", "s@example.net"]),
    # of several Resent blocks the first, whose end is another field or a name that comes again
    ("Resent-From: m@example.org\nResent-To: r@example.net\nResent-Bcc: s@example.net\n"
     "Resent-From: old@example.org\nResent-To: old@example.net\nResent-Bcc: old2@example.net\n"
     "To: b@example.net", (), ["r@example.net", "s@example.net"]),
    ("Resent-To: r@example.net\nReceived: from x by y\nResent-To: old@example.net\n"
     "Resent-Cc: old2@example.net\nBcc: b@example.net", (), ["r@example.net"]),
    ("To: b@example.net\nResent-Reply-To: x@example.net\nResent-Comments: why\n"
     "Resent-To: r@example.net, bob", (), ["r@example.net", "bob@example.com"]),
    ("X-To: x@example.net\nTo: b@example.net", (), ["b@example.net"]),
    ("Subject: none", ("b@example.net",), ["b@example.net"]),
])
def test_recipients_from_the_header(rig, header, args, expected):
    server = rig.serve(settings=DOMAIN)
    text = header.encode() + b"\n" + REST + b"\nhello\n"
    message = delivered(rig.send("-t", *args, input=text), server)
    assert sorted(recipients(message)) == sorted(expected)
    assert not has(message.data, "Bcc") and not has(message.data, "Resent-Bcc")


@pytest.mark.parametrize("args, expected", [
    (("b@example.net",), ["b@example.net"]),
    (("b@example.net", "c@example.net"), ["b@example.net", "c@example.net"]),
    (("b@example.net, c@example.net,d@example.net",),
     ["b@example.net", "c@example.net", "d@example.net"]),
    (("Bob <b@example.net>", "\"C, D\" <c@example.net>"), ["b@example.net", "c@example.net"]),
    (("b@example.net", "b@example.net", "b@example.net,b@example.net"), ["b@example.net"]),
    (("root",), ["root@example.com"]),
    (("--", "-odd@example.net"), ["-odd@example.net"]),
    (("b@example.net", "-i", "c@example.net"), ["b@example.net", "c@example.net"]),
])
def test_recipients_from_arguments(rig, args, expected):
    server = rig.serve(settings=DOMAIN)
    message = delivered(rig.send("-f", "a@example.org", *args, input=MESSAGE), server)
    assert recipients(message) == expected
    assert message.data == wire(MESSAGE)


def test_arguments_alone_without_t(rig):
    server = rig.serve()
    text = b"To: x@example.net\nBcc: y@example.net\nResent-To: z@example.net\n\nhello\n"
    message = delivered(rig.send("-f", "a@example.org", "b@example.net", input=text), server)
    assert recipients(message) == ["b@example.net"]


@pytest.mark.parametrize("args, text", [
    ((), MESSAGE),
    (("-f", "a@example.org"), MESSAGE),
    (("-t",), b"Subject: nobody\n\nhello\n"),
    (("-t",), b"To: undisclosed-recipients:;\n\nhello\n"),
    (("-t",), b"To:\nCc: \n\nhello\n"),
    (("-t",), b"Resent-From: x@example.org\nTo: b@example.net\n\nhello\n"),
    (("--",), MESSAGE),
])
def test_no_recipients(rig, args, text):
    server = rig.serve()
    failed(rig.program.run(*args, input=text), 64)
    untouched(server)


BAD = ["a@", "@example.net", "a b@example.net", "a@b@example.net", "<b@example.net",
       "b@example.net>", "\"b@example.net", "(b@example.net", "b@exa mple.net", "b@example..net",
       "b@[192.0.2.1", 65 * "x" + "@example.net", "b@" + 64 * "x" + ".net",
       "b@" + 130 * "x." + "net", "b\u0085@example.net", "\"\u00e4\u009b\"@example.net"]
SMUGGLED = ["b@example.net>\r\nRCPT TO:<x@example.net", "b@example.net\nx@example.net",
            "b@example.net\r", "b@example.net\n", "\"b\r\n\"@example.net", "b\t@example.net\x0b",
            "b\x01@example.net", "b\x7f@example.net", "\"b\x1b\"@example.net",
            "\"b\\\x01\"@example.net", "Bob\x07 <b@example.net>", "\udce4@example.net"]


@pytest.mark.parametrize("where", ["-f", "-r", "recipient"])
@pytest.mark.parametrize("address", BAD + SMUGGLED, ids=repr)
def test_bad_addresses_on_the_command_line(rig, address, where):
    server = rig.serve()
    args = (address,) if where == "recipient" else (where, address, "b@example.net")
    failed(rig.program.run(*args, input=MESSAGE), 65)
    untouched(server)


@pytest.mark.parametrize("address", BAD + ["b\x01@example.net", "\"b\x1b\"@example.net",
                                           "\"b\x7f\"@example.net"], ids=repr)
def test_bad_addresses_in_the_header(rig, address):
    server = rig.serve()
    failed(rig.send("-t", input=b"To: " + address.encode() + b"\n" + REST + b"\nhello\n"), 65)
    untouched(server)


@pytest.mark.parametrize("args", [("-F", "Ann\r\nBcc: x@example.net"), ("-F", "Ann\x01"),
                                  ("-F", "Ann\n")])
def test_control_characters_in_names(rig, args):
    server = rig.serve()
    failed(rig.program.run(*args, "b@example.net", input=b"Subject: hi\n\nhello\n"), 65)
    untouched(server)


@pytest.mark.parametrize("args, header, account, expected", [
    (("-f", "x@example.com"), b"From: y@example.com", {}, "x@example.com"),
    (("-fx@example.com",), b"", {}, "x@example.com"),
    (("-r", "x@example.com"), b"", {}, "x@example.com"),
    (("-f", "x@example.com", "-r", "y@example.com"), b"", {}, "y@example.com"),
    (("-r", "x@example.com", "-f", "y@example.com"), b"", {}, "y@example.com"),
    (("-f", "X <x@example.com>"), b"", {}, "x@example.com"),
    (("-f", "fail2ban"), b"", {}, "fail2ban@example.com"),
    (("-f", "x@example.com"), b"", {"from": "acc@example.com"}, "x@example.com"),
    ((), b"From: Y <y@example.com>", {}, "y@example.com"),
    ((), b"From: y@example.com, z@example.com", {}, "y@example.com"),
    ((), b"From: Y <y@example.com>", {"from": "acc@example.com"}, "y@example.com"),
    ((), b"Subject: nobody", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"Subject: nobody", {"from": "acc@b\u00fccher.example"}, "acc@xn--bcher-kva.example"),
    ((), b"From: root", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"From: \"(Cron Daemon)\" <root>", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"From: root@host", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"From: root@localhost", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"From: root@client.example.org", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"From: root@CLIENT.example.org", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"From: root@pi.local", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"From: root@box.lan", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"From: root@a.internal", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"From: root@x.localdomain", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"From: root@x.home.arpa", {"from": "acc@example.com"}, "acc@example.com"),
    ((), b"From: root@notlocal.example.com", {"from": "acc@example.com"},
     "root@notlocal.example.com"),
    ((), b"From: root", {}, LOGIN + "@example.com"),
    # who resends a message answers for it, not who wrote it
    ((), b"Resent-From: R <r@example.com>\nFrom: y@example.org", {"from": "acc@example.com"},
     "r@example.com"),
    ((), b"From: y@example.org\nResent-To: t@example.net\nResent-From: R <r@example.com>",
     {"from": "acc@example.com"}, "r@example.com"),
    ((), b"Resent-From: r@example.com\nResent-From: old@example.org\nFrom: y@example.org", {},
     "r@example.com"),
    ((), b"Resent-To: t@example.net\nFrom: y@example.org", {"from": "acc@example.com"},
     "acc@example.com"),
    ((), b"Resent-To: t@example.net\nReceived: x\nResent-From: old@example.org\n"
         b"From: y@example.org", {}, LOGIN + "@example.com"),
    ((), b"Resent-From: root\nFrom: y@example.org", {"from": "acc@example.com"},
     "acc@example.com"),
    (("-f", "x@example.com"), b"Resent-From: r@example.com\nFrom: y@example.org", {},
     "x@example.com"),
    ((), b"Subject: nobody", {}, LOGIN + "@example.com"),
])
def test_sender(rig, args, header, account, expected):
    server = rig.serve(settings=DOMAIN, account=account)
    text = header + b"\n" * bool(header) + b"Subject: hi\n\nhello\n"
    message = delivered(rig.send(*args, "b@example.net", input=text), server)
    assert message.sender.decode().split(" ")[0] == f"<{expected}>"


ACCOUNTS = {"work": {"senders": ["*@work.example"], "from": "me@work.example"},
            "home": {"senders": ["*@home.example", "alias@work.example"]},
            "default": {}}


@pytest.mark.parametrize("args, header, settings, without, expected", [
    (("-f", "a@work.example"), b"", {}, (), "work"),
    (("-f", "a@home.example"), b"", {}, (), "home"),
    (("-f", "A@HOME.example"), b"", {}, (), "home"),
    (("-r", "a@home.example"), b"", {}, (), "home"),
    (("-f", "alias@work.example"), b"", {}, (), "work"),
    ((), b"From: A <a@home.example>", {}, (), "home"),
    ((), b"Resent-From: a@work.example\nFrom: A <a@home.example>", {}, (), "work"),
    ((), b"Resent-To: b@example.net\nFrom: A <a@home.example>", {}, (), "default"),
    (("-f", "a@work.example"), b"From: A <a@home.example>", {}, (), "work"),
    (("-f", "a@other.example"), b"From: A <a@home.example>", {}, (), "home"),
    (("-f", "a@other.example"), b"From: a@other.example", {}, (), "default"),
    (("-f", "a@other.example"), b"", {"default_account": "home"}, (), "home"),
    (("-f", "a@work.example"), b"", {"default_account": "home"}, (), "work"),
    (("-f", "a@other.example"), b"", {}, ("default", "home"), "work"),
    (("-f", "<>"), b"", {}, (), "default"),
    (("-f", "<>"), b"From: a@home.example", {}, (), "home"),
    (("-f", "a@other.example"), b"", {}, ("default",), None),
])
def test_account(rig, args, header, settings, without, expected):
    chosen = {name: s for name, s in ACCOUNTS.items() if name not in without}
    servers = {name: rig.server() for name in chosen}
    rig.program.configure(
        settings={"hostname": "client.example.org", "log": "off", **settings},
        accounts={name: rig.account(servers[name], **s) for name, s in chosen.items()})
    text = header + b"\n" * bool(header) + b"Subject: hi\n\nhello\n"
    done = rig.send(*args, "b@example.net", input=text)
    if expected is None:
        failed(done, 78)
    else:
        silent(done)
    assert [n for n, s in servers.items() if s.messages] == ([expected] if expected else [])


def test_account_option(rig):
    servers = {name: rig.server() for name in ACCOUNTS}
    rig.program.configure(
        settings={"hostname": "client.example.org", "log": "off"},
        accounts={name: rig.account(servers[name], **s) for name, s in ACCOUNTS.items()})
    silent(rig.send("--account", "home", "-f", "a@work.example", "b@example.net",
                    name="mailchute"))
    assert [n for n, s in servers.items() if s.messages] == ["home"]
    failed(rig.send("--account", "nosuch", "b@example.net", name="mailchute"), 78, "nosuch",
           program="mailchute")


def test_sender_of_the_account_that_was_chosen(rig):
    server = rig.server(Script())
    rig.program.configure(settings={"hostname": "client.example.org", "log": "off"},
                          accounts={"only": rig.account(server, **{"from": "me@work.example"})})
    message = delivered(rig.send("b@example.net", input=b"From: root\n\nhello\n"), server)
    assert message.sender.startswith(b"<me@work.example>")


def test_domain_defaults_to_the_host_name(rig):
    server = rig.serve()
    message = delivered(rig.send("-f", "cron", "root", input=HEADER + b"\n"), server)
    assert message.sender.startswith(b"<cron@client.example.org>")
    assert message.recipients == [b"root@client.example.org"]
