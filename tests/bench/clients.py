"""clients.py - the programs that are compared, and how each is told to send the same thing."""

import os

from ground import PASSWORD, USER

SENDER, RECIPIENT = "a@example.org", "b@example.net"
EHLO_NAME = "client.example.org"

CONF = """hostname = {name}
log = off
{cache}account "default" {{
	host = "{host}"
	port = {port}
	tls = {tls}
	tls_ca_file = "{bundle}"
	user = {user}
	password = {password}
}}
"""
DKIM = """dkim "example.org" {{
	selector = s
	key_file = "{key}"
}}
"""
MSMTPRC = """account default
host {host}
port {port}
tls on
tls_starttls {starttls}
tls_trust_file {bundle}
auth plain
user {user}
password {password}
from {sender}
domain {name}
"""


class Client:
    """One column of the table. argv() is for a server's port and a kind of TLS."""

    name = None

    def __init__(self, ground):
        self.ground = ground

    def argv(self, host, port, tls, recipients=(RECIPIENT,)):
        raise NotImplementedError

    def prepare(self, argv, message):
        """What comes before each measured series."""


class Mailchute(Client):
    name = "mailchute"
    cached = False

    def __init__(self, ground, program, sign=True):
        super().__init__(ground)
        self.program, self.sign = program, sign

    def command(self, host, port, tls):
        cache = f"cache = {'on' if self.cached else 'off'}\n"
        if self.cached:
            folder = self.ground.folder / "cache"
            folder.mkdir(mode=0o700, exist_ok=True)
            cache += f'cache_dir = "{folder}"\n'
        text = CONF.format(name=EHLO_NAME, cache=cache, host=host, port=port, tls=tls,
                           bundle=self.ground.bundle, user=USER, password=PASSWORD)
        if self.sign:
            text += DKIM.format(key=self.ground.key)
        conf = self.ground.file(f"conf-{self.cached}-{self.sign}-{host}-{port}", text)
        return [self.program, "--config", conf, "-f", SENDER]

    def argv(self, host, port, tls, recipients=(RECIPIENT,)):
        return [*self.command(host, port, tls), *recipients]


class CachedMailchute(Mailchute):
    name = "cached"
    cached = True

    def prepare(self, argv, message):
        self.ground.runs(argv, message)


class Msmtp(Client):
    name = "msmtp"

    def argv(self, host, port, tls, recipients=(RECIPIENT,)):
        starttls = "on" if tls == "starttls" else "off"
        conf = self.ground.file(f"msmtprc-{host}-{port}", MSMTPRC.format(
            host=host, port=port, starttls=starttls, bundle=self.ground.bundle, user=USER,
            password=PASSWORD, sender=SENDER, name=EHLO_NAME))
        return ["/usr/bin/msmtp", "-C", conf, *recipients]


class Curl(Client):
    name = "curl"

    def argv(self, host, port, tls, recipients=(RECIPIENT,)):
        scheme = "smtps" if tls == "implicit" else "smtp"
        named = [word for r in recipients for word in ("--mail-rcpt", r)]
        return ["/usr/bin/curl", "-sS", "--ssl-reqd", "--cacert", self.ground.bundle, "--url",
                f"{scheme}://{host}:{port}/{EHLO_NAME}", "--login-options", "AUTH=PLAIN",
                "--user", f"{USER}:{PASSWORD}", "--mail-from", SENDER, *named, "--crlf",
                "--upload-file", "-"]


class Swaks(Client):
    name = "swaks"

    def argv(self, host, port, tls, recipients=(RECIPIENT,)):
        return ["/usr/bin/swaks", "--silent", "3", "--server", host, "--port", port,
                "--tls" if tls == "starttls" else "--tls-on-connect", "--tls-verify",
                "--tls-ca-path", self.ground.bundle, "--auth", "PLAIN", "--auth-user", USER,
                "--auth-password", PASSWORD, "--helo", EHLO_NAME, "--from", SENDER,
                "--to", ",".join(recipients), "--data", "-"]


def everyone(ground, program):
    return [Mailchute(ground, program), CachedMailchute(ground, program), Msmtp(ground),
            Curl(ground), Swaks(ground)]


def program_to_measure(build):
    given = os.environ.get("MAILCHUTE")
    return os.path.abspath(given) if given else build()
