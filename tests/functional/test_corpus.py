"""Real messages (see corpus.py) through a real Postfix and back, whatever it offers.

They arrive as a reader would show them before (see sameness.py), signed, in short lines and with
nothing beyond ASCII that is not declared; or they are refused, and stand in REFUSED.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import dkim
import pytest

import corpus
import postfix as postfix_server
import sameness
from conftest import PASSWORD, USER
from dkimverify import Key, signatures
from program import Program

pytestmark = postfix_server.needs_root
ADDRESS = "a@example.org"
AT_ONCE = 4

# Those that cannot be sent, however they are written: words of the refusal.
REFUSED = {
    # octets beyond ASCII in a local part that are no UTF-8: not even SMTPUTF8 carries them
    "dkim/rfc6376.w1258.msg": "local part",
    # a paragraph as one line within multipart/signed, where nothing may be changed
    "careless/jwz/1219": "it is signed",
    "hyperkitty/unicode_issue.txt": "NUL byte",
}


@pytest.fixture(scope="module")
def messages():
    return corpus.messages()


@dataclass
class Offer:
    """A Postfix that offers 8BITMIME and SMTPUTF8, or does not; a program that sends to it."""
    eight_bit: bool
    utf8: bool
    server: postfix_server.Postfix
    program: Program
    key: Key

    def submit(self, number, message):
        """The number comes back with the recipient."""
        local, _, domain = self.server.recipient.partition("@")
        return self.program.run("-i", "-f", ADDRESS, f"{local}+{number}@{domain}", input=message)

    def arrived(self, count):
        """All that was delivered: {number: bytes}."""
        mail, found = self.server.folder / "mail", {}
        self.server.wait_for(lambda: len(list(mail.glob("*.eml"))) >= count,
                             "not all messages were delivered")
        for path in mail.glob("*.eml"):
            envelope = path.with_suffix(".envelope")
            number = envelope.read_text().split("+")[-1].split("@")[0]
            found[int(number)] = path.read_bytes()
            path.unlink()
        return found


def combination(eight_bit, utf8):
    name = f"{'8bitmime' if eight_bit else '7bit'}-{'smtputf8' if utf8 else 'ascii'}"
    return pytest.param((eight_bit, utf8), id=name, marks=pytest.mark.xdist_group(name))


@pytest.fixture(scope="module", params=[combination(e, u) for e in (True, False)
                                        for u in (True, False)])
def offer(request, tmp_path_factory, binary, certificates):
    eight_bit, utf8 = request.param
    settings = {"recipient_delimiter": "+", "in_flow_delay": "0",
                "smtputf8_enable": "yes" if utf8 else "no",
                "smtpd_discard_ehlo_keywords": "" if eight_bit else "8bitmime"}
    key = Key("example.org", "s1", "ed25519")
    program = Program(tmp_path_factory.mktemp("corpus"), binary)
    with postfix_server.Postfix(certificates.good, USER, PASSWORD, settings) as server:
        program.configure(
            settings={"hostname": "client.example.org", "log": "off",
                      "domain": sameness.UNQUALIFIED},
            accounts={"default": {
                "host": "localhost", "port": server.submission, "tls_ca_file": certificates.ca,
                "user": f"{USER}@example.test", "password": PASSWORD, "from": ADDRESS,
                "rewrite_from": "always"}},
            dkim={"example.org": {"selector": key.selector,
                                  "key_file": program.file("s1.key", key.pem)}})
        yield Offer(eight_bit, utf8, server, program, key)


def is_signed(message, key):
    """Ours is in front of those the message came with, and good."""
    found = [tags["s"] for tags in signatures(message)]
    if found[:1] != [key.selector] or found.count(key.selector) > 1:
        return False
    try:
        return dkim.DKIM(message).verify(idx=0, dnsfunc=lambda *_, **__: key.record.encode())
    except dkim.DKIMException:
        return False


def judge(name, message, done, delivered, offer):
    """What is wrong: sentences."""
    words = REFUSED.get(name, REFUSED.get(name.removeprefix(corpus.CARELESS + "/")))
    if words is not None:
        refused = done.status == 65 and words in done.stderr.decode()
        return [] if refused else [f"not refused with {words!r}: {done}"]
    if done.status:
        return [f"refused: {done}"]
    arrived = postfix_server.without_received(delivered)
    found = sameness.differences(message, arrived, offer.eight_bit)
    found += sameness.faults(arrived, offer.eight_bit, offer.utf8)
    return found if is_signed(arrived, offer.key) else [*found, "the signature does not verify"]


@pytest.mark.parametrize("group", corpus.GROUPS)
def test_arrives_as_it_was(offer, messages, group):
    sent = messages[group]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = list(pool.map(offer.submit, range(len(sent)), sent.values()))
    arrived = offer.arrived(sum(run.status == 0 for run in runs))
    bad = [f"{name}: {wrong}" for number, (name, message) in enumerate(sent.items())
           for wrong in judge(name, message, runs[number], arrived.get(number), offer)]
    if bad:
        pytest.fail("\n".join([f"{len(bad)} faults", *bad]), pytrace=False)
    assert os.listdir(offer.program.tmp) == []


def test_several_hundred(messages):
    assert sum(len(group) for name, group in messages.items() if name != corpus.CARELESS) > 400


def test_refused_ones_are_there(messages):
    assert set(REFUSED) <= {name for group in messages.values() for name in group}
