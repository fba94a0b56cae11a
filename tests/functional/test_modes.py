"""Everything the program does beside sending."""

import pytest

import dkimverify
from dkimverify import Key
from expect import ENVELOPE, MESSAGE, failed, silent, untouched, wire


@pytest.mark.parametrize("name, args", [("mailq", ()), ("sendmail", ("-bp",)), ("mailq", ("-v",)),
                                        ("mailchute", ("-bp",))])
def test_empty_queue(rig, name, args):
    server = rig.serve()
    done = rig.program.run(*args, name=name)
    assert (done.status, done.stdout, done.stderr) == (0, b"Mail queue is empty\n", b"")
    untouched(server)


def test_version(program):
    done = program.run("--version", name="mailchute")
    assert done.status == 0 and done.stderr == b""
    assert done.stdout.startswith(b"mailchute ")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_output_that_cannot_be_written(program, option):
    with open("/dev/full", "wb") as full:
        done = program.run(option, name="mailchute", stdout=full)
    assert done.status == 74, str(done)


def test_help(program):
    done = program.run("--help", name="mailchute")
    assert done.status == 0 and done.stderr == b""
    for option in (b"--config", b"--check", b"--dry-run", b"--version", b"-t", b"-f"):
        assert option in done.stdout


def test_dry_run(rig):
    key = Key("example.org", "s1")
    path = rig.program.file("s1.key", key.pem)
    server = rig.serve(dkim={"example.org": {"selector": "s1", "key_file": path}})
    text = MESSAGE.replace(b"Subject", b"Bcc: secret@example.net\nSubject")
    done = rig.program.run("--dry-run", "-t", "-f", "bounce@example.org", "c@example.net",
                           input=text, name="mailchute")
    assert done.status == 0 and done.stderr == b"", str(done)
    untouched(server)
    envelope, _, message = done.stdout.partition(b"DKIM-Signature:")
    for address in (b"bounce@example.org", b"b@example.net", b"c@example.net",
                    b"secret@example.net"):
        assert address in envelope
    shown = (b"DKIM-Signature:" + message).replace(b"\r\n", b"\n")
    assert b"Bcc" not in shown and b"c2VjcmV0" not in done.stdout
    assert shown.endswith(MESSAGE)
    assert dkimverify.dkimpy(wire(shown), key)


def test_dry_run_tells_the_same_errors(rig):
    rig.serve()
    failed(rig.program.run("--dry-run", "b@", input=MESSAGE, name="mailchute"), 65,
           program="mailchute")


def test_check_of_a_good_configuration(rig):
    key = Key("example.org", "s1")
    path = rig.program.file("s1.key", key.pem)
    server = rig.serve(dkim={"example.org": {"selector": "s1", "key_file": path}})
    for args in (("--check",), ("-bC",)):
        done = rig.program.run(*args, name="mailchute")
        assert done.status == 0 and done.stderr == b"", str(done)
        assert b"secret" not in done.stdout
    untouched(server)


def test_check_warns_of_a_password_others_can_read(rig):
    server = rig.serve()
    rig.program.config.chmod(0o644)
    done = rig.program.run("--check", name="mailchute")
    assert done.status == 0, str(done)
    assert b"password" in done.stdout + done.stderr and b"secret" not in done.stdout + done.stderr
    silent(rig.send())
    assert len(server.messages) == 1


def test_check_reads_keys_and_secrets(rig):
    for section, word in [({"dkim": {"example.org": {"selector": "s", "key_file": "/nosuch.key"}}},
                           b"/nosuch.key"),
                          ({"account": {"password": None, "password_file": "/nosuch.password"}},
                           b"/nosuch.password")]:
        rig.serve(**section)
        done = rig.program.run("--check", name="mailchute")
        assert done.status == 78 and word in done.stderr, str(done)


def test_check_reads_the_account_s_from(rig):
    rig.serve(account={"from": "a@-\u00e4.example"})
    done = rig.program.run("--check", name="mailchute")
    assert done.status == 78 and b"from" in done.stderr, str(done)


ACCOUNT = 'account "a" { host = "localhost" tls = "off" }\n'
TRAPS = [
    ("nosuch = 1\n" + ACCOUNT, 1, "nosuch"),
    (ACCOUNT + "\n\nnosuch = 1\n", 4, "nosuch"),
    ('account "a" {\n host = "x"\n nosuch = "y"\n}\n', 3, "nosuch"),
    ('hostname = "x"\naccount "a" {\n tls = "off"\n}\n', None, "host"),
    (ACCOUNT + ACCOUNT, 2, "a"),
    ('dkim "x" { selector = "s" key_file = "/k" }\n'
     'dkim "x" { selector = "t" key_file = "/k" }\n' + ACCOUNT, 2, "x"),
    ('account "a" {\n host = "${NOT_SET}"\n tls = "off"\n}\n', 2, "NOT_SET"),
    ('account "a" {\n host = "x"\n port = "${NOT_SET}"\n}\n', 3, "NOT_SET"),
    ('account "a" {\n host = "x"\n tls = "off"\n', None, ""),
    ('account "a" {\n host = "x"\n host = "y"\n}\n', 3, "host"),
    ('domain = "x"\ndomain = "y"\n' + ACCOUNT, 2, "domain"),
    ('account "a" {\n host = "x"\n port = 0300\n}\n', 3, "port"),
    ('account "a" {\n host = "x"\n port = 70000\n}\n', 3, "port"),
    ('account "a" {\n host = "x"\n port = 0\n}\n', 3, "port"),
    ('account "a" {\n host = "x"\n port = -1\n}\n', 3, "port"),
    ('account "a" {\n host = "x"\n port = smtp\n}\n', 3, "port"),
    ('account "a" {\n host = "x"\n tls = "maybe"\n}\n', 3, "tls"),
    ('account "a" {\n host = "x y"\n}\n', 2, "host"),
    ('account "a" {\n host = "x\\x0d\\x0ay"\n}\n', 2, "host"),
    ('account "a" {\n host = "x"\n user = "u"\n password = "p"\n password_file = "/q"\n}\n', None,
     "password"),
    ('account "a" {\n host = "x"\n from = "no address@"\n}\n', 3, "from"),
    ('deadline = "soon"\n' + ACCOUNT, 1, "deadline"),
    ('deadline = "0"\n' + ACCOUNT, 1, "deadline"),
    ('deadline = "-5s"\n' + ACCOUNT, 1, "deadline"),
    ('partial = "some"\n' + ACCOUNT, 1, "partial"),
    ('tempfail_status = 256\n' + ACCOUNT, 1, "tempfail_status"),
    ('tempfail_status = -1\n' + ACCOUNT, 1, "tempfail_status"),
    ('log = "paper"\n' + ACCOUNT, 1, "log"),
    ('hostname = "x\\x0ay"\n' + ACCOUNT, 1, "hostname"),
    ('default_account = "b"\n' + ACCOUNT, None, "default_account"),
    ('dkim "x" {\n key_file = "/k"\n}\n' + ACCOUNT, None, "selector"),
    ('dkim "x" {\n selector = "s"\n}\n' + ACCOUNT, None, "key"),
    ('dkim "x" {\n selector = "s"\n key_file = "/k"\n canonicalization = "odd"\n}\n' + ACCOUNT, 4,
     "canonicalization"),
    ("", None, "account"),
    ("hostname = \n", None, ""),
    ("}}}\n", 1, ""),
    ('include("nosuch.conf")\n' + ACCOUNT, None, "nosuch.conf"),
    ('include("sendmail.conf")\n' + ACCOUNT, None, "sendmail.conf"),
    (1100000 * "#", None, ""),
    ("hostname = \"\0\"\n" + ACCOUNT, None, ""),
]


@pytest.mark.parametrize("text, line, word", TRAPS, ids=lambda v: repr(v)[:40])
@pytest.mark.parametrize("check", [True, False], ids=["check", "send"])
def test_configuration_errors(program, text, line, word, check):
    program.configure(text)
    name = "mailchute" if check else "sendmail"
    done = program.run(*(("--check",) if check else ENVELOPE), name=name,
                       input=b"" if check else MESSAGE)
    failed(done, 78, str(program.config), word, program=name)
    if line is not None:
        assert f"{program.config}:{line}" in done.lines[0], str(done)


def test_configuration_is_a_folder(program):
    program.config.mkdir()
    failed(program.run(*ENVELOPE, input=MESSAGE), 78, str(program.config))


def test_configuration_that_may_not_be_read(rig):
    rig.serve()
    rig.program.config.chmod(0)
    done = rig.send()
    # root may read it all the same
    assert done.status in (0, 77, 78)


def test_include_is_relative_to_the_file(rig):
    server = rig.serve()
    folder = rig.program.folder / "conf.d"
    folder.mkdir()
    rig.program.config.rename(folder / "account.conf")
    rig.program.configure('include("conf.d/account.conf")\n')
    silent(rig.send(cwd="/"))
    assert len(server.messages) == 1


@pytest.mark.parametrize("value, variable", [('"${HOST_VAR}"', "localhost"),
                                             ('"${NOT_SET:-localhost}"', None)])
def test_variables(rig, value, variable):
    server = rig.serve()
    text = rig.program.config.read_text().replace('host = "localhost"', f"host = {value}")
    rig.program.configure(text)
    silent(rig.send(env={"HOST_VAR": variable}))
    assert len(server.messages) == 1


@pytest.mark.parametrize("password", ["#x", "a b", "$x", "\"", "{}"])
def test_single_quotes(rig, password):
    server = rig.serve(users={"alice": password})
    text = rig.program.config.read_text().replace('"secret"', f"'{password}'")
    rig.program.configure(text)
    silent(rig.send())
    assert len(server.messages) == 1


def test_variables_in_single_quotes_are_a_mistake(rig):
    rig.serve()
    text = rig.program.config.read_text().replace('"secret"', "'${SECRET}'")
    rig.program.configure(text)
    failed(rig.send(env={"SECRET": "secret"}), 78, "single quotes")
