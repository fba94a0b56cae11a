"""A closed stdout: no mode that shows something says it did, and mail goes its way."""

import pytest

from dkimverify import Key
from expect import ENVELOPE

KEY = Key("example.org", "s1", "ed25519")
MESSAGE = b"From: a@example.org\nTo: b@example.net\n\nhello\n"

# Arguments, status with stdout, and without.
MODES = {
    "sign": (("--sign",), 0, 74),
    "dry run": (("--dry-run", *ENVELOPE), 0, 74),
    "verify": (("--records", "records", "--verify", "signed"), 0, 74),
    "dkim-check": (("--records", "records", "--dkim-check"), 0, 74),
    "dkim-check, wrong": (("--records", "empty", "--dkim-check"), 78, 78),
    "check": (("--check",), 0, 74),
    "help": (("--help",), 0, 74),
    "version": (("--version",), 0, 74),
    "a dialogue": (("-bs",), 0, 0),
}


@pytest.mark.parametrize("case", MODES)
def test_nobody_sees_it(program, case):
    args, shown, closed = MODES[case]
    program.file("records", f'{KEY.name}. TXT "{KEY.record}"\n')
    program.file("empty", "")
    program.configure(dkim={"a": {"domain": KEY.domain, "selector": KEY.selector,
                                  "key_file": program.file("key", KEY.pem)}},
                      accounts={"default": {"host": "localhost", "tls": "off"}})
    signed = program.run("--sign", name="mailchute", input=MESSAGE)
    program.file("signed", signed.stdout)
    text = b"QUIT\r\n" if case == "a dialogue" else MESSAGE
    done = program.run(*args, name="mailchute", input=text)
    assert done.status == shown and done.stdout, str(done)
    done = program.shell('exec "$@" >&-', *args, name="mailchute", input=text)
    assert done.status == closed, str(done)
