"""postfix.py - a real Postfix with TLS and SASL AUTH, from a folder of its own.

It shares nothing with a Postfix of the system: configuration, queue, log, passwords and the
delivered mail are in one temporary folder, the ports are free ones of 127.0.0.1, and its master
is our child. Its daemons drop root by themselves, so it has to be started by root.

Mail to `recipient` is handed byte for byte, CRLF line ends included, to a script that puts it
into a file; any other recipient is refused with 550 5.1.1. Nothing leaves the machine.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

SBIN = Path("/usr/lib/postfix/sbin")
NEEDED = (SBIN / "master", Path("/usr/sbin/postfix"), Path("/usr/sbin/saslpasswd2"))
PATIENCE = 30

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
shlib_directory = /usr/lib/postfix
daemon_directory = {sbin}
multi_instance_enable = no
syslog_name = throwaway
alias_maps =
alias_database =
import_environment = PATH MAIL_CONFIG MAIL_LOGTAG
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.test
mydestination =
mynetworks =
relayhost =
default_transport = error:5.4.0 nothing leaves this host
relay_transport = error:5.4.0 nothing leaves this host
virtual_mailbox_domains = example.net
virtual_mailbox_maps = inline:{{ {{ {recipient} = yes }} }}
virtual_transport = file
file_destination_recipient_limit = 1
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_chain_files = {certificate}
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = example.test
cyrus_sasl_config_path = {folder}/config/sasl
smtpd_peername_lookup = no
local_header_rewrite_clients =
smtpd_client_connection_count_limit = 0
anvil_rate_time_unit = 1s
biff = no
enable_long_queue_ids = yes
"""

# -o on the two listeners alone: the rest of the services are the usual internal ones.
MASTER_CF = """
127.0.0.1:{submission} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
127.0.0.1:{smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
file unix - n n - - pipe
  user=nobody null_sender= eol=\\r\\n argv={folder}/deliver ${{queue_id}} ${{sender}} ${{recipient}}
"""

DELIVER = """#!/bin/sh
# One file a message: named by queue id, complete once it has its name; beside it the envelope.
set -e
cd '{folder}/mail'
cat >".$1"
printf '%s\\n%s\\n' "$2" "$3" >"$1.envelope"
mv ".$1" "$1.eml"
"""

# Debian's Postfix reads this from config_directory/sasl; cyrus_sasl_config_path says the same.
SMTPD_CONF = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/config/sasl/sasldb2
mech_list: PLAIN LOGIN
"""


def _free_ports(count):
    """Ports that nobody listens on now; all held at once, so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


# Under CI a missing right is a failure, as a missing package is everywhere.
needs_root = pytest.mark.skipif(os.geteuid() != 0 and not os.environ.get("CI"),
                                reason="only root can start Postfix")


class Postfix:
    """A running Postfix. A context manager; leaving it leaves nothing."""

    recipient = "b@example.net"

    def __init__(self, certificate, user, password, settings=None):
        """`settings`: more of main.cf, such as {"smtputf8_enable": "no"}."""
        absent = [str(path) for path in NEEDED if not path.exists()]
        assert not absent, f"not installed: {', '.join(absent)}"
        # Not pytest's folder: that is closed to Postfix's own user.
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.folder.chmod(0o755)
        self.master = None
        self.pause = threading.Event()
        self.submission, self.smtps = _free_ports(2)
        values = {"folder": self.folder, "sbin": SBIN, "recipient": self.recipient,
                  "submission": self.submission, "smtps": self.smtps,
                  "certificate": self.folder / "certificate.pem"}
        shutil.copyfile(certificate, values["certificate"])
        values["certificate"].chmod(0o600)
        for name in ("config", "config/sasl", "mail", "queue", "data"):
            (self.folder / name).mkdir(mode=0o755)
        (self.folder / "mail").chmod(0o1777)
        shutil.chown(self.folder / "data", "postfix")
        more = "".join(f"{name} = {value}\n" for name, value in (settings or {}).items())
        for name, text in (("config/main.cf", MAIN_CF), ("config/master.cf", MASTER_CF),
                           ("config/sasl/smtpd.conf", SMTPD_CONF), ("deliver", DELIVER)):
            (self.folder / name).write_text(text.format(**values))
        with (self.folder / "config/main.cf").open("a") as file:
            file.write(more)
        (self.folder / "deliver").chmod(0o755)
        database = self.folder / "config/sasl/sasldb2"
        subprocess.run(["saslpasswd2", "-p", "-c", "-f", database, "-u", "example.test", user],
                       input=password.encode(), check=True)
        shutil.chown(database, "postfix")

    def start(self):
        config = self.folder / "config"
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                 "stderr": subprocess.STDOUT, "text": True, "cwd": "/"}
        made = subprocess.run(["/usr/sbin/postfix", "-c", config, "check"], check=False, **quiet)
        assert made.returncode == 0, made.stdout
        # A group of its own: stopping the group reaches every daemon, however far it got.
        self.master = subprocess.Popen([SBIN / "master", "-c", config, "-d"],
                                       start_new_session=True,
                                       env={"PATH": os.environ["PATH"], "MAIL_CONFIG": config},
                                       **{**quiet, "stdout": subprocess.DEVNULL})
        for port in (self.submission, self.smtps):
            self.wait_for(lambda port=port: self.listens(port), f"nobody at port {port}")
        return self

    @staticmethod
    def listens(port):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except ConnectionRefusedError:
            return False

    def wait_for(self, condition, complaint):
        for _ in range(PATIENCE * 100):
            if condition():
                return
            if self.master is not None and self.master.poll() is not None:
                break
            self.pause.wait(0.01)
        raise AssertionError(f"{complaint}\n{self.log()}")

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def halt(self):
        """Stops the server; the folder and what was delivered stay."""
        if self.master is not None:
            try:
                os.killpg(self.master.pid, signal.SIGTERM)
                self.master.wait(PATIENCE)
                os.killpg(self.master.pid, signal.SIGKILL)  # whoever is left of the group
            except ProcessLookupError:
                pass
            self.master = None

    def stop(self):
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    def delivered(self, already=()):
        """Waits for the next message that is not in `already`: (name, sender, recipient, bytes).
        Postfix's own Received: field is taken off the bytes; nothing else was added."""
        mail = self.folder / "mail"

        def new():
            return sorted(p for p in mail.glob("*.eml") if p.name not in already)

        self.wait_for(new, "no message was delivered")
        path = new()[0]
        sender, recipient = path.with_suffix(".envelope").read_text().splitlines()
        return path.name, sender, recipient, without_received(path.read_bytes())


def without_received(message):
    """The message without the Received: field in front of it, folded lines included."""
    lines = message.split(b"\r\n")
    assert lines[0].startswith(b"Received:"), lines[0]
    end = 1
    while lines[end][:1] in (b" ", b"\t"):
        end += 1
    return b"\r\n".join(lines[end:])
