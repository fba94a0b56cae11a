"""exim.py - a real Exim with TLS and AUTH.

It cannot be installed beside Postfix, so its package is only unpacked; the user it wants to be is
made up by a library (nss_wrapper), and is nobody. Mail to b@example.net is handed on to a server of
ours, all other is refused. It has to be started by root.

It has everything an Exim can offer: CHUNKING, PIPECONNECT, SMTPUTF8, DSN, tickets for later
sessions. Its passwords are its own for PLAIN, LOGIN and CRAM-MD5, those of Cyrus SASL for SCRAM;
EXTERNAL believes the client's certificate.
"""

import os
import pwd
import subprocess
import tempfile
from pathlib import Path

import daemon

LIBRARY = "libnss_wrapper.so"
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "EXTERNAL")

CONF = """
primary_hostname = mail.example.test
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/pid
log_selector = +pipelining +tls_resumption +smtp_incomplete_transaction
keep_environment = LD_PRELOAD : ^NSS_WRAPPER : SASL_CONF_PATH
add_environment = PATH=/usr/bin
local_interfaces = 127.0.0.1
daemon_smtp_ports = {starttls} : {implicit}
tls_on_connect_ports = {implicit}
disable_ipv6
no_write_rejectlog
deliver_drop_privilege
queue_only = false
rfc1413_query_timeout = 0s
smtp_accept_max = 0
message_size_limit = 10M

tls_certificate = {folder}/certificate.pem
tls_verify_certificates = {folder}/ca.pem
tls_try_verify_hosts = *
tls_resumption_hosts = *
dsn_advertise_hosts = *
pipelining_connect_advertise_hosts = *
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
acl_smtp_data = data

begin acl
mail:
  accept encrypted = *
         authenticated = *
  deny message = 5.7.0 TLS and AUTH first
rcpt:
  require message = 5.1.1 nobody has that name here
          verify = recipient
  accept
data:
  accept

begin routers
relay:
  driver = manualroute
  domains = example.net
  local_parts = b
  route_data = 127.0.0.1
  self = send
  transport = relay

begin transports
relay:
  driver = smtp
  port = {relay}
  hosts_avoid_tls = *
  hosts_try_fastopen =

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth3}}{{${{lookup{{$auth2}}lsearch{{{folder}/users}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if eq{{$auth2}}{{${{lookup{{$auth1}}lsearch{{{folder}/users}}}}}}}}
  server_set_id = $auth1
cram_md5:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{lookup{{$auth1}}lsearch{{{folder}/users}}{{$value}}fail}}
  server_set_id = $auth1
scram_sha_1:
  driver = cyrus_sasl
  public_name = SCRAM-SHA-1
  server_realm = example.test
  server_set_id = $auth1
scram_sha_256:
  driver = cyrus_sasl
  public_name = SCRAM-SHA-256
  server_realm = example.test
  server_set_id = $auth1
external:
  driver = external
  public_name = EXTERNAL
  server_advertise_condition = $tls_in_certificate_verified
  server_param2 = ${{certextract{{subject,CN}}{{$tls_in_peercert}}}}
  server_condition = ${{if or{{{{eq{{$auth1}}{{}}}}{{eq{{$auth1}}{{$auth2}}}}}}}}
  server_set_id = $auth2
"""

SASL_CONF = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/sasl/sasldb2
mech_list: SCRAM-SHA-1 SCRAM-SHA-256
"""

UNPACK = """
apt-get download "$1" || { apt-get update && apt-get download "$1"; } || exit
dpkg -x "$1"_*.deb root && chmod -R u-s root
"""


def unpacked(package, folder):
    """Where the files of a Debian package are that is not installed: below `folder`, which keeps
    them for the next time. None of them has a set-user-ID bit."""
    place = folder / package
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=folder) as part:
            done = subprocess.run(["/bin/sh", "-c", UNPACK, "sh", package], cwd=part, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            assert done.returncode == 0, f"{package} cannot be had:\n{done.stdout}"
            (Path(part) / "root").rename(place)
    return place


class Exim(daemon.Daemon):
    name = "exim"

    def __init__(self, root, certificate, ca, users, relay):
        """`root` has the unpacked package; `relay` is the port that mail is handed on to."""
        super().__init__()
        self.ports = self.starttls, self.implicit = daemon.free_ports(2)
        for name in ("spool", "log", "sasl"):
            (self.folder / name).mkdir()
        values = {"folder": self.folder, "starttls": self.starttls, "implicit": self.implicit,
                  "relay": relay}
        self.private("ca.pem", ca)
        self.private("certificate.pem", certificate)
        self.text("sasl/exim.conf", SASL_CONF.format(**values))
        self.text("users", "".join(f"{user}: {secret}\n" for user, secret in users.items()))
        for user, secret in users.items():
            subprocess.run(["saslpasswd2", "-p", "-c", "-f", self.folder / "sasl/sasldb2",
                            "-u", "example.test", user], input=secret.encode(), check=True)
        nobody = pwd.getpwnam("nobody")
        for path in self.folder.rglob("*"):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        self.text("conf", CONF.format(**values))    # this one must be root's
        self.text("passwd", f"root:x:0:0::/:/bin/sh\n"
                            f"Debian-exim:x:{nobody.pw_uid}:{nobody.pw_gid}::/:/bin/false\n")
        self.text("group", f"root:x:0:\nDebian-exim:x:{nobody.pw_gid}:\n")
        self.command = [Path(root) / "usr/sbin/exim4", "-bdf", "-C", self.folder / "conf"]
        self.env = {"PATH": "/usr/bin", "LD_PRELOAD": LIBRARY,
                    "SASL_CONF_PATH": self.folder / "sasl",
                    "NSS_WRAPPER_PASSWD": self.folder / "passwd",
                    "NSS_WRAPPER_GROUP": self.folder / "group"}
