"""The callers of sendmail, each with its own words and habits."""

import os
import pwd
import shlex
import signal
import subprocess
from dataclasses import dataclass

import pytest

from conversation import Conversation
from expect import body_of, delivered, failed, field, has, untouched
from program import PATIENCE
from smtpscript import CLOSE

CRON = (b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> true\n"
        b"MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
        b"Content-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n\ndone \xe2\x9c\x93\n")
CRONIE = (b"From: \"(Cron Daemon)\" <root>\nTo: ops@example.net\nSubject: Cron <root@host> true\n"
          b"Auto-Submitted: auto-generated\n\ndone\n")
ANACRON = (b"From: Anacron <root>\nTo: root\nSubject: Anacron job 'cron.daily'\n"
           b"Content-Type: text/plain; charset=\"UTF-8\"\n\n/etc/cron.daily/x:\n.\ndone\n")
BUSYBOX = b"To: b@example.net\nSubject: cron: true\n\ndone\n"
AT = b"Subject: Output from your job        1\nTo: root\n\nx\n.\ny\n"
SUDO = (b"To: root\nFrom: user\nAuto-Submitted: auto-generated\n"
        b"Subject: *** SECURITY information for host ***\n\nhost : user : x\n")
MDADM = b"From: mdadm monitoring <root>\nTo: root\nSubject: Fail event\n\nx\n.\ny\n"
LOGWATCH = b"To: root\nFrom: Logwatch@host\nSubject: Logwatch\n\na\n.\nb\n"
FAIL2BAN = (b"Subject: [Fail2Ban] sshd: banned 192.0.2.1\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
            b"From: Fail2Ban <fail2ban>\nTo: root\n\nHi,\n.\n")
QUOTED = (b"From: root\nTo: root\nSubject: x\nContent-Transfer-Encoding: quoted-printable\n\n"
          b"x=3Dy\nsoft=\n break\n")
TEXT = b"To: b@example.net\nSubject: hi\n\nhello\n"
DOT = TEXT + b".\nmore\n"
PHP = (b"To: b@example.net\r\nSubject: hi\r\nX-PHP-Originating-Script: 0:x.php\r\n\r\n"
       b"hello\r\nworld")
PHP_MIXED = (b"To: b@example.net\nSubject: hi\nFrom: web@example.org\r\nBcc: c@example.net\r\n"
             b"\nhi\r\n")
WITH_BCC = (b"From: web@example.org\r\nTo: b@example.net\r\nBcc: c@example.net\r\n"
            b"Subject: hi\r\n\r\nhello\r\n.\r\nworld\r\n")
PATCH = (b"From: Dev <dev@example.org>\nTo: list@example.net\nCc: b@example.net\n"
         b"Subject: [PATCH] tidy\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
         b"Message-ID: <20260101000000.1-1-dev@example.org>\nX-Mailer: git-send-email 2.47\n\n"
         b"---\n a.c | 1 +\n\n-- \n2.47\n")
ROOT, B, C = "root@example.com", "b@example.net", "c@example.net"
ANN, DEV, WEB = "ann@example.org", "dev@example.org", "web@example.org"
MACHINE = "machine@example.com"     # the account's from: for senders that cannot leave the host


@dataclass
class Caller:
    """`command` begins with S for /usr/sbin/sendmail, or with a name found by PATH. `sender` is
    the envelope's. `how` is the way the caller starts sendmail and feeds it, see FEEDS."""
    command: str
    text: bytes
    recipients: list
    sender: str = MACHINE
    how: str = "pipe"


CALLERS = {
    "debian-cron": Caller("S -FCronDaemon -i -B8BITMIME -oem root", CRON, [ROOT]),
    "debian-cron-list": Caller("S -FCronDaemon -i -B8BITMIME -oem root,b@example.net", CRON,
                               [ROOT, B]),
    "vixie-cron": Caller("S -FCronDaemon -odi -oem -or0s -B8BITMIME root", CRON, [ROOT]),
    "cronie": Caller("S -FCronDaemon -i -odi -oem -oi -t -f root", CRONIE, ["ops@example.net"],
                     how="pieces"),
    "cronie-address": Caller("S -FCronDaemon -i -odi -oem -oi -t -f ann@example.org", CRONIE,
                             ["ops@example.net"], ANN, how="pieces"),
    "anacron": Caller("S -FAnacron -odi root", ANACRON, [ROOT], how="file"),
    "busybox-crond": Caller("sendmail -ti", BUSYBOX, [B]),
    "systemd-cron": Caller("sendmail -i -B 8BITMIME root", CRON, [ROOT]),
    "at": Caller("sendmail -i root", AT, [ROOT]),
    "sudo": Caller("S -t", SUDO, [ROOT], how="sudo"),
    "mdadm": Caller("S -t", MDADM, [ROOT]),
    "logwatch": Caller("S -t", LOGWATCH, [ROOT]),
    "fail2ban": Caller("S -f fail2ban root", FAIL2BAN, [ROOT]),
    "unattended-upgrades": Caller("S -oi -t", QUOTED, [ROOT]),
    "apt-listchanges": Caller("S -oi -t", QUOTED, [ROOT]),
    "reportbug": Caller("S -f 'Ann <ann@example.org>' -oi -oem b@example.net c@example.net", TEXT,
                        [B, C], ANN),
    "bsd-mailx": Caller("sendmail -i -t -f ann@example.org -m", TEXT, [B], ANN),
    "bsd-mailx-by-smartd": Caller("sendmail -i -t", TEXT, [B]),
    "mailutils": Caller("S -oi -f ann@example.org -t", TEXT, [B], ANN),
    "s-nail": Caller("sendmail -i -m -F 'Ann Example' -f ann@example.org -- b@example.net", TEXT,
                     [B], ANN),
    "mutt": Caller("S -oem -oi -- b@example.net", TEXT, [B]),
    "mutt-dsn": Caller("S -oem -oi -B8BITMIME -f ann@example.org -N failure,delay -R hdrs --"
                       " b@example.net c@example.net", TEXT, [B, C], ANN),
    "aerc": Caller("sendmail b@example.net c@example.net", TEXT, [B, C]),
    "git-send-email": Caller("S -f dev@example.org -i list@example.net b@example.net", PATCH,
                             ["list@example.net", B], DEV, how="shell"),
    "php": Caller("S -t -i", PHP, [B], how="shell"),
    "php-fifth-argument": Caller("S -t -i -fweb@example.org", PHP, [B], WEB, how="shell"),
    "php-before-8": Caller("S -t -i", PHP_MIXED, [B, C], WEB, how="shell"),
    "phpmailer": Caller("S -fweb@example.org -i -t", PHP_MIXED, [B, C], WEB, how="shell"),
    "symfony-t": Caller("S -i -f'web@example.org' b@example.net", PHP, [B], WEB, how="shell"),
    "symfony-t-2026": Caller("S -i -f'web@example.org' -- b@example.net c@example.net", PHP,
                             [B, C], WEB, how="shell"),
    "symfony": Caller("S -bs", WITH_BCC, [B, C], WEB, how="dialogue"),
    "nextcloud": Caller("S -bs", WITH_BCC, [B], WEB, how="dialogue"),
    "laravel": Caller("S -bs -i", WITH_BCC, [B], WEB, how="dialogue"),
    "nodemailer": Caller("sendmail -i -f web@example.org b@example.net c@example.net", WITH_BCC,
                         [B, C], WEB),
    "perl-email-sender": Caller("sendmail -i -f web@example.org -- b@example.net", DOT, [B], WEB),
    "perl-mime-lite": Caller("S -t -oi -oem -fweb@example.org", TEXT, [B], WEB),
    "ruby-mail": Caller("S -i -f web@example.org -- b@example.net", DOT, [B], WEB),
    "go-mail": Caller("S -oi -t", WITH_BCC, [B, C], WEB),
    "gitea": Caller("sendmail -f web@example.org -i b@example.net", TEXT, [B], WEB),
    "lettre": Caller("sendmail -i -f web@example.org -- b@example.net", TEXT, [B], WEB),
    "swoosh": Caller("S -f'web@example.org' -oi -t", PHP_MIXED, [B, C], WEB, how="deaf"),
    "proxmox": Caller("sendmail -B 8BITMIME -f web@example.org -- b@example.net", DOT, [B], WEB),
}


def feed_pipe(program, caller, **how):
    return program.finish(start(program, caller, **how), caller.text)


def feed_file(program, caller):
    file = program.file("spooled", caller.text)
    with file.open("rb") as stdin:
        return program.finish(start(program, caller, stdin=stdin))


def feed_pieces(program, caller):
    """Started at the job's first byte of output; the pipe stays open as long as the job runs."""
    process = start(program, caller)
    for line in caller.text.splitlines(True):
        process.stdin.write(line)
        process.stdin.flush()
    return program.finish(process)


def feed_shell(program, caller):
    return feed_pipe(program, caller, through='"$@"')


def feed_deaf(program, caller):
    """Nobody reads what we say."""
    reader, writer = os.pipe()
    os.close(reader)
    process = start(program, caller, stdout=writer)
    os.close(writer)
    return program.finish(process, caller.text)


def feed_sudo(program, caller):
    """Hardly any environment, all but the message on /dev/null."""
    return feed_pipe(program, caller, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                     env={"HOME": "/", "LOGNAME": "root", "USER": "root"})


def feed_dialogue(program, caller):
    talk = Conversation(program, **world(program, caller, through='"$@"'))
    talk.begin(caller.sender, caller.recipients)
    assert str(talk.finish(caller.text)) == "250 Ok: queued as 4711"
    talk.say("QUIT", 221)
    return talk.close()


FEEDS = {name.removeprefix("feed_"): feed for name, feed in list(globals().items())
         if name.startswith("feed_")}


def world(program, caller, through=None, env=None):
    """How Program.start() starts sendmail as the caller does. cwd is / and there is no $HOME: a
    daemon's child. `through`: what sh makes of "$@"."""
    name, *args = shlex.split(caller.command)
    argv = program.command(args)
    if name != "S":
        argv[argv.index(program.path())] = name
    if through is not None:
        argv = ["/bin/sh", "-c", through, "-", *argv]
    environment = {"HOME": None, "TMPDIR": None, "PATH": f"{program.bin}:{program.env['PATH']}"}
    return {"argv": argv, "cwd": "/", "env": {**environment, **(env or {})}}


def start(program, caller, through=None, env=None, **popen):
    return program.start(**world(program, caller, through, env), **popen)


@pytest.fixture
def server(rig):
    return rig.serve(settings={"domain": "example.com"}, account={"from": MACHINE},
                     steps={"end": "250 2.0.0 Ok: queued as 4711"})


@pytest.mark.parametrize("name", CALLERS)
def test_caller(rig, server, name):
    caller = CALLERS[name]
    message = delivered(FEEDS[caller.how](rig.program, caller), server)
    assert [r.decode() for r in message.recipients] == caller.recipients
    assert message.sender.decode().split(" ")[0] == f"<{caller.sender}>"
    assert not has(message.data, "Bcc")
    for field_name in ("From", "Date", "Message-ID"):
        assert field(message.data, field_name)
    lines = caller.text.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1].removesuffix(b"\n")
    assert body_of(message.data) == lines.replace(b"\n", b"\r\n") + b"\r\n"


def test_cron_gets_its_name(rig, server):
    message = delivered(rig.send("-FCronDaemon", "root", input=b"Subject: x\n\nx\n"), server)
    login = pwd.getpwuid(os.getuid()).pw_name
    assert field(message.data, "From") == \
        f'"CronDaemon ({login}@client.example.org)" <machine@example.com>'


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


def test_nodemailer_aborts(rig, server):
    process = rig.program.start("-i", "-f", WEB, B)
    process.stdin.write(WITH_BCC)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == -signal.SIGINT
    rig.program.finish(process)
    untouched(server)


def test_lettre_reads_utf_8_from_stderr(rig):
    rig.serve(steps={"rcpt": b"550 5.1.1 nobody \xff\xfe here\r\n"})
    done = rig.send("-i", "-f", WEB, "--", B)
    failed(done, 67, "5.1.1 nobody")
    done.stderr.decode("utf-8")


def test_symfony_after_a_refusal(rig):
    """The next message of the same process is sent, over the same connection."""
    server = rig.serve(steps={"rcpt2": "550 5.1.1 nobody here"})
    with rig.talk() as talk:
        talk.say(f"MAIL FROM:<{WEB}>", 250)
        talk.say(f"RCPT TO:<{B}>", 250)
        talk.say(f"RCPT TO:<{C}>", 550)
        talk.say("RSET", 250)
        talk.say("NOOP", 250)
        talk.send(WITH_BCC, WEB, [B])
    assert [m.recipients for m in server.only.messages] == [[B.encode()]]
