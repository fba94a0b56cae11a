"""discard and divert_to: an account that sends nothing, or everything to somebody else."""

import pytest

import dkimverify
from dkimverify import Key
from expect import ENVELOPE, MESSAGE, delivered, failed, field, has, silent, untouched, wire

CATCHERS = ["one@example.com", "two@example.com"]


@pytest.mark.parametrize("smtp", [False, True], ids=["bm", "bs"])
def test_discard(rig, smtp):
    log = rig.program.folder / "log"
    server = rig.serve(settings={"log": "file", "log_file": log}, account={"discard": "on"})
    if smtp:
        with rig.talk() as bs:
            bs.send(MESSAGE)
            assert bs.send(MESSAGE).code == 250
    else:
        silent(rig.send(*ENVELOPE, input=MESSAGE))
    untouched(server)
    lines = log.read_text().splitlines()
    assert len(lines) == (2 if smtp else 1)
    assert all("a@example.org" in line and "b@example.net" in line for line in lines)


@pytest.mark.parametrize("args, text, status", [
    (("-f", "a@example.org", "b@"), MESSAGE, 65), (("-f", "a@example.org"), MESSAGE, 64),
    (ENVELOPE, b"", 66), (ENVELOPE, b"Subject: a\0b\n\nx\n", 65),
])
def test_what_is_discarded_has_to_be_mail(rig, args, text, status):
    server = rig.serve(account={"discard": "on"})
    failed(rig.send(*args, input=text), status)
    untouched(server)


def test_discard_needs_no_host_that_answers(rig):
    server = rig.serve(account={"discard": "on"})
    server.stop()
    silent(rig.send(*ENVELOPE, input=MESSAGE))
    with rig.talk() as bs:
        bs.send(MESSAGE)


def test_divert(rig):
    server = rig.serve(account={"divert_to": CATCHERS})
    message = delivered(rig.send(*ENVELOPE, "c@example.net", "d@example.net", input=MESSAGE),
                        server)
    assert [r.decode() for r in message.recipients] == CATCHERS
    original = field(message.data, "X-Original-To").replace("\r\n", "")
    assert [a.strip() for a in original.split(",")] == ["b@example.net", "c@example.net",
                                                       "d@example.net"]
    assert wire(MESSAGE).split(b"\r\n\r\n")[0] in message.data


def test_divert_through_bs(rig):
    server = rig.serve(account={"divert_to": CATCHERS})
    with rig.talk() as bs:
        bs.send(MESSAGE, recipients=["b@example.net", "c@example.net"])
        bs.send(MESSAGE, recipients=["d@example.net"])
    for message in server.messages:
        assert [r.decode() for r in message.recipients] == CATCHERS
    assert [field(m.data, "X-Original-To").replace("\r\n", "") for m in server.messages] == [
        "b@example.net, c@example.net", "d@example.net"]
    assert len(server.connections) == 1


def test_divert_when_the_catcher_is_refused(rig):
    server = rig.serve(account={"divert_to": ["one@example.com"]},
                       steps={"rcpt": "550 5.1.1 no such catcher"})
    failed(rig.send(*ENVELOPE, input=MESSAGE), 67, "no such catcher")
    with rig.talk() as bs:
        bs.say("MAIL FROM:<a@example.org>", 250)
        bs.say("RCPT TO:<b@example.net>", 550, "no such catcher")
        bs.say("DATA", 554)
    assert server.messages == []


def test_diverted_mail_goes_to_nobody_of_its_header(rig):
    rig.program.file("aliases", "root: ann@example.org\n")
    server = rig.serve(settings={"aliases": rig.program.folder / "aliases"},
                       account={"divert_to": ["one@example.com"]})
    text = b"Bcc: secret@example.net\nCc: root\n" + MESSAGE
    message = delivered(rig.send("-t", "-f", "a@example.org", input=text), server)
    assert message.recipients == [b"one@example.com"]
    assert not has(message.data, "Bcc")
    original = field(message.data, "X-Original-To")
    assert "ann@example.org" in original and "b@example.net" in original


def test_diverted_mail_is_signed_with_what_was_added(rig):
    key = Key("example.org", "s1")
    path = rig.program.file("s1.key", key.pem)
    server = rig.serve(dkim={"example.org": {"selector": "s1", "key_file": path}},
                       account={"divert_to": ["one@example.com"]})
    message = delivered(rig.send(*ENVELOPE, input=MESSAGE), server)
    assert dkimverify.dkimpy(message.data, key)


def test_many_originals(rig):
    server = rig.serve(account={"divert_to": ["one@example.com"]})
    many = [f"recipient{n}@example.net" for n in range(9000)]
    for start in range(0, len(many), 3000):
        message = delivered(rig.send("-f", "a@example.org", ",".join(many[start:start + 3000]),
                                     input=MESSAGE), server)
        lines = message.data.split(b"\r\n")
        assert max(len(line) for line in lines) <= 998
        assert b"recipient%d@" % start in message.data
        break
