"""smtpscript.py - an SMTP server that does what a script says, and records what it was told.

A script is data: options, and for any step an action that replaces the server's usual reply.

    Server(Script(tls="starttls", steps={"rcpt2": "550 5.1.1 nobody here", "end": CLOSE}))

Steps, in the order of a session:

    greeting  ehlo  helo  starttls  tls  ehlo2 (under STARTTLS)  auth  auth2  auth3 (its
    continuations)  mail  rcpt (each)  rcpt1 rcpt2 ... (that one)  data  body  end  rset  noop
    quit  other (an unknown command)

Actions:

    "250 ok"            a reply; LF becomes CRLF, the last CRLF is added
    b"250 o"            these bytes, exactly
    [a, b, ...]         one after the other, each chunk a write (under TLS: a record) of its own
    CLOSE, CUT          the connection ends in good order; without TLS's good-bye
    RESET               it ends with a TCP reset
    SILENCE             nothing more comes until the client goes away
    STALL               the same, and nothing is read either: the client's writes get stuck
    slow(reply, gap)    byte by byte, `gap` seconds between them
    times(a, b, ...)    a the first time, b the second, ... the last from then on
    a function          called without arguments, gives one of these; it may wait or look around
    after(n, action)    for "body": once n bytes of the message are in (default 1)

At "tls" a reply is sent raw in place of the handshake. Without an action a step does what an
honest server does: it wants TLS before AUTH, AUTH before MAIL, a recipient before DATA.

The server judges the client too: what no client may do (bare CR or LF, talking ahead of a reply
without PIPELINING, 8-bit without 8BITMIME, ...) is listed in Connection.violations.
"""

import base64
import select
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field

CLOSE, CUT, RESET = "<close>", "<cut>", "<reset>"
SILENCE, STALL = "<silence>", "<stall>"
_ENDINGS = (CLOSE, CUT, RESET, SILENCE, STALL)
PATIENCE = 30  # seconds until the server gives a client up, so that no thread outlives a run
EHLO = ("PIPELINING", "SIZE 10485760", "8BITMIME", "ENHANCEDSTATUSCODES")


@dataclass(frozen=True)
class slow:
    reply: object
    gap: float = 0.05


@dataclass(frozen=True)
class after:
    count: int
    action: object


class times:
    """Not frozen like the others: it counts, so give each server one of its own."""

    def __init__(self, *actions):
        self.actions, self.seen = actions, 0

    def next(self):
        self.seen += 1
        return self.actions[min(self.seen, len(self.actions)) - 1]


@dataclass
class Script:
    tls: str = "starttls"           # starttls, implicit or off
    caps: tuple = EHLO              # what EHLO lists, beside STARTTLS and AUTH
    auth: str = "PLAIN LOGIN"       # mechanisms offered; "" for a server without AUTH
    auth_in_clear: bool = False     # offered before STARTTLS too
    offer_starttls: bool = True
    need_auth: bool = True
    users: dict = field(default_factory=lambda: {"alice": "secret"})
    certificate: object = None      # path of a PEM file with key and certificate
    max_tls: object = None          # ssl.TLSVersion, to hold a server back
    client_ca: object = None        # the CA of a certificate the client has to show
    tickets_later: bool = False     # session tickets leave with the first reply, in one write
    steps: dict = field(default_factory=dict)


@dataclass
class Message:
    sender: bytes       # the parameters of MAIL FROM:, as they came
    recipients: list    # those accepted, without brackets
    raw: bytes          # the bytes behind DATA, the dots and the final ".\r\n" included
    accepted: bool = False

    @property
    def data(self):
        """The message: dot-stuffing undone, without the lone dot."""
        text = self.raw[:-3]
        if text.startswith(b"."):
            text = text[1:]
        return text.replace(b"\r\n.", b"\r\n")


class _Gone(Exception):
    """The client left, or the script ended the connection."""


class Connection:
    """One client's session: what it sent, in clear and under TLS, and what it heard."""

    def __init__(self, sock, server, script):
        self.sock, self.server, self.script = sock, server, script
        self.clear = bytearray()     # what came over the bare connection, TLS's own bytes left out
        self.received = bytearray()  # all plain bytes, decrypted where TLS was on
        self.commands = []      # one line each, without CRLF; AUTH's continuations too
        self.messages = []
        self.violations = []
        self.dialogue = []      # for people: ">" the client, "<" the server, "*" remarks
        self.flights = []       # the same bytes, piece by piece: under TLS each is a record
        self.tls = None         # the SSLObject once TLS is on
        self.shaking_hands = False      # by script: what comes now is no SMTP
        self.tls_in, self.tls_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.buffer = b""
        self.user = None
        self.recipients = []
        self.sender = None
        self.rcpt_count = 0
        self.esmtp = False
        self.last_class = b""   # of the last reply: b"2", b"3", ...

    # bytes

    def read_more(self):
        """Waits for bytes, appends them to the buffer; _Gone when there are no more."""
        while True:
            if self.tls is not None:
                try:
                    got = self.tls.read(65536)
                    if not got:
                        raise _Gone
                    break
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLError as e:
                    self.dialogue.append(("*", f"TLS: {e}".encode()))
                    raise _Gone from e
            got = self.sock.recv(65536)
            if not got:
                raise _Gone
            if self.tls is None:
                if self.shaking_hands:
                    continue
                self.clear += got
                break
            self.tls_in.write(got)
        self.take(got)

    def take(self, got):
        self.flights.append(got)
        self.received += got
        self.buffer += got

    def talked_ahead(self):
        """Reads what the client has said already, without waiting; true if there is any."""
        while select.select([self.sock], [], [], 0)[0]:
            if not self.sock.recv(1, socket.MSG_PEEK):
                break
            if self.tls is None:
                self.read_more()
            else:
                self.tls_in.write(self.sock.recv(65536))
        if self.tls is not None:
            try:
                self.take(self.tls.read(65536))
            except ssl.SSLError:
                pass
        return self.buffer

    def write(self, data):
        if self.tls is not None:
            self.tls.write(data)
            data = self.tls_out.read()
        self.sock.sendall(data)

    def line(self):
        while b"\n" not in self.buffer:
            if len(self.buffer) > 16384:
                self.violations.append("an endless command")
                raise _Gone
            self.read_more()
        line, self.buffer = self.buffer.split(b"\n", 1)
        self.dialogue.append((">", line[:200]))
        if not line.endswith(b"\r"):
            self.violations.append(f"bare LF: {line!r}")
        line = line.rstrip(b"\r")
        if any(c < 32 or c == 127 for c in line):
            self.violations.append(f"control character in a command: {line!r}")
        mail = self.sender if self.sender is not None else line
        if max(line, default=0) > 126 and b" SMTPUTF8" not in mail:
            self.violations.append(f"8-bit in a command without SMTPUTF8: {line!r}")
        self.commands.append(line)
        return line

    # actions

    def do(self, action):
        """Carries an action out; True if it was a reply that says yes (2yz or 3yz)."""
        if isinstance(action, times):
            action = action.next()
        if callable(action):
            action = action()
        if isinstance(action, (list, tuple)):
            self.do(action[0])
            first = self.last_class     # a reply in pieces says yes or no with its first byte
            for part in action[1:]:
                self.do(part)
            self.last_class = first
            return first in (b"2", b"3")
        if isinstance(action, slow):
            for byte in self._encode(action.reply):
                self.write(bytes([byte]))
                if self.server.stopping.wait(action.gap):
                    raise _Gone
            return self._said(self._encode(action.reply))
        if action in _ENDINGS:
            self.end(action)
        data = self._encode(action)
        self.write(data)
        return self._said(data)

    @staticmethod
    def _encode(reply):
        if isinstance(reply, bytes):
            return reply
        return reply.replace("\n", "\r\n").encode() + b"\r\n"

    def _said(self, data):
        self.dialogue.append(("<", data[:200]))
        self.last_class = data[:1]
        return self.last_class in (b"2", b"3")

    def end(self, how):
        self.dialogue.append(("*", how.encode()))
        if how == RESET:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _Gone
        if how == STALL:
            self.server.stopping.wait(PATIENCE)
            raise _Gone
        if how == CLOSE and self.tls is not None:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
            self.sock.sendall(self.tls_out.read())
        if how != SILENCE:
            self.sock.shutdown(socket.SHUT_WR)
        while True:         # until the client goes, so that no reset overtakes our last bytes
            self.read_more()

    def step(self, *names, default):
        """The script's action for the first of these steps that has one, else the default."""
        for name in names:
            if name in self.script.steps:
                return self.do(self.script.steps[name])
        return self.do(default)

    # the session

    def handshake(self):
        if "tls" in self.script.steps:
            self.shaking_hands = True
            select.select([self.sock], [], [], PATIENCE)    # the client hello
            self.do(self.script.steps["tls"])
            self.end(CLOSE)
        if self.buffer:
            self.violations.append(f"sent ahead of the STARTTLS reply: {self.buffer!r}")
            raise _Gone
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.script.certificate)
        if self.script.max_tls is not None:
            context.maximum_version = self.script.max_tls
        if self.script.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.script.client_ca)
        tls = context.wrap_bio(self.tls_in, self.tls_out, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.sock.sendall(self.tls_out.read())
                got = self.sock.recv(65536)
                if not got:
                    raise _Gone from None
                self.tls_in.write(got)
            except ssl.SSLError as e:
                self.dialogue.append(("*", f"TLS: {e}".encode()))
                self.sock.sendall(self.tls_out.read())      # the alert
                raise _Gone from e
        if not self.script.tickets_later:
            self.sock.sendall(self.tls_out.read())
        self.tls = tls
        self.dialogue.append(("*", tls.version().encode()))

    def run(self):
        try:
            if self.script.tls == "implicit":
                self.handshake()
            self.step("greeting", default="220 mail.example.test ESMTP")
            while True:
                self.command(self.line())
        except (_Gone, OSError):
            if self.buffer:
                self.dialogue.append((">", self.buffer[:200]))
        finally:
            self.sock.close()
            self.server.session_ended()

    def command(self, line):
        verb = line.split(b" ")[0].upper().decode("ascii", "replace")
        last_of_group = verb not in ("MAIL", "RCPT", "RSET")
        if (last_of_group or not self.offers("PIPELINING")) and self.talked_ahead():
            self.violations.append(f"talked ahead of the reply to {verb}: {self.buffer[:60]!r}")
        handler = getattr(self, "on_" + verb.lower(), None)
        if handler is None:
            self.step("other", default="500 5.5.2 what?")
        else:
            handler(line)

    def offers(self, word):
        return self.esmtp and word in [cap.split()[0].upper() for cap in self.script.caps]

    def on_ehlo(self, line):
        self.esmtp, self.sender = True, None
        lines = ["mail.example.test"] + list(self.script.caps)
        secure = self.tls is not None
        if self.script.tls == "starttls" and not secure and self.script.offer_starttls:
            lines.append("STARTTLS")
        if self.script.auth and (secure or self.script.tls == "off" or self.script.auth_in_clear):
            lines.append("AUTH " + self.script.auth)
        reply = "\n".join(["250-" + x for x in lines[:-1]] + ["250 " + lines[-1]])
        second = self.script.tls == "starttls" and secure
        self.step("ehlo2" if second else "ehlo", default=reply)

    def on_helo(self, line):
        self.step("helo", default="250 mail.example.test")

    def on_starttls(self, line):
        if self.script.tls != "starttls" or self.tls is not None:
            self.step("starttls", default="502 5.5.1 not here")
        elif self.step("starttls", default="220 2.0.0 go ahead"):
            self.handshake()

    def on_auth(self, line):
        words = line.decode("ascii", "replace").split(" ")
        mechanism = words[1].upper() if len(words) > 1 else ""
        if self.tls is None and self.script.tls != "off" and not self.script.auth_in_clear:
            return self.do("538 5.7.11 encryption required")
        if "auth" in self.script.steps:
            return self.auth_by_script()
        if mechanism not in self.script.auth.split():
            return self.do("504 5.5.4 no such mechanism")
        given = words[2:]
        if mechanism == "PLAIN":
            secret = self.answer(given, "auth2", "334 ").split(b"\0")
            user, password = secret[1:] if len(secret) == 3 else (b"", b"")
        else:
            user = self.answer(given, "auth2", "334 VXNlcm5hbWU6")
            password = self.answer([], "auth3", "334 UGFzc3dvcmQ6")
        user, password = user.decode("utf-8", "replace"), password.decode("utf-8", "replace")
        if self.script.users.get(user) == password:
            self.user = user
            return self.do("235 2.7.0 welcome")
        return self.do("535 5.7.8 wrong user or password")

    def auth_by_script(self):
        for step in ("auth", "auth2", "auth3", "auth4"):
            if self.step(step, default="235 2.7.0 welcome") and self.last_class == b"2":
                self.user = "by script"
            if self.last_class != b"3":
                return
            self.line()

    def answer(self, given, step, challenge):
        """The client's answer to a challenge, or what it gave without being asked."""
        if given:
            word = b"" if given[0] == "=" else given[0].encode()
        else:
            self.step(step, default=challenge)
            word = self.line()
        try:
            return base64.b64decode(word, validate=True)
        except ValueError:
            self.violations.append(f"AUTH: no base64: {word!r}")
            return b""

    def on_mail(self, line):
        self.recipients, self.rcpt_count, self.sender = [], 0, None
        refusal = None
        if not line.upper().startswith(b"MAIL FROM:<"):
            refusal = "501 5.5.4 MAIL FROM:<address>"
        elif self.script.tls == "starttls" and self.tls is None and self.script.offer_starttls:
            refusal = "530 5.7.0 STARTTLS first"
        elif self.script.auth and self.script.need_auth and self.user is None:
            refusal = "530 5.7.0 AUTH first"
        if self.step("mail", default=refusal or "250 2.1.0 ok"):
            self.sender = line[len(b"MAIL FROM:"):]

    def on_rcpt(self, line):
        self.rcpt_count += 1
        usual = "250 2.1.5 ok" if self.sender is not None else "503 5.5.1 MAIL first"
        if self.step(f"rcpt{self.rcpt_count}", "rcpt", default=usual):
            self.recipients.append(line[len(b"RCPT TO:<"):].split(b">")[0])

    def on_data(self, line):
        usual = "354 go on" if self.recipients else "503 5.5.1 no valid recipients"
        if not self.step("data", default=usual):
            return
        raw = self.message()
        message = Message(self.sender, self.recipients, raw)
        self.messages.append(message)
        self.check_message(raw)
        if self.recipients:
            usual = "250 2.0.0 queued as 4711"
        else:
            usual = "554 5.5.1 no valid recipients"
        message.accepted = self.step("end", default=usual)

    def message(self):
        """Reads to the lone dot; what comes behind it stays in the buffer."""
        body = self.script.steps.get("body")
        count = body.count if isinstance(body, after) else 1
        raw, searched = bytearray(b"\r\n"), 0
        while True:
            raw += self.buffer
            self.buffer = b""
            if body is not None and len(raw) >= 2 + count:
                self.do(body.action if isinstance(body, after) else body)
                raise _Gone
            end = raw.find(b"\r\n.\r\n", searched) + 5
            if end >= 5:
                self.buffer = bytes(raw[end:])
                self.dialogue.append((">", b"(%d bytes of message)" % (end - 2)))
                return bytes(raw[2:end])
            searched = max(0, len(raw) - 4)
            self.read_more()

    def check_message(self, raw):
        bare = raw.replace(b"\r\n", b"")
        if b"\r" in bare or b"\n" in bare:
            self.violations.append("bare CR or LF in the message")
        if b"\0" in bare:
            self.violations.append("NUL in the message")
        if max(bare, default=0) > 127 and b" BODY=8BITMIME" not in self.sender:
            self.violations.append("8-bit message without 8BITMIME")
        if max(raw.split(b"\r\n\r\n")[0], default=0) > 127 and b" SMTPUTF8" not in self.sender:
            self.violations.append("8-bit header without SMTPUTF8")
        if any(len(line.removeprefix(b".")) > 998 for line in raw.split(b"\r\n")):
            self.violations.append("a line over 998 octets")

    def on_rset(self, line):
        self.sender, self.recipients = None, []
        self.step("rset", default="250 2.0.0 ok")

    def on_noop(self, line):
        self.step("noop", default="250 2.0.0 ok")

    def on_quit(self, line):
        self.step("quit", default="221 2.0.0 bye")
        self.end(CLOSE)


class Server:
    """Listens on a free port of 127.0.0.1; `scripts` are for the first, second, ... connection,
    the last one for all further ones. A context manager; leaving it ends every thread."""

    def __init__(self, *scripts):
        self.scripts = scripts
        self.connections = []
        self.threads = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.ended, self.change = 0, threading.Condition()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=20)
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.bell, self.wake = socket.socketpair()
        self.accepting = threading.Thread(target=self._listen, daemon=True)
        self.accepting.start()

    def _listen(self):
        while not self.stopping.is_set():
            select.select([self.socket, self.wake], [], [])
            self._accept()

    def _accept(self):
        """Takes in whoever has connected so far."""
        with self.lock:
            while True:
                try:
                    sock, _ = self.socket.accept()
                except OSError:
                    return
                sock.settimeout(PATIENCE)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                script = self.scripts[min(len(self.connections), len(self.scripts) - 1)]
                connection = Connection(sock, self, script)
                self.connections.append(connection)
                thread = threading.Thread(target=connection.run, daemon=True)
                self.threads.append(thread)
                thread.start()

    def settle(self):
        """Once the client is gone: takes in its last connection, waits for all to end."""
        self._accept()
        for thread in list(self.threads):
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a session does not end"
        return self

    def session_ended(self):
        with self.change:
            self.ended += 1
            self.change.notify_all()

    def wait_for_sessions(self, count):
        """Waits, however long, until so many sessions have come and gone."""
        with self.change:
            self.change.wait_for(lambda: self.ended >= count)

    def stop(self):
        """Ends everything; afterwards connections to the port are refused. Again: no harm."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self.bell.send(b"!")
        self.accepting.join()
        for connection in self.connections:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(PATIENCE)
        for sock in (self.socket, self.bell, self.wake):
            sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # what tests ask

    @property
    def only(self):
        """The one session there was."""
        self.settle()
        assert len(self.connections) == 1, f"{len(self.connections)} connections"
        return self.connections[0]

    @property
    def messages(self):
        """Every message a client got as far as its final dot, accepted or not."""
        self.settle()
        return [m for c in self.connections for m in c.messages]

    @property
    def violations(self):
        return [v for c in self.connections for v in c.violations]

    def transcript(self):
        return "\n".join(f"{n}{mark} {text!r}" for n, c in enumerate(self.connections)
                         for mark, text in c.dialogue)
