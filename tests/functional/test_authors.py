"""Who a message is from, where its From: field is not as it should be."""

import pytest

from expect import field, wire
from dkimverify import Key

TO = ("b@example.net",)


def shown(rig, header, *args):
    """The message as --dry-run shows it, and its reverse-path."""
    rig.program.configure(settings={"hostname": "inside.example.net", "log": "off"},
                          accounts={"a": {"host": "localhost", "tls": "off"}},
                          dkim=rig.dkim)
    done = rig.program.run("--dry-run", *args, *TO, name="mailchute", input=header + b"\n\nhi\n")
    assert (done.status, done.stderr) == (0, b""), str(done)
    envelope, message = done.stdout.split(b"\n\n", 1)
    sender = [line for line in envelope.split(b"\n") if line.startswith(b"Sender: ")][0]
    return sender.removeprefix(b"Sender: "), message


@pytest.fixture
def signing(rig):
    key = Key("example.org", "s1")
    rig.dkim = {"example.org": {"selector": "s1", "key_file": rig.program.file("key", key.pem)}}
    return rig


@pytest.mark.parametrize("header", [
    b"From: Doe, John <john@example.org>",
    b"From: Doe, John, john@example.org",
    b"From : john@example.org",
    b"From :john@example.org\nSubject: x",
    b"from\t: <john@EXAMPLE.org>",
])
def test_the_mailbox_with_a_domain_is_the_author(signing, header):
    """A comma in an unquoted name is a common mistake; white space before a colon is legal."""
    sender, message = shown(signing, header)
    assert sender.lower() == b"<john@example.org>"
    assert b"d=example.org" in message.split(b"\r\n\r\n")[0]
    assert field(message, "Message-ID").lower().endswith("@example.org>")


@pytest.mark.parametrize("args", [("-f", "<>"), ("-f", "daemon")])
def test_message_id_shows_no_name_of_the_inside(signing, args):
    _, message = shown(signing, b"From: a@example.org", *args)
    assert field(message, "Message-ID").endswith("@example.org>")
