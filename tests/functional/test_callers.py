"""The callers of sendmail, each with its own words and habits."""

import os
import shlex
import subprocess

import pytest

from expect import body_of, delivered, failed, field, has, silent
from smtpscript import CLOSE

CRON = (b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> true\n"
        b"MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
        b"Content-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n\ndone \xe2\x9c\x93\n")
CRONIE = (b"From: \"(Cron Daemon)\" <root>\nTo: ops@example.net\nSubject: Cron <root@host> true\n"
          b"Auto-Submitted: auto-generated\n\ndone\n")
TEXT = b"To: b@example.net\nSubject: hi\n\nhello\n"
PHP = (b"To: b@example.net\r\nSubject: hi\r\nX-PHP-Originating-Script: 0:x.php\r\n\r\n"
       b"hello\r\nworld")
PHP_MIXED = (b"To: b@example.net\nSubject: hi\nFrom: web@example.org\r\nBcc: c@example.net\r\n"
             b"\nhi\r\n")
PATCH = (b"From: Dev <dev@example.org>\nTo: list@example.net\nCc: b@example.net\n"
         b"Subject: [PATCH] tidy\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
         b"Message-ID: <20260101000000.1-1-dev@example.org>\nX-Mailer: git-send-email 2.47\n\n"
         b"---\n a.c | 1 +\n\n-- \n2.47\n")
ROOT = "root@example.com"
B = "b@example.net"

CALLERS = {
    # caller: command line, message, recipients, sender (None: the account's)
    "debian-cron": ("-FCronDaemon -i -B8BITMIME -oem root", CRON, [ROOT], None),
    "debian-cron-list": ("-FCronDaemon -i -B8BITMIME -oem 'root,b@example.net'", CRON, [ROOT, B],
                         None),
    "vixie-cron": ("-FCronDaemon -odi -oem -or0s -B8BITMIME root", CRON, [ROOT], None),
    "cronie": ("-FCronDaemon -i -odi -oem -oi -t -f root", CRONIE, ["ops@example.net"], ROOT),
    "anacron": ("-FAnacron -odi root", TEXT, [ROOT], None),
    "busybox-crond": ("-ti", TEXT, [B], None),
    "systemd-cron": ("-i -B 8BITMIME root", CRON, [ROOT], None),
    "at": ("-i root", b"Subject: Output from your job 1\nTo: root\n\nx\n", [ROOT], None),
    "sudo": ("-t", b"To: root\nFrom: user\nAuto-Submitted: auto-generated\n"
             b"Subject: *** SECURITY ***\n\nhost : user : x\n", [ROOT], None),
    "mdadm": ("-t", b"From: mdadm monitoring <root>\nTo: root\nSubject: Fail\n\nx\n.\ny\n", [ROOT],
              None),
    "logwatch": ("-t", b"To: root\nFrom: Logwatch@host\nSubject: x\n\na\n.\nb\n", [ROOT], None),
    "fail2ban": ("-f fail2ban root", b"Subject: ban\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
                 b"From: Fail2Ban <fail2ban>\nTo: root\n\nx\n", [ROOT], "fail2ban@example.com"),
    "apt-listchanges": ("-oi -t", b"From: root\nTo: root\nSubject: x\n\nx=3D\n", [ROOT], None),
    "reportbug": ("-f 'Ann <ann@example.org>' -oi -oem b@example.net c@example.net", TEXT,
                  [B, "c@example.net"], "ann@example.org"),
    "bsd-mailx": ("-i -t -f ann@example.org -m", TEXT, [B], "ann@example.org"),
    "mailutils": ("-oi -f ann@example.org -t", TEXT, [B], "ann@example.org"),
    "s-nail": ("-i -m -F 'Ann Example' -f ann@example.org -- b@example.net", TEXT, [B],
               "ann@example.org"),
    "mutt": ("-oem -oi -B8BITMIME -f ann@example.org -N failure -R hdrs -- b@example.net", TEXT,
             [B], "ann@example.org"),
    "aerc": ("b@example.net c@example.net", TEXT, [B, "c@example.net"], None),
    "git-send-email": ("-f dev@example.org -i list@example.net b@example.net", PATCH,
                       ["list@example.net", B], "dev@example.org"),
    "php": ("-t -i", PHP, [B], None),
    "php-f": ("-t -i -fweb@example.org", PHP, [B], "web@example.org"),
    "php-before-8": ("-t -i", PHP_MIXED, [B, "c@example.net"], "web@example.org"),
    "phpmailer": ("-fweb@example.org -i -t", PHP_MIXED, [B, "c@example.net"], "web@example.org"),
    "symfony": ("-i -f'web@example.org' b@example.net", PHP, [B], "web@example.org"),
    "nodemailer": ("-i -f web@example.org b@example.net c@example.net", PHP_MIXED,
                   [B, "c@example.net"], "web@example.org"),
    "perl": ("-i -f web@example.org -- b@example.net", TEXT, [B], "web@example.org"),
    "mime-lite": ("-t -oi -oem -fweb@example.org", TEXT, [B], "web@example.org"),
    "ruby": ("-i -f web@example.org -- b@example.net", TEXT, [B], "web@example.org"),
    "go-mail": ("-oi -t", TEXT, [B], None),
    "swoosh": ("-f'web@example.org' -oi -t", PHP_MIXED, [B, "c@example.net"], "web@example.org"),
    "proxmox": ("-B 8BITMIME -f web@example.org -- b@example.net", TEXT + b".\nmore\n", [B],
                "web@example.org"),
}


@pytest.fixture
def server(rig):
    return rig.serve(settings={"domain": "example.com"}, account={"from": "machine@example.com"})


@pytest.mark.parametrize("caller", CALLERS)
def test_caller(rig, server, caller):
    command, text, recipients, sender = CALLERS[caller]
    done = rig.program.run(*shlex.split(command), input=text, cwd="/",
                           env={"HOME": None, "TMPDIR": None})
    message = delivered(done, server)
    assert [r.decode() for r in message.recipients] == recipients
    assert message.sender.decode().split(" ")[0] == f"<{sender or 'machine@example.com'}>"
    assert not has(message.data, "Bcc")
    for name in ("From", "Date", "Message-ID"):
        assert has(message.data, name)
    lines = text.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1].removesuffix(b"\n").split(b"\n")
    assert body_of(message.data) == b"".join(line + b"\r\n" for line in lines)


def test_cron_gets_its_name(rig, server):
    message = delivered(rig.send("-FCronDaemon", "root", input=b"Subject: x\n\nx\n"), server)
    assert field(message.data, "From") == "CronDaemon <machine@example.com>"


def test_through_a_shell_like_git_and_php(rig, server):
    silent(rig.program.shell('exec "$@" -i b@example.net', "-f", "dev@example.org", input=PATCH))
    assert server.messages[0].sender.startswith(b"<dev@example.org>")


def test_sudo_s_surroundings(rig, server):
    """Standard output on /dev/null, hardly any environment, a message through a pipe."""
    process = rig.program.start("-t", stdout=subprocess.DEVNULL, cwd="/",
                                env={"HOME": "/", "LOGNAME": "root", "USER": "root",
                                     "TMPDIR": None})
    assert rig.program.finish(process, TEXT).status == 0
    assert len(server.messages) == 1


def test_swoosh_never_reads_our_output(rig, server):
    reader, writer = os.pipe()
    os.close(reader)
    process = rig.program.start("-oi", "-t", stdout=writer, stderr=writer)
    os.close(writer)
    assert rig.program.finish(process, TEXT).status == 0
    assert len(server.messages) == 1


def test_cronie_kills_when_there_is_nothing_to_say(rig, server):
    process = rig.program.start("-t", "-i")
    process.stdin.write(CRONIE)
    process.stdin.flush()
    process.kill()
    assert rig.program.finish(process).status == -9
    assert server.messages == []


def test_git_reads_only_our_stderr(rig):
    rig.serve(steps={"end": CLOSE})
    done = rig.send("-f", "dev@example.org", "-i", "b@example.net", input=PATCH)
    failed(done, 75, "may have been delivered")
