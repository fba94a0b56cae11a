"""-N, -R, -V and -O: on the wire where the smart host can, and what happens where it cannot."""

import pytest

from expect import ENVELOPE, MESSAGE, delivered, failed, silent, untouched
from smtpscript import EHLO

DSN = EHLO + ("DSN",)
STRICT = EHLO + ("REQUIRETLS",)


def commands(server):
    """MAIL and RCPT of the only session, without what has nothing to do with options."""
    asked = [c.decode() for c in server.only.commands if c.startswith((b"MAIL", b"RCPT"))]
    return [" ".join(w for w in c.split(" ") if not w.startswith(("SIZE=", "BODY=")))
            for c in asked]


OPTIONS = [
    # options; parameters of MAIL; of RCPT
    ("-N never", "", " NOTIFY=never"),
    ("-Nsuccess,failure,delay", "", " NOTIFY=success,failure,delay"),
    ("-N failure -N delay", "", " NOTIFY=delay"),
    ("-N NEVER", "", " NOTIFY=NEVER"),
    ("-R hdrs", " RET=hdrs", ""), ("-Rfull", " RET=full", ""),
    ("-V id-1", " ENVID=id-1", ""), ("-Va+b=c", " ENVID=a+2Bb+3Dc", ""),
    ("-N failure -R hdrs -V x", " RET=hdrs ENVID=x", " NOTIFY=failure"),
    ("", "", ""),
]


@pytest.mark.parametrize("options, mail, rcpt", OPTIONS)
@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("caps", [DSN, EHLO], ids=["dsn", "without"])
def test_dsn(rig, options, mail, rcpt, place, caps):
    server = rig.serve(caps=caps)
    words = options.split()
    args = words + list(ENVELOPE) if place == "before" else list(ENVELOPE) + words
    delivered(rig.send(*args, "c@example.net", input=MESSAGE), server)
    if caps == EHLO:
        mail, rcpt = "", ""
    assert [c.upper() for c in commands(server)] == [
        f"MAIL FROM:<a@example.org>{mail}".upper(), f"RCPT TO:<b@example.net>{rcpt}".upper(),
        f"RCPT TO:<c@example.net>{rcpt}".upper()]


def test_dsn_through_an_alias(rig):
    rig.program.file("aliases", "team: x@example.net, y@example.net\n")
    server = rig.serve(caps=DSN, settings={"aliases": rig.program.folder / "aliases"})
    silent(rig.send("-N", "failure", "-f", "a@example.org", "team"))
    assert commands(server)[1:] == ["RCPT TO:<x@example.net> NOTIFY=failure",
                                    "RCPT TO:<y@example.net> NOTIFY=failure"]


def test_options_hold_for_bs_too(rig):
    server = rig.serve(caps=DSN)
    with rig.talk("-N", "never", "-R", "hdrs", "-V", "x") as bs:
        bs.send(MESSAGE)
        bs.say("MAIL FROM:<a@example.org> RET=FULL", 250)
        bs.say("RCPT TO:<b@example.net> NOTIFY=DELAY", 250)
    assert commands(server) == [
        "MAIL FROM:<a@example.org> RET=hdrs ENVID=x", "RCPT TO:<b@example.net> NOTIFY=never",
        "MAIL FROM:<a@example.org> RET=FULL ENVID=x", "RCPT TO:<b@example.net> NOTIFY=DELAY"]


BAD = ["-N always", "-N never,failure", "-N failure,", "-N ,", "-N failure,,delay", "-N never,never",
       "-N failures", "-R headers", "-R full,hdrs", "-V \u00e4", "-V x\n", "-V " + 101 * "x",
       "-O requiretls=maybe", "-O requiretls=", "-O smtputf8=1", "-O SMTPUTF8=auto"]


@pytest.mark.parametrize("option", BAD, ids=repr)
@pytest.mark.parametrize("glued", [True, False])
def test_bad_values(rig, option, glued):
    server = rig.serve(caps=DSN + ("REQUIRETLS", "SMTPUTF8"))
    letter, value = option.split(" ", 1)
    args = (letter + value,) if glued else (letter, value)
    failed(rig.send(*args, *ENVELOPE, input=MESSAGE), 64, letter)
    untouched(server)


@pytest.mark.parametrize("letter", ["-N", "-R", "-V"])
def test_empty_values(rig, letter):
    server = rig.serve(caps=DSN)
    failed(rig.send(letter, "", *ENVELOPE, input=MESSAGE), 64, letter)
    untouched(server)


def test_a_value_cannot_become_a_parameter(rig):
    server = rig.serve(caps=DSN)
    delivered(rig.send("-V", "x NOTIFY=NEVER", *ENVELOPE, input=MESSAGE), server)
    assert commands(server)[0] == "MAIL FROM:<a@example.org> ENVID=x+20NOTIFY+3DNEVER"


@pytest.mark.parametrize("option", ["requiretls=yes", "RequireTLS=YES"])
def test_requiretls(rig, option):
    server = rig.serve(caps=STRICT)
    delivered(rig.send("-O", option, *ENVELOPE, input=MESSAGE), server)
    assert commands(server)[0] == "MAIL FROM:<a@example.org> REQUIRETLS"


@pytest.mark.parametrize("changes", [
    {"caps": EHLO}, {"caps": STRICT, "tls": "off", "auth": ""},
], ids=["not-offered", "no-tls"])
def test_requiretls_that_cannot_be_had(rig, changes):
    server = rig.serve(**changes, account={} if "tls" not in changes else {"user": None,
                                                                          "password": None})
    done = rig.send("-O", "requiretls=yes", *ENVELOPE, input=MESSAGE)
    failed(done, 78, "REQUIRETLS")
    assert server.messages == []
    assert not any(c.startswith(b"MAIL") for c in server.only.commands)


def test_requiretls_with_a_certificate_that_is_not_trusted(rig):
    server = rig.serve(caps=STRICT, account={"tls_ca_file": None})
    failed(rig.send("-O", "requiretls=yes", *ENVELOPE, input=MESSAGE), 78, "certificate")
    assert server.messages == []


def test_requiretls_in_bs(rig):
    server = rig.serve(caps=EHLO)
    with rig.talk("-O", "requiretls=yes") as bs:
        bs.say("MAIL FROM:<a@example.org>", None, "REQUIRETLS")
        bs.say("RCPT TO:<b@example.net>", 503)
    assert server.messages == []


@pytest.mark.parametrize("options", [["-O", "requiretls=no"], [],
                                     ["-O", "requiretls=yes", "-O", "requiretls=no"]])
def test_requiretls_only_when_asked_for(rig, options):
    server = rig.serve(caps=STRICT)
    delivered(rig.send(*options, *ENVELOPE, input=MESSAGE), server)
    assert commands(server)[0] == "MAIL FROM:<a@example.org>"


@pytest.mark.parametrize("value, caps, parameter", [
    ("yes", EHLO + ("SMTPUTF8",), " SMTPUTF8"), ("no", EHLO + ("SMTPUTF8",), ""),
    ("no", EHLO, ""),
])
def test_smtputf8(rig, value, caps, parameter):
    server = rig.serve(caps=caps)
    delivered(rig.send("-O", f"smtputf8={value}", *ENVELOPE, input=MESSAGE), server)
    assert commands(server)[0] == "MAIL FROM:<a@example.org>" + parameter


def test_smtputf8_that_cannot_be_had(rig):
    server = rig.serve(caps=EHLO)
    failed(rig.send("-O", "smtputf8=yes", *ENVELOPE, input=MESSAGE), 78, "SMTPUTF8")
    assert server.messages == []


@pytest.mark.parametrize("option", ["holdfor=60", "holduntil=2030-01-01T00:00:00Z"])
def test_holds_cannot_be_promised(rig, option):
    server = rig.serve()
    failed(rig.send("-O", option, *ENVELOPE, input=MESSAGE), 78, "FUTURERELEASE")
    assert server.messages == []


@pytest.mark.parametrize("option", ["Timeout.queuereturn=5d", "x"])
def test_others_have_no_effect(rig, option):
    server = rig.serve(caps=DSN + ("REQUIRETLS", "SMTPUTF8", "MT-PRIORITY"))
    delivered(rig.send("-O", option, *ENVELOPE, input=MESSAGE), server)
    assert commands(server)[0] == "MAIL FROM:<a@example.org>"
