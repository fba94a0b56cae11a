"""Random and hostile messages, each with eight signatures, judged by all verifiers there are.

$DKIM_MESSAGES is their number. For each number that has a table in dkim-crosscheck.txt a run has to
come to the same; its own table is shown at its end.
"""

import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import messages
from dkimverify import Key
from verifiers import DOMAIN, VERIFIERS, Signed, available, departure, judge

NUMBER = int(os.environ.get("DKIM_MESSAGES", "400"))
SPOILED_EVERY = 20      # one message in so many is shown once more, changed
KEPT = Path(__file__).with_name("dkim-crosscheck.txt")
CANON = ("relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple")
LISTS = {"default": None, "all": ["From", "*"]}      # of fields to sign
AT_ONCE = 4


def selector(kind, canon):
    return f"{kind}-{canon.replace('/', '-')}"


SIGNATURES = [(kind, canon) for kind in ("rsa", "ed25519") for canon in CANON]


def configure(program, keys):
    """A configuration for each list of fields, with eight sections."""
    for name, headers in LISTS.items():
        program.configure(
            settings={"hostname": "client.example.org", "log": "off"},
            accounts={"default": {"host": "localhost", "tls": "off", "from": "ann@example.org"}},
            dkim={selector(kind, canon): {
                "domain": DOMAIN, "selector": selector(kind, canon), "canonicalization": canon,
                "key_file": keys[kind], "headers": headers} for kind, canon in SIGNATURES})
        program.config.rename(program.folder / name)


def sign(program, number):
    text = messages.message(number)
    config = program.folder / list(LISTS)[number % len(LISTS)]
    done = program.run("--config", config, "--sign", name="mailchute", input=text)
    assert (done.status, done.stderr) == (0, b""), f"message {number}: {done}\n{text}"
    signed = Signed(program.file(f"{number}.eml", done.stdout), done.stdout)
    assert sum(tags["d"] == DOMAIN for tags in signed.signatures) == len(SIGNATURES)
    return signed


def spoiled(program, signed):
    """With one more line at its end."""
    data = signed.data + b"x\r\n"
    return Signed(program.file(f"spoiled-{signed.path.name}", data), data)


def sign_all(program):
    pairs = {kind: Key(DOMAIN, kind, kind) for kind in ("rsa", "ed25519")}
    configure(program, {kind: program.file(f"{kind}.pem", key.pem) for kind, key in pairs.items()})
    records = {f"{selector(kind, canon)}._domainkey.{DOMAIN}": pairs[kind].record
               for kind, canon in SIGNATURES}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda number: sign(program, number), range(NUMBER))), records


class Tally:
    """What one verifier found: how many signatures of each kind are good, which are not, and
    which it was not asked about."""

    def __init__(self, name, signed, passes):
        self.good, self.left_out, self.failed = Counter(), Counter(), []
        for message, selectors in zip(signed, passes, strict=True):
            reasons = set()
            for kind, canon in SIGNATURES:
                if kind not in VERIFIERS[name].algorithms:
                    continue
                reason = departure(name, message, canon)
                if reason:
                    reasons.add(reason)
                elif selector(kind, canon) in selectors:
                    self.good[kind, canon] += 1
                else:
                    self.failed.append(f"{name}, {selector(kind, canon)}: {message.path.name}")
            self.left_out.update(reasons)

    def lines(self, name):
        for kind in VERIFIERS[name].algorithms:
            failures = sum(f", {kind}-" in failure for failure in self.failed)
            yield "".join((f"{name:<12}{kind:<9}",
                           *(f"{self.good[kind, canon]:>17}" for canon in CANON),
                           f"{failures:>10}"))

    def remarks(self, name):
        for reason, count in self.left_out.items():
            canon = f" ({reason.header_canon} header)" if reason.header_canon else ""
            yield f"{name} is not asked about {count}{canon}: {reason.why}"


def table(tallies):
    title = f"{NUMBER} messages, good signatures of each kind"
    head = "".join(("verifier    algorithm", *(f"{canon:>17}" for canon in CANON), "  failures"))
    lines = [line for name, tally in tallies.items() for line in tally.lines(name)]
    remarks = sorted(line for name, tally in tallies.items() for line in tally.remarks(name))
    return "\n".join((title, head, *lines, *remarks))


def kept():
    """The tables of the file, by the number of messages: sets of lines."""
    sections = re.split(r"(?m)^(?=\d+ messages,)", KEPT.read_text())[1:]
    return {int(text.split()[0]): set(text.splitlines()) for text in sections}


def test_all_agree(program, record_property):
    signed, records = sign_all(program)
    worthless = [spoiled(program, message) for message in signed[::SPOILED_EVERY]]
    names = available()
    with ThreadPoolExecutor(len(names)) as pool:
        found = dict(zip(names, pool.map(
            lambda name: judge(name, program.folder, signed + worthless, records), names)))
    for name, passes in found.items():
        assert not any(passes[NUMBER:]), f"{name} finds what was changed good"
    tallies = {name: Tally(name, signed, passes[:NUMBER]) for name, passes in found.items()}
    text = table(tallies)
    record_property("table", text)
    failures = [failure for tally in tallies.values() for failure in tally.failed]
    assert not failures, "\n".join((text, *failures[:50]))
    assert NUMBER not in kept() or set(text.splitlines()) <= kept()[NUMBER], text


def test_kept_tables():
    """There is one for the usual number and one for thousands, and they tell of no failure."""
    tables = kept()
    assert 400 in tables and max(tables) >= 4000
    for lines in tables.values():
        rows = [line.split() for line in lines if re.search(r" (rsa|ed25519) ", line)]
        assert len(rows) == sum(len(verifier.algorithms) for verifier in VERIFIERS.values())
        assert all(row[-1] == "0" and "0" not in row[:-1] for row in rows)
