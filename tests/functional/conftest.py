"""Fixtures: the program, servers to talk to, and both wired together (see Rig)."""

import os
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True

from certs import Certificates  # noqa: E402
from conversation import Conversation  # noqa: E402
from program import Program  # noqa: E402
from smtpscript import Script, Server  # noqa: E402

USER, PASSWORD = "alice", "secret"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def binary():
    path = os.environ.get("MAILCHUTE", "")
    if not os.path.isabs(path) or not os.access(path, os.X_OK):
        pytest.fail("MAILCHUTE must be the absolute path of the program to test")
    return Path(path)


@pytest.fixture
def program(tmp_path, binary):
    return Program(tmp_path, binary)


def pytest_terminal_summary(terminalreporter):
    """Shows the tables that tests recorded as a property, whichever process ran them: "table" is
    a whole one, "row" is (head of its table, number, line)."""
    tables = {}
    for reports in list(terminalreporter.stats.values()):
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, value in report.user_properties:
                    if name == "table":
                        terminalreporter.write_line(value)
                    elif name == "row":
                        tables.setdefault(value[0], []).append(tuple(value[1:]))
    for head, rows in tables.items():
        terminalreporter.write_line("\n".join([head, *(line for _, line in sorted(rows))]))


class Rig:
    """A program and the scripted servers it sends to.

    rig.serve(...) starts a server and writes a configuration with an account for it;
    rig.send(...) runs the program. Both can be called with nothing for the usual case:
    STARTTLS, AUTH, a trusted certificate.
    """

    def __init__(self, program, certificates):
        self.program, self.certificates = program, certificates
        self.servers = []
        self.unruly = False     # a test that provokes violations says so

    def server(self, *scripts, address="127.0.0.1", kind=Server, **options):
        """A server, without a configuration for it."""
        scripts = scripts or (Script(**options),)
        for script in scripts:
            if script.certificate is None:
                script.certificate = self.certificates.good
        self.servers.append(kind(*scripts, address=address))
        return self.servers[-1]

    def account(self, server, **changes):
        """The settings of an account that fits the server; None takes one away."""
        script = server.scripts[0]
        account = {"host": "localhost", "port": server.port, "tls": script.tls}
        if server.local:
            account = {"host": server.address}
        if script.lmtp:
            account["protocol"] = "lmtp"
        if script.tls != "off":
            account["tls_ca_file"] = self.certificates.ca
        if script.auth:
            account.update(user=USER, password=PASSWORD)
        account.update(changes)
        return account

    def configure(self, server, settings=None, account=None, dkim=None):
        settings = {"hostname": "client.example.org", "log": "off", **(settings or {})}
        self.program.configure(settings={k: v for k, v in settings.items() if v is not None},
                               accounts={"default": self.account(server, **(account or {}))},
                               dkim=dkim)

    def serve(self, *scripts, settings=None, account=None, dkim=None, **options):
        server = self.server(*scripts, **options)
        self.configure(server, settings, account, dkim)
        return server

    def send(self, *args, input=b"Subject: hi\n\nhello\n", **options):
        args = args or ("-f", "a@example.org", "b@example.net")
        return self.program.run(*args, input=input, **options)

    def talk(self, *args, **options):
        """A -bs session; see conversation.py."""
        return Conversation(self.program, *args, **options)


@pytest.fixture
def rig(program, certificates, request):
    rig = Rig(program, certificates)
    yield rig
    for server in rig.servers:
        server.stop()
    for server in rig.servers:
        report = server.transcript()
        if report:
            print(report)       # pytest shows it when the test fails
        if not rig.unruly:
            assert server.violations == []
    assert list(program.tmp.iterdir()) == [], "files left in $TMPDIR"
