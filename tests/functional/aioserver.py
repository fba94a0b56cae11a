"""aioserver.py - Python's aiosmtpd in a thread: STARTTLS, implicit TLS, LMTP.

It knows neither PIPELINING nor CHUNKING. What it takes is put into the queue `letters`.
"""

import asyncio
import logging
import queue
import socket
import ssl
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, AuthResult

from smtpscript import PATIENCE, Message

MECHANISMS = ("PLAIN", "LOGIN")
HOST = "mail.example.test"


class Handler:
    def __init__(self, letters, recipients, lmtp=False):
        self.letters, self.recipients, self.lmtp = letters, recipients, lmtp

    async def handle_MAIL(self, server, session, envelope, address, options):
        if not (self.lmtp or session.authenticated):
            return "530 5.7.0 AUTH first"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 ok"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address not in self.recipients:
            return "550 5.1.1 nobody has that name here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        sender = " ".join([f"<{envelope.mail_from}>", *envelope.mail_options]).encode()
        self.letters.put(Message(sender, [r.encode() for r in envelope.rcpt_tos],
                                 envelope.original_content, chunks=[], accepted=True))
        # aiosmtpd's LMTP leaves it to us that each recipient has a reply.
        count = len(envelope.rcpt_tos) if self.lmtp else 1
        return "\r\n".join(count * ["250 2.0.0 taken"])


class Aiosmtpd:
    """A context manager; `starttls` and `implicit` are its ports, `lmtp` is its socket's path."""

    def __init__(self, certificate, users, recipients):
        self.users, self.letters, self.logins = users, queue.Queue(), []
        logging.getLogger("mail.log").setLevel(logging.ERROR)   # it regrets its own interface
        self.folder = TemporaryDirectory(prefix="aiosmtpd-")
        self.lmtp = Path(self.folder.name) / "lmtp"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        common = {"hostname": HOST, "enable_SMTPUTF8": True}
        auth = {**common, "authenticator": self.authenticate}
        handler = Handler(self.letters, recipients)
        self.listeners = [
            (self.inet(), None, lambda: SMTP(handler, tls_context=context, require_starttls=True,
                                             loop=self.loop, **auth)),
            # It cannot see the TLS that is there before it.
            (self.inet(), context, lambda: SMTP(handler, auth_require_tls=False, loop=self.loop,
                                                **auth)),
            (self.unix(), None, lambda: LMTP(Handler(self.letters, recipients, lmtp=True),
                                             loop=self.loop, **common))]
        self.starttls, self.implicit = (s.getsockname()[1] for s, *_ in self.listeners[:2])
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run, daemon=True)

    @staticmethod
    def inet():
        return socket.create_server(("127.0.0.1", 0))

    def unix(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(self.lmtp))
        return sock

    def authenticate(self, server, session, envelope, mechanism, secret):
        login = secret.login.decode()
        self.logins.append((mechanism, login))
        return AuthResult(success=self.users.get(login) == secret.password.decode(),
                          handled=False)

    def log(self):
        return "".join(f"{mechanism} {user}\n" for mechanism, user in self.logins)

    def run(self):
        asyncio.set_event_loop(self.loop)
        for sock, context, factory in self.listeners:
            self.loop.run_until_complete(self.loop.create_server(factory, sock=sock, ssl=context))
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        for sock, *_ in self.listeners:
            sock.close()
        self.folder.cleanup()
