"""Every step x every fault, as -bm and as -bs; see matrix.py for what has to come of each.

The case that completes the matrix shows it as a table.
"""

import base64
import json
import os
import socket
import time

import pytest

from expect import HEADER, MESSAGE, wire
from matrix import PASSWORD, RECIPIENTS, REPLIES, action, cases, cell, expected, table

MAYBE = "may have been delivered"
SECRETS = [PASSWORD.encode(), base64.b64encode(PASSWORD.encode()),
           base64.b64encode(b"\0alice\0" + PASSWORD.encode())]
CASES = cases()
LARGE = HEADER + b"\n" + 200000 * b"more than any socket's buffers hold\n"
SMALL_WINDOW = 4096


def case_name(case):
    way, row, fault = case
    return f"{way.name}-{row.name}-{fault}".replace(" ", "_").replace(",", "")


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """A folder that all processes of the run share: a file for each case that is done."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "matrix"
    folder.mkdir(exist_ok=True)
    return folder


def complete(folder):
    """The cells of the whole matrix, for one caller only; None for all others."""
    done = list(folder.glob("case-*"))
    if len(done) < len(CASES):
        return None
    try:
        (folder / "shown").touch(exist_ok=False)
    except FileExistsError:
        return None
    return {tuple(key): value for key, value in (json.loads(f.read_text()) for f in done)}


def account(rig, row):
    if row.auth == "EXTERNAL":
        own = rig.certificates.good
        return {"auth": [row.auth], "password": None, "tls_cert_file": own, "tls_key_file": own}
    return {"auth": [row.auth], "password": PASSWORD}


def serve(rig, way, row, fault, want):
    server = rig.serve(
        settings={"deadline": "30s" if fault != "silence" else "2s" if want.maybe else "1s",
                  "partial": "abort" if way.abort else "deliver"},
        account=account(rig, row), users={"alice": PASSWORD}, caps=way.caps, auth=row.auth,
        **row.script)
    for step, act in {**row.steps, row.at: action(row, fault)}.items():
        # What depends on what the client said gets to see it.
        server.scripts[0].steps[step] = (lambda act=act: act(server.connections[-1])) if (
            callable(act)) else act
    # After a wrong yes the server's idea of where the message begins is its own.
    rig.unruly = fault == "wrong yes"
    if row.kind == "body":
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
    return server


def run(rig, row, fault, want, text):
    done = rig.send("-f", "a@example.org", *RECIPIENTS, input=text)
    words = done.stderr.decode()
    assert (done.status, done.stdout) == (want.status, b""), str(done)
    assert len(done.lines) == want.lines, str(done)
    assert all(line.startswith("sendmail: localhost: ") for line in done.lines), str(done)
    # A slow machine may be late a step before, and a reset find it still connecting.
    if want.status and fault not in ("silence", "reset"):
        assert (row.words if fault != "bare yes" else "the server does not offer") in words
    if fault in REPLIES and want.status and row.kind != "TLS":
        assert f"{fault} the server's own words" in words, str(done)
    return done.status, "", words


def talk(rig, want, text):
    """The digits a client hears, until there is nothing left to do for it."""
    with rig.talk() as bs:
        answers = [bs.say("MAIL FROM:<a@example.org>")]
        if answers[0].code == 250:
            answers += [bs.say(f"RCPT TO:<{name}>") for name in RECIPIENTS]
            if any(answer.code == 250 for answer in answers[1:]):
                bs.say("DATA", 354)
                answers.append(bs.finish(text, None))
    digits = "".join(str(answer.code)[0] for answer in answers)
    assert digits == want.answers, "\n".join(map(str, answers))
    return 0, digits, "\n".join(map(str, answers))


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_case(rig, results, record_property, case):
    way, row, fault = case
    want = expected(*case)
    server = serve(rig, way, row, fault, want)
    text = LARGE if row.kind == "body" else MESSAGE
    started = time.monotonic()
    if way.mode == "-bs":
        status, answers, words = talk(rig, want, text)
    else:
        status, answers, words = run(rig, row, fault, want, text)
    assert time.monotonic() - started < 20, "a deadline was missed"
    assert words.count(MAYBE) == int(want.maybe), words
    if row.kind == "body":
        server.stop()       # it stalls, and would go on doing so
    accepted = [message for message in server.messages if message.accepted]
    assert len(accepted) in want.stored(), f"{len(accepted)} messages"
    assert all(message.data == wire(text) for message in accepted)
    reached = [name for message in accepted for name in message.taken]
    assert len(set(reached)) == len(reached), f"twice: {reached}"
    for secret in SECRETS:
        assert secret not in words.encode()
        assert not any(secret in connection.clear for connection in server.connections)
    shown = cell(way, row, status, answers, MAYBE in words)
    (results / f"case-{case_name(case)}").write_text(
        json.dumps([[way.name, row.name, fault], shown]))
    cells = complete(results)
    if cells:
        record_property("table", table(cells))
