"""Programs people run, unconfigured, on a host whose /usr/sbin/sendmail is ours; their mail
arrives at a real Postfix, signed.

Each runs in a mount namespace of its own, where /usr/sbin/sendmail is a script that starts the
program under test and keeps what it was given and what it answered. Outside nothing changes. A
PID namespace beside it ends whatever a daemon has started.
"""

import email
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import dkimverify
import postfix as postfix_server
from conftest import PASSWORD, USER
from dkimverify import Key
from expect import body_of, field, has
from program import KEPT, PATIENCE, config_text

pytestmark = postfix_server.needs_root

B = postfix_server.Postfix.recipient
NOBODY = "nobody@example.net"       # whom Postfix refuses
ALERTS = "alerts@example.org"       # the account's from
REFUSAL = "550 5.1.1"

# /run: pid files of a daemon of the system's own, and the mark that this boot has been seen.
WORLD = """#!/bin/sh
set -e
mount -t tmpfs none /run
mount --bind {site}/sendmail /usr/sbin/sendmail
mount --bind {site}/crontab /etc/crontab
mount --bind {site}/cron.d /etc/cron.d
mount --bind {site}/crontabs /var/spool/cron/crontabs
mount --bind {site}/atjobs /var/spool/cron/atjobs
mount --bind {site}/atspool /var/spool/cron/atspool
cd {site}/home
exec "$@"
"""

# All is recorded before the caller can know that we have ended.
SENDMAIL = """#!/bin/sh
run={site}/runs/$$
{environment}
printf '%s\\n' "$@" >"$run.args"
MAILCHUTE_CONFIG={site}/sendmail.conf TMPDIR={site}/tmp {command} "$@" 2>"$run.errors"
status=$?
cat "$run.errors" >&2
echo $status >"$run.new"
mv "$run.new" "$run.status"
exit $status
"""


@dataclass
class Run:
    """One run of sendmail, as its caller saw it."""
    args: list
    status: int
    errors: str


class Site:
    """A host whose sendmail is the program under test, and the smart host it knows."""

    def __init__(self, binary, postfix, certificates, keys):
        self.postfix, self.keys = postfix, keys
        self.seen = {p.name for p in (postfix.folder / "mail").glob("*.eml")}
        # Not pytest's folder: ordinary users have to get at it too.
        self.folder = Path(tempfile.mkdtemp(prefix="site-"))
        self.folder.chmod(0o755)
        for name, mode, owner, group in (
                ("bin", 0o755, "root", "root"), ("home", 0o755, "root", "root"),
                ("runs", 0o1777, "root", "root"), ("tmp", 0o1777, "root", "root"),
                ("cron.d", 0o755, "root", "root"), ("crontabs", 0o1730, "root", "crontab"),
                ("atjobs", 0o1770, "daemon", "daemon"), ("atspool", 0o1770, "daemon", "daemon")):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, owner, group)
            (self.folder / name).chmod(mode)
        self.file("crontab", "", mode=0o644)
        self.file("atjobs/.SEQ", "00000", owner="daemon")
        shutil.copy(binary, self.folder / "bin/sendmail")
        self.scripts()
        self.configure(certificates.ca)

    def file(self, name, text, mode=0o600, owner="root", group=None):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        shutil.chown(path, owner, group or owner)
        path.chmod(mode)
        return path

    def scripts(self):
        wrapper = shlex.split(os.environ.get("MAILCHUTE_WRAPPER", ""))
        values = {"site": self.folder,
                  "command": shlex.join([*wrapper, str(self.folder / "bin/sendmail")]),
                  "environment": "\n".join(f"export {k}={shlex.quote(os.environ[k])}"
                                           for k in KEPT if k in os.environ)}
        for name, text in (("world", WORLD), ("sendmail", SENDMAIL)):
            self.file(name, text.format(**values), mode=0o755)

    def configure(self, ca):
        """Key and password are root's; the group nogroup shares them, so that nobody can send."""
        shutil.copyfile(ca, self.folder / "ca.pem")
        (self.folder / "ca.pem").chmod(0o644)
        sections = {}
        for kind, key in self.keys.items():
            self.file(f"{kind}.key", key.pem, mode=0o640, group="nogroup")
            sections[kind] = {"domain": key.domain, "selector": key.selector,
                              "key_file": self.folder / f"{kind}.key"}
        aliases = self.file("aliases", f"root: ops\nops: {B}\nnobody: {B}\n", mode=0o644)
        text = config_text(
            settings={"hostname": "web1.example.org", "log": "off", "aliases": aliases},
            accounts={"default": {
                "host": "localhost", "port": self.postfix.submission,
                "tls_ca_file": self.folder / "ca.pem", "user": f"{USER}@example.test",
                "password": PASSWORD, "from": ALERTS}},
            dkim=sections)
        self.file("sendmail.conf", text, mode=0o640, group="nogroup")

    # programs

    def start(self, argv, input=None, **popen):
        """A program in this world; finish() or stop() it."""
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                   self.folder / "world"]
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.folder / "home"),
                       "LANG": "C.UTF-8", "LOGNAME": "root", "USER": "root"}
        environment.update(popen.pop("env", {}))
        return subprocess.Popen([*command, *argv], env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, stdin=subprocess.PIPE, **popen)

    def run(self, *argv, input=b"", **popen):
        process = self.start(argv, **popen)
        try:
            out, err = process.communicate(input, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            out, err = self.stop(process)
            pytest.fail(f"{argv[0]} hangs; stdout {out!r}, stderr {err!r}")
        return subprocess.CompletedProcess(argv, process.returncode, out.decode(), err.decode())

    @staticmethod
    def stop(process):
        """Kills a daemon, and with it, as it is the first of its PID namespace, all it started."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        return process.communicate(timeout=PATIENCE)

    # what became of it

    def runs(self, count=1):
        """The runs of sendmail, once there were so many: daemons do not tell when they are done."""
        folder = self.folder / "runs"

        def ended():
            return sorted(folder.glob("*.status"), key=lambda p: p.stat().st_mtime_ns)

        self.postfix.wait_for(lambda: len(ended()) >= count, f"no {count} runs of sendmail")
        assert len(ended()) == count and len(list(folder.glob("*.args"))) == count
        return [Run(path.with_suffix(".args").read_text().split("\n")[:-1],
                    int(path.read_text()), path.with_suffix(".errors").read_text())
                for path in ended()]

    def succeeded(self, count=1):
        """All runs were successes, and silent; the command lines."""
        runs = self.runs(count)
        for run in runs:
            assert (run.status, run.errors) == (0, ""), run
        return [run.args for run in runs]

    def failed(self, status=67):
        """The one run failed in one line that names the refused recipient."""
        run, = self.runs()
        assert run.status == status, run
        assert run.errors.count("\n") == 1 and NOBODY in run.errors, run
        assert REFUSAL in run.errors, run
        return run.errors.strip()

    def read(self, sender, author=None):
        """The next message stored, its signatures good and those of its author's domain."""
        name, envelope, recipient, message = self.postfix.delivered(self.seen)
        self.seen.add(name)
        assert (envelope, recipient) == (sender, B)
        assert re.search(rf"<?{re.escape(author or sender)}>?$", field(message, "From")), message
        assert {t["d"] for t in dkimverify.signatures(message)} == {"example.org"}
        assert len(dkimverify.signatures(message)) == len(self.keys)
        assert dkimverify.dkimpy(message, *self.keys.values())
        assert dkimverify.opendkim(message, self.folder / "home", *self.keys.values()) == "pass"
        assert not has(message, "Bcc")
        for name in ("Date", "Message-ID"):
            assert field(message, name)
        return message

    def close(self):
        left = list((self.folder / "tmp").iterdir())
        shutil.rmtree(self.folder)
        assert left == [], "files left in $TMPDIR"


@pytest.fixture(scope="module")
def postfix(certificates):
    with postfix_server.Postfix(certificates.good, USER, PASSWORD) as server:
        yield server


@pytest.fixture(scope="module")
def keys():
    return {"rsa": Key("example.org", "r1"), "ed25519": Key("example.org", "e1", "ed25519")}


@pytest.fixture
def site(binary, postfix, certificates, keys):
    site = Site(binary, postfix, certificates, keys)
    yield site
    site.close()


def quiet(run, status=0):
    """The program did its work and said nothing."""
    assert (run.returncode, run.stdout, run.stderr) == (status, "", ""), run


# cron and at


@pytest.fixture
def cron(site):
    """Runs cron on the lines of an /etc/cron.d file, or a user's crontab. @reboot lines run as
    all others do, but at once."""
    running = []

    def start(lines, user=None):
        if user is None:
            site.file("cron.d/job", lines, mode=0o644)
        else:
            site.file(f"crontabs/{user}", lines, owner=user, group="crontab")
        running.append(site.start(["cron", "-f"]))

    yield start
    for process in running:
        out, err = site.stop(process)
        assert out + b"".join(line for line in err.splitlines(True)
                              if not line.startswith(b"unshare: ")) == b""


CRON_ARGS = ["-FCronDaemon", "-i", "-B8BITMIME", "-oem"]


def test_cron_mails_root(site, cron):
    cron("@reboot root printf 'done \\342\\234\\223\\n.\\nmore\\n'\n")
    assert site.succeeded() == [CRON_ARGS + ["root"]]
    message = site.read(ALERTS)
    assert body_of(message) == "done \u2713\r\n.\r\nmore\r\n".encode()
    author = field(message, "From")
    assert "Cron Daemon" in author and "root" in author and "web1" in author
    assert field(message, "X-Original-From") == "root (Cron Daemon)"
    assert "Cron <root@" in field(message, "Subject")
    assert not has(message, "Reply-To")


@pytest.mark.parametrize("mailto", [B, f"{B},root"])
def test_cron_obeys_mailto(site, cron, mailto):
    cron(f"MAILTO={mailto}\n@reboot root echo done\n")
    assert site.succeeded() == [CRON_ARGS + [mailto]]
    assert body_of(site.read(ALERTS)) == b"done\r\n"


def test_cron_of_an_ordinary_user(site, cron):
    cron("@reboot id -un\n", user="nobody")
    assert site.succeeded() == [CRON_ARGS + ["nobody"]]
    assert body_of(site.read(ALERTS)) == b"nobody\r\n"


def test_cron_has_nothing_to_say(site, cron):
    cron(f"MAILTO={B}\n@reboot root true\n@reboot root echo done\n")
    site.succeeded()
    assert body_of(site.read(ALERTS)) == b"done\r\n"


def test_at(site):
    # atd goes to the background by itself; its mail is sent before this world ends
    wait = f"until ls {site.folder}/runs/*.status; do sleep 0.05; done >/dev/null 2>&1"
    run = site.run("sh", "-c", f"echo 'echo hello; echo .' | at now && atd && {wait}")
    assert run.returncode == 0, run
    assert site.succeeded() == [["-i", "root"]]
    message = site.read(ALERTS)
    assert body_of(message) == b"hello\r\n.\r\n"
    assert field(message, "Subject").startswith("Output from your job")
    assert "root" in field(message, "From") and "web1" in field(message, "From")


# PHP

PHP_MAIL = r"""
exit(mail($argv[1], 'Gr' . "\u{fc}" . 'n', "hello\r\n.\r\nworld",
     ['From' => 'Web <web@example.org>', 'Bcc' => 'b@example.net'], $argv[2] ?? '') ? 0 : 1);
"""
PHP_SENDMAIL = ("-d", "sendmail_path=/usr/sbin/sendmail -t -i")


@pytest.mark.parametrize("path", [PHP_SENDMAIL, ()], ids=["sendmail_path", "default"])
def test_php_mail(site, path):
    quiet(site.run("php", *path, "-r", PHP_MAIL, B))
    assert site.succeeded() == [["-t", "-i"]]
    message = site.read("web@example.org")
    assert body_of(message) == b"hello\r\n.\r\nworld\r\n"
    assert field(message, "To") == B


def test_php_mail_with_a_fifth_argument(site):
    quiet(site.run("php", *PHP_SENDMAIL, "-r", PHP_MAIL, B, "-fbounce@example.org"))
    assert site.succeeded() == [["-t", "-i", "-fbounce@example.org"]]
    site.read("bounce@example.org", author="web@example.org")


def test_php_mail_to_nobody(site):
    run = site.run("php", *PHP_SENDMAIL, "-r", PHP_MAIL, NOBODY)
    assert run.returncode == 1 and run.stdout == "", run
    assert run.stderr.strip() == site.failed()
    site.read("web@example.org")    # the Bcc


# Symfony Mailer: a line for each message it was given, on stdout

SYMFONY = r"""<?php
require '/usr/share/php/Symfony/Component/Mailer/autoload.php';
require '/usr/share/php/Symfony/Component/Mime/autoload.php';

$transport = new Symfony\Component\Mailer\Transport\SendmailTransport($argv[1]);
$mailer = new Symfony\Component\Mailer\Mailer($transport);
foreach (array_slice($argv, 2) as $n => $to) {
	$email = (new Symfony\Component\Mime\Email())
		->from('Web <web@example.org>')->to($to)->bcc('b@example.net')
		->subject("Message $n")->text("hello\n.\nworld $n\n")->html("<p>\u{fc}</p>");
	try {
		$sent = $transport->send($email);
		// as later versions find it
		preg_match('/250 Ok:? queued as (?P<id>[A-Z0-9]+)\r?$/mi', $sent->getDebug(), $found);
		echo "sent ", $found['id'] ?? '', "\n";
	} catch (Symfony\Component\Mailer\Exception\TransportExceptionInterface $e) {
		echo "failed ", str_replace("\n", " ", $e->getMessage()), "\n";
	}
}
"""


def symfony(site, command, *recipients):
    script = site.file("home/mail.php", SYMFONY, mode=0o644)
    run = site.run("php", script, command, *recipients)
    assert (run.returncode, run.stderr) == (0, ""), run
    return run.stdout.splitlines()


def is_symfony_s(message, n):
    assert field(message, "Subject") == f"Message {n}"
    assert field(message, "From") == "Web <web@example.org>"
    assert f"\r\n.\r\nworld {n}\r\n".encode() in body_of(message)


@pytest.mark.parametrize("command", ["/usr/sbin/sendmail -bs", "/usr/sbin/sendmail -bs -i"])
def test_symfony_mailer_bs(site, command):
    before = site.postfix.log().count(": connect from")
    said = symfony(site, command, B, B, B)
    assert [line.split(" ")[0] for line in said] == ["sent"] * 3, said
    assert site.succeeded() == [command.split(" ")[1:]]
    stored = {}
    for _ in range(3):
        message = site.read("web@example.org")
        stored[field(message, "Subject")] = message
    for n in range(3):
        is_symfony_s(stored[f"Message {n}"], n)
    # What the application takes for the message's id is the smart host's queue id.
    queue_ids = {name.removesuffix(".eml") for name in site.seen}
    assert {line.split(" ")[1] for line in said} <= queue_ids
    assert site.postfix.log().count(": connect from") == before + 1


def test_symfony_mailer_bs_goes_on_after_a_refusal(site):
    said = symfony(site, "/usr/sbin/sendmail -bs", B, NOBODY, B)
    assert [line.split(" ")[0] for line in said] == ["sent", "failed", "sent"], said
    assert 'code "550"' in said[1] and "User unknown" in said[1]
    site.succeeded()
    assert {field(site.read("web@example.org"), "Subject") for _ in range(2)} == \
        {"Message 0", "Message 2"}


def test_symfony_mailer_bs_without_a_smart_host(site):
    text = (site.folder / "sendmail.conf").read_text()
    site.file("sendmail.conf", text.replace(f"port = {site.postfix.submission}", "port = 1"),
              mode=0o640, group="nogroup")
    said = symfony(site, "/usr/sbin/sendmail -bs", B, B)
    assert [line.split(" ")[0] for line in said] == ["failed", "failed"], said
    assert all('code "4' in line for line in said), said
    site.succeeded()


@pytest.mark.parametrize("command", ["/usr/sbin/sendmail -t -i", "/usr/sbin/sendmail -oi -t"])
def test_symfony_mailer_t(site, command):
    assert [line.split(" ")[0] for line in symfony(site, command, B)] == ["sent"]
    args, = site.succeeded()
    assert "-t" not in args and "-fweb@example.org" in args and B in args
    is_symfony_s(site.read("web@example.org"), 0)


def test_symfony_mailer_t_to_nobody(site):
    said, = symfony(site, "/usr/sbin/sendmail -t -i", NOBODY)
    assert said.startswith("failed ") and "exit code 67" in said and REFUSAL in said
    site.failed()
    site.read("web@example.org")    # the Bcc


# git


def git(site, *args):
    return site.run("git", *args, env={"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
                                       "GIT_AUTHOR_NAME": "Dev", "GIT_COMMITTER_NAME": "Dev",
                                       "GIT_AUTHOR_EMAIL": "dev@example.org",
                                       "GIT_COMMITTER_EMAIL": "dev@example.org"})


@pytest.fixture
def series(site):
    """Three patches of a repository in the home folder."""
    steps = [("init", "-q", ".")]
    for n in (1, 2, 3):
        steps += [("commit", "-q", "--allow-empty", "-m", f"change {n}")]
    for n, step in enumerate(steps):
        if step[0] == "commit":
            site.file("home/text", f"line {n}\n.\nFrom here\n", mode=0o644)
            quiet(git(site, "add", "text"))
        quiet(git(site, *step))
    run = git(site, "format-patch", "-q", "--root", "--thread", "-o", "patches", "HEAD")
    quiet(run)
    return sorted(str(p) for p in (site.folder / "home/patches").glob("*.patch"))


def send_email(site, *args):
    return git(site, "send-email", "--quiet", "--confirm=never", "--from=Dev <dev@example.org>",
               "--envelope-sender=dev@example.org", "--suppress-cc=all", *args)


def test_git_send_email(site, series):
    run = send_email(site, f"--to={B}", *series)
    assert (run.returncode, run.stderr) == (0, ""), run
    assert site.succeeded(3) == [["-f", "dev@example.org", "-i", B]] * 3
    stored = [site.read("dev@example.org") for _ in range(3)]
    stored.sort(key=lambda message: field(message, "Subject"))
    assert [field(m, "Subject") for m in stored] == \
        [f"[PATCH {n}/3] change {n}" for n in (1, 2, 3)]
    assert {field(m, "In-Reply-To") for m in stored[1:]} == {field(stored[0], "Message-ID")}
    for message, file in zip(stored, series):
        patch = Path(file).read_bytes().split(b"\n\n", 1)[1]
        assert body_of(message) == patch.replace(b"\n", b"\r\n")


def test_git_send_email_to_nobody(site, series):
    run = send_email(site, f"--to={NOBODY}", series[0])
    assert run.returncode != 0 and site.failed() in run.stderr, run


# mail user agents: the same message by each of them

TEXT = b"hello\n.\n\xc3\xa4\n"
AGENTS = {
    # agent: its command line (the recipient follows), what sendmail gets in front of that
    "mutt": (["mutt", "-n", "-F", "muttrc", "-s", "hi", "--"],
             ["-oem", "-oi", "-f", "ann@example.org", "--"]),
    "s-nail": (["s-nail", "-:/", "-S", "sendwait", "-S", "sendcharsets=utf-8",
                "-r", "ann@example.org", "-s", "hi"],
               ["-i", "-f", "ann@example.org", "--"]),
    "bsd-mailx": (["bsd-mailx", "-n", "-r", "ann@example.org", "-s", "hi"],
                  ["-i", "-t", "-f", "ann@example.org"]),
}
MUTTRC = """
set from=ann@example.org use_from=yes use_envelope_from=yes
set copy=no record='' send_charset=utf-8
"""


def compose(site, agent, recipient):
    site.file("home/muttrc", MUTTRC, mode=0o644)
    return site.run(*AGENTS[agent][0], recipient, input=TEXT)


@pytest.mark.parametrize("agent", AGENTS)
def test_mail_user_agent(site, agent):
    quiet(compose(site, agent, B))
    expected = AGENTS[agent][1] + ([B] if "-t" not in AGENTS[agent][1] else [])
    assert site.succeeded() == [expected]
    message = site.read("ann@example.org")
    assert field(message, "To") == B and field(message, "Subject") == "hi"
    text = email.message_from_bytes(message).get_payload(decode=True)
    assert text == TEXT.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("agent", AGENTS)
def test_mail_user_agent_to_nobody(site, agent):
    run = compose(site, agent, NOBODY)
    assert run.returncode != 0, run
    assert site.failed() in run.stdout + run.stderr, run
    if agent == "bsd-mailx":
        assert "67" in run.stderr, run
    if agent == "mutt":
        assert "user unknown" in (run.stdout + run.stderr).lower(), run
