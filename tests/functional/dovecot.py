"""dovecot.py - a real Dovecot, for submission by SMTP and for delivery by LMTP.

It shares nothing with a Dovecot of the system. What it takes for submission it hands on to a server
of ours; what it takes by LMTP it stores in the recipient's folder of `mail`. Beside passwords it
knows the tokens that token() makes (JSON Web Tokens, which it checks by itself), and whom a
client's certificate names. It has to be started by root.
"""

import base64
import hashlib
import hmac
import json
import os
import pwd
import time
from pathlib import Path

import daemon

BINARY = Path("/usr/sbin/dovecot")
LMTP = Path("/usr/lib/dovecot/lmtp")
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "XOAUTH2",
              "OAUTHBEARER", "EXTERNAL")
KEY = b"a key that is shared with nobody"

CONF = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = /dev/stderr
instance_name = throwaway
protocols = submission lmtp
listen = 127.0.0.1
hostname = mail.example.test
ssl = required
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/certificate.pem
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
auth_username_format = %Ln
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_ssl = no
mail_location = maildir:~/
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
  args = {folder}/users
}}
passdb {{
  driver = static
  mechanisms = external
  args = nopassword=y
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
}}
service submission-login {{
  # One process for all, which has the key that its tickets are made with.
  service_count = 0
  process_min_avail = 1
  inet_listener submission {{
    port = {starttls}
  }}
  inet_listener submissions {{
    port = {implicit}
    ssl = yes
  }}
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0600
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""

CLIENTS = """
ssl_ca = <{client}
ssl_verify_client_cert = yes
ssl_require_crl = no
auth_ssl_username_from_cert = yes
"""

OAUTH = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/keys/
username_attribute = sub
"""


def token(user, key=KEY):
    """A JSON Web Token that says who the user is, RFC 7519."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    now = int(time.time())
    text = b".".join(part(json.dumps(x).encode()) for x in (
        {"typ": "JWT", "alg": "HS256"}, {"sub": user, "iat": now - 60, "exp": now + 3600}))
    return (text + b"." + part(hmac.new(key, text, hashlib.sha256).digest())).decode()


class Dovecot(daemon.Daemon):
    name = "dovecot"

    def __init__(self, certificate, client, users, relay):
        """`client` is a certificate whose owner is believed to be whom it names, or the CA of such
        ones, or None; `relay` a port."""
        super().__init__()
        for path in (BINARY, LMTP):
            assert path.exists(), "not installed: dovecot-submissiond, dovecot-lmtpd"
        self.ports = self.starttls, self.implicit = daemon.free_ports(2)
        self.lmtp = self.folder / "run/lmtp"
        self.private("certificate.pem", certificate)
        nobody = pwd.getpwnam("nobody")
        (self.folder / "mail").mkdir()
        os.chown(self.folder / "mail", nobody.pw_uid, nobody.pw_gid)
        keys = self.folder / "keys/default/HS256"
        keys.mkdir(parents=True)
        (keys / "default").write_bytes(base64.b64encode(KEY))
        ids = f"{nobody.pw_uid}:{nobody.pw_gid}"
        self.text("users", "".join(
            f"{user}:{{PLAIN}}{password}:{ids}::{self.folder}/mail/{user}::\n"
            for user, password in users.items()))
        values = {"folder": self.folder, "starttls": self.starttls, "implicit": self.implicit,
                  "relay": relay, "client": client, "mechanisms": " ".join(MECHANISMS).lower()}
        conf = CONF + (CLIENTS if client else "")
        self.text("dovecot.conf", conf.format(**values))
        self.text("oauth2.conf", OAUTH.format(**values))
        self.command = [BINARY, "-F", "-c", self.folder / "dovecot.conf"]
