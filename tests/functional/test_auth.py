"""AUTH: what of a secret may show, and what may not be cut."""

import pytest

from expect import failed
from test_submit import PLAIN, USER


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


@pytest.mark.parametrize("auth", ["PLAIN", "LOGIN"])
def test_a_secret_too_long_for_auth(rig, auth):
    """A password that is cut would be refused as a wrong one."""
    rig.serve(auth=auth, account={"password": 13000 * "x"})
    failed(rig.send(), 78, "too long")
