"""Passwords that a program prints (password_command) or systemd hands over (password_credential)."""

import os

import pytest

from expect import ENVELOPE, MESSAGE, body_of, delivered, failed, silent, untouched


@pytest.fixture
def serve(rig):
    """A server for an account whose password comes from elsewhere."""
    def start(**settings):
        return rig.serve(account={"password": None, **settings})
    return start


def script(rig, text, mode=0o700):
    """An executable of its own beside the configuration."""
    return rig.program.file("getpass", f"#!/bin/sh\n{text}\n", mode)


def shell(text):
    return {"password_command": ["sh", "-c", text]}


def calls(rig):
    """How often a script that appends to this file was run."""
    path = rig.program.folder / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


# --- password_command ---

@pytest.mark.parametrize("words", [
    ["echo", "secret"],
    ["printf", "%s", "secret"],
    ["printf", "%s\\r\\n", "secret", "more"],
    ["sh", "-c", "echo secret; echo a warning >&2"],
], ids=" ".join)
def test_first_line(rig, serve, words):
    server = serve(password_command=words)
    delivered(rig.send(), server)


def test_words_have_no_shell(rig):
    password = "a  b;$HOME `id` * ~ \"q\" 'q'"
    server = rig.serve(account={"password": None, "password_command": ["printf", "%s", password]},
                       users={"alice": password})
    delivered(rig.send(), server)


@pytest.mark.parametrize("name", ["{}/getpass", "./getpass", "sub/../getpass"])
def test_program_is_named_as_a_file_is(rig, serve, tmp_path_factory, name):
    """Next to the configuration, wherever the caller is."""
    script(rig, "echo secret")
    (rig.program.folder / "sub").mkdir()
    server = serve(password_command=[name.format(rig.program.folder)])
    delivered(rig.send(*ENVELOPE, cwd=tmp_path_factory.mktemp("elsewhere")), server)


def test_program_in_path(rig, serve):
    path = script(rig, "echo secret")
    server = serve(password_command="getpass")
    delivered(rig.send(*ENVELOPE, env={"PATH": f"{path.parent}:/usr/bin:/bin"}), server)
    failed(rig.send(), 78, "password_command", "getpass", "cannot be run")


def test_the_message_is_not_its_input(rig, serve):
    server = serve(**shell("cat; echo secret"))
    message = delivered(rig.send(*ENVELOPE, input=MESSAGE), server)
    assert body_of(message.data) == b"hello\r\n"


def test_it_has_our_environment(rig, serve):
    server = serve(**shell("echo \"$WHERE\""))
    delivered(rig.send(*ENVELOPE, env={"WHERE": "secret"}), server)


def test_it_has_none_of_the_caller_s_descriptors(rig, serve):
    server = serve(**shell("test -e /proc/$$/fd/2 && ! test -e /proc/$$/fd/%d && echo secret"))
    read, write = os.pipe()
    text = rig.program.config.read_text()
    rig.program.configure(text.replace("%d", str(write)))
    delivered(rig.send(*ENVELOPE, pass_fds=[write]), server)
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("ignored", ["CHLD", "PIPE", "TERM"])
def test_signals_the_caller_ignores(rig, serve, ignored):
    server = serve(**shell("echo secret"))
    silent(rig.program.shell(f"trap '' {ignored}; exec \"$@\"", *ENVELOPE, input=MESSAGE))
    assert len(server.messages) == 1


FAILURES = [
    # command, status, words of the error
    (["sh", "-c", "echo secret; exit 2"], 78, ["sh: ended with status 2"]),
    (["sh", "-c", "echo gpg: no key >&2; exit 2"], 78, ["ended with status 2: gpg: no key"]),
    (["sh", "-c", "printf 'a\\033[31mb\\nc' >&2; exit 1"], 78, ["status 1: a [31mb c"]),
    (["sh", "-c", "kill -s KILL $$"], 78, ["ended by signal 9"]),
    (["true"], 78, ["true: its first line is empty"]),
    (["sh", "-c", "echo; echo secret"], 78, ["sh: its first line is empty"]),
    (["printf", "sec\\000ret\\n"], 78, ["holds a NUL byte"]),
    (["cat", "/dev/zero"], 78, ["prints more than 65536 bytes"]),
    (["no-such-program"], 78, ["no-such-program: cannot be run"]),
    (["/nosuch/program"], 78, ["/nosuch/program: cannot be run"]),
]


@pytest.mark.parametrize("words, status, error", FAILURES, ids=[" ".join(f[0]) for f in FAILURES])
@pytest.mark.parametrize("mode", [(), ("-v",), ("--check",)], ids="".join)
def test_failures(rig, serve, words, status, error, mode):
    server = serve(password_command=words)
    name = "mailchute" if mode == ("--check",) else "sendmail"
    args = mode if name == "mailchute" else (*mode, *ENVELOPE)
    done = rig.send(*args, name=name)
    failed(done, status, "password_command", *error, program=name)
    assert b"secret" not in done.stderr
    untouched(server)


def test_not_executable(rig, serve):
    server = serve(password_command=[script(rig, "echo secret", mode=0o600)])
    failed(rig.send(), 77, "getpass: cannot be run: Permission denied")
    untouched(server)


def test_once_for_each_message(rig, serve):
    server = serve(password_command=[script(rig, "echo x >>calls; echo secret")])
    silent(rig.send())
    assert calls(rig) == 1
    silent(rig.send())
    assert calls(rig) == 2
    assert len(server.messages) == 2


def test_once_for_many_messages_of_bs(rig, serve):
    server = serve(password_command=[script(rig, "echo x >>calls; echo secret")])
    with rig.talk() as bs:
        for _ in range(3):
            bs.send(MESSAGE)
    assert (calls(rig), len(server.messages)) == (1, 3)


def test_bs_tells_a_failure(rig, serve):
    server = serve(**shell("exit 1"))
    with rig.talk() as bs:
        reply = bs.say("MAIL FROM:<a@example.org>", 451)
        assert "password_command" in reply.text
    untouched(server)


def test_check_runs_it(rig, serve):
    server = serve(password_command=[script(rig, "echo x >>calls; echo secret")])
    done = rig.program.run("--check", name="mailchute")
    assert (done.status, done.stderr) == (0, b""), str(done)
    assert b"secret" not in done.stdout and calls(rig) == 1
    untouched(server)


def test_not_run_without_auth(rig, serve):
    command = [script(rig, "echo x >>calls; echo secret")]
    server = rig.serve(need_auth=False, account={"password": None, "password_command": command,
                                                 "auth": "off"})
    delivered(rig.send(), server)
    assert calls(rig) == 0


def test_not_shown(rig, serve):
    server = serve(password_command=["echo", "secret"])
    done = rig.send("-v", *ENVELOPE)
    assert done.status == 0 and b"***" in done.stdout, str(done)
    assert b"secret" not in done.stdout + done.stderr
    assert len(server.messages) == 1


# --- password_credential ---

def test_credential(rig, serve):
    rig.program.file("smtp", "secret\nmore\n")
    server = serve(password_credential="smtp")
    delivered(rig.send(*ENVELOPE, env={"CREDENTIALS_DIRECTORY": str(rig.program.folder)}), server)


@pytest.mark.parametrize("directory, mode, status, words", [
    (None, 0o600, 78, "LoadCredential=smtp"),
    ("relative", 0o600, 78, "LoadCredential=smtp"),
    ("/nosuch", 0o600, 78, "No such file"),
    ("{}", 0o644, 77, "others have access to it"),
], ids=lambda v: str(v))
def test_credential_that_cannot_be_had(rig, serve, directory, mode, status, words):
    rig.program.file("smtp", "secret\n", mode)
    server = serve(password_credential="smtp")
    directory = directory and directory.format(rig.program.folder)
    done = rig.send(*ENVELOPE, env={"CREDENTIALS_DIRECTORY": directory})
    failed(done, status, "password_credential", words)
    untouched(server)


# --- both ---

def test_only_one(rig, serve):
    server = serve(password_credential="smtp", password_command=["echo", "secret"])
    failed(rig.send(), 78, "only one of password, password_file, password_command and "
                           "password_credential")
    untouched(server)


@pytest.mark.parametrize("settings", [{"password_command": ["echo", "secret"]},
                                      {"password_credential": "smtp"}], ids=lambda v: next(iter(v)))
def test_they_want_a_user(rig, serve, settings):
    server = serve(user=None, **settings)
    failed(rig.send(), 78, "user is missing")
    untouched(server)
