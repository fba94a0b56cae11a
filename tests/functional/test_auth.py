"""AUTH: what of a secret may show, and what may not be cut."""

import base64

import pytest

from expect import ENVELOPE, failed
from test_submit import PLAIN, USER

TOKEN = "ya29.a0AfH6SMBx"


@pytest.mark.parametrize("auth, echo", [("PLAIN", PLAIN), ("LOGIN", USER)])
def test_a_server_that_repeats_the_secret(rig, auth, echo):
    server = rig.serve(auth=auth, steps={"auth" if auth == "PLAIN" else "auth3":
                                         b"535 5.7.8 you said " + echo + b"\r\n"})
    done = rig.send()
    failed(done, 77, "you said ***")
    verbose = rig.send("-v", "-f", "a@example.org", "b@example.net")
    assert verbose.status == 77
    for text in (done.stderr, verbose.stdout, verbose.stderr):
        assert echo not in text and b"secret" not in text, str(verbose)
    assert len(server.connections) == 2


def everything_told(rig, status, *words):
    """What people and programs get to see of a run: stderr, the dialogue of -v, the log."""
    log = rig.program.folder / "log"
    failed(rig.send(*ENVELOPE), status, *words)
    done = rig.send("-v", *ENVELOPE)
    assert done.status == status, str(done)
    return b"".join([done.stdout, done.stderr, log.read_bytes()])


def logged(rig):
    return {"log": "file", "log_file": rig.program.folder / "log"}


@pytest.mark.parametrize("auth, step, echo", [
    ("PLAIN", "auth", b"AUTH PLAIN " + PLAIN), ("PLAIN", "auth", PLAIN + PLAIN + b" 535"),
    ("LOGIN", "auth3", USER), ("LOGIN", "auth3", b"535 5.7.8 secret"),
    ("LOGIN", "auth3", b"535-5.7.8 you said\r\nsecret"),
], ids=repr)
def test_a_server_whose_echo_is_no_reply(rig, auth, step, echo):
    """What cannot be understood is shown, and a secret in it is not."""
    rig.serve(auth=auth, steps={step: echo + b"\r\n"}, settings=logged(rig))
    status = 77 if echo.startswith(b"535 ") else 76
    told = everything_told(rig, status, "AUTH", "***")
    assert not any(secret in told for secret in (b"secret", PLAIN, base64.b64encode(b"secret")))


@pytest.mark.parametrize("auth", ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize("reply", [
    "535 5.7.8 wrong: '{}'", "535-5.7.8 {} is\n535 5.7.8 no {} of alice", "454 4.7.0 {}{} later",
    "{} is wrong"])
def test_a_server_that_repeats_the_secret_in_plain(rig, auth, reply):
    """What it decoded, to whichever of our lines it says so."""
    challenge = "334 " + base64.b64encode(b"<1@example.org>").decode()
    answer = reply.format(TOKEN, TOKEN)
    steps = {"auth": challenge, "auth2": answer} if auth == "CRAM-MD5" else \
        {"auth3" if auth == "LOGIN" else "auth": answer}
    rig.serve(auth=auth, steps=steps, settings=logged(rig),
              account={"auth": [auth], "password": TOKEN})
    status = {"5": 77, "4": 75, "{": 76}[reply[0]]
    told = everything_told(rig, status, "AUTH", "***")
    assert TOKEN.encode() not in told


@pytest.mark.parametrize("auth", ["PLAIN", "LOGIN"])
def test_a_secret_too_long_for_auth(rig, auth):
    """A password that is cut would be refused as a wrong one."""
    rig.serve(auth=auth, account={"password": 13000 * "x"})
    failed(rig.send(), 78, "too long")
