"""dovecotserver.py - a real Dovecot that takes mail for submission, from a folder of its own.

It shares nothing with a Dovecot of the system. What it takes it hands on to a server of ours, which
is to be there first. Beside passwords it knows the tokens that token() makes (JSON Web Tokens,
which it checks by itself). It has to be started by root.
"""

import base64
import hashlib
import hmac
import json
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

BINARY = Path("/usr/sbin/dovecot")
PATIENCE = 30
MECHANISMS = "plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer external"
KEY = b"a key that is shared with nobody"

CONF = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
instance_name = throwaway
protocols = submission
listen = 127.0.0.1
hostname = mail.example.test
ssl = required
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/certificate.pem
ssl_ca = <{client}
ssl_verify_client_cert = yes
ssl_require_crl = no
auth_ssl_username_from_cert = yes
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_ssl = no
mail_location = maildir:{folder}/mail
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
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail
}}
service submission-login {{
  inet_listener submission {{
    port = 0
  }}
  inet_listener submissions {{
    port = {port}
    ssl = yes
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


class Dovecot:
    """A running Dovecot. A context manager; leaving it leaves nothing."""

    def __init__(self, certificate, client, users, relay):
        """`client` is a certificate whose owner is believed to be whom it names; `relay` a port."""
        assert BINARY.exists(), "not installed: dovecot-submissiond"
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.folder.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = None
        shutil.copyfile(certificate, self.folder / "certificate.pem")
        (self.folder / "mail").mkdir()
        shutil.chown(self.folder / "mail", "nobody", "nogroup")
        keys = self.folder / "keys/default/HS256"
        keys.mkdir(parents=True)
        (keys / "default").write_bytes(base64.b64encode(KEY))
        (self.folder / "users").write_text(
            "".join(f"{user}:{{PLAIN}}{password}\n" for user, password in users.items()))
        values = {"folder": self.folder, "port": self.port, "relay": relay, "client": client,
                  "mechanisms": MECHANISMS}
        (self.folder / "dovecot.conf").write_text(CONF.format(**values))
        (self.folder / "oauth2.conf").write_text(OAUTH.format(**values))

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def __enter__(self):
        self.process = subprocess.Popen(
            [BINARY, "-F", "-c", self.folder / "dovecot.conf"], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(PATIENCE * 100):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except ConnectionRefusedError:
                if self.process.poll() is not None:
                    break
                threading.Event().wait(0.01)
        complaint = f"{self.process.stdout.read() if self.process.poll() is not None else ''}"
        self.__exit__()
        raise AssertionError(f"Dovecot does not listen: {complaint}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
