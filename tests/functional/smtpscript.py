"""smtpscript.py - an SMTP server that does what a script says, and records what it was told.

A script is data: options, and for any step an action that replaces the server's usual reply.

    Server(Script(tls="starttls", steps={"rcpt2": "550 5.1.1 nobody here", "end": CLOSE}))

Steps, in the order of a session:

    greeting  ehlo (or LHLO)  helo  starttls  tls  ehlo2 (under STARTTLS)  auth  auth2  auth3 (its
    continuations)  mail  rcpt (each)  rcpt1 rcpt2 ... (that one)  data  bdat (a chunk that is not
    the last)  body  end (the dot, or the last chunk)  end1 end2 ... (LMTP: for that recipient)
    rset  noop  quit  other (an unknown command)

Actions:

    "250 ok"            a reply; LF becomes CRLF, the last CRLF is added
    b"250 o"            these bytes, exactly
    [a, b, ...]         one after the other, each chunk a write (under TLS: a record) of its own
    CLOSE, CUT          the connection ends in good order; without TLS's good-bye
    RESET               it ends with a TCP reset
    SILENCE             nothing more comes until the client goes away
    STALL               the same, and nothing is read either: the client's writes get stuck
    slow(reply, gap)    byte by byte, `gap` seconds between them
    torn(reply, n)      under TLS: the first n bytes of its record, then silence; at "tls" without
                        a reply: of the real handshake
    times(a, b, ...)    a the first time, b the second, ... the last from then on
    a function          called without arguments, gives one of these; it may wait or look around
    after(n, action)    for "body": once n bytes of the message are in (default 1)

At "tls" a reply is sent raw in place of the handshake. Without an action a step does what an
honest server does: it wants TLS before AUTH, AUTH before MAIL, a recipient before DATA.

The server judges the client too: what no client may do (bare CR or LF, talking ahead of a reply
without PIPELINING, 8-bit without 8BITMIME, a parameter that was not offered, SIZE= that is not
the size, BDAT without CHUNKING, ...) is listed in Connection.violations.

Others may subclass Connection (Server.session is the class it uses): a method on_xxx is a command,
auth_xxx a mechanism, which returns the user it has let in, or None.
"""

import base64
import re
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
PATH = re.compile(rb'[^:]*:<(("(?:\\.|[^"\\])*"|[^">])*)>')     # MAIL or RCPT up to there
PARAMETERS = {      # of MAIL and RCPT: the extension that has to be offered
    "SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN",
    "NOTIFY": "DSN", "ORCPT": "DSN", "REQUIRETLS": "REQUIRETLS", "AUTH": "AUTH",
    "MT-PRIORITY": "MT-PRIORITY", "HOLDFOR": "FUTURERELEASE", "HOLDUNTIL": "FUTURERELEASE"}


@dataclass(frozen=True)
class slow:
    reply: object
    gap: float = 0.05


@dataclass(frozen=True)
class torn:
    reply: object = None
    count: int = 10


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
    lmtp: bool = False              # RFC 2033: LHLO, and a reply for each recipient at the end
    rcpt_limit: int = 0             # 452 to more recipients than that in a transaction; 0: no limit
    greet_after: float = 0          # seconds a client has to talk ahead of the greeting
    byte_gap: float = 0             # seconds before each byte on the wire, be it TLS's own
    steps: dict = field(default_factory=dict)


@dataclass
class Message:
    sender: bytes       # the parameters of MAIL FROM:, as they came
    recipients: list    # those accepted, without brackets
    raw: bytes          # behind DATA, the dots and the final ".\r\n" included; or all chunks
    chunks: list = None     # their sizes, where it came by BDAT
    accepted: bool = False
    taken: list = field(default_factory=list)   # the recipients whose it is now

    @property
    def data(self):
        """The message: dot-stuffing undone, without the lone dot."""
        if self.chunks is not None:
            return self.raw
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
        self.peer = "" if server.local else sock.getpeername()[0]
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
        self.rcpt_count = self.mail_count = 0
        self.chunked = None     # the message whose chunks are coming
        self.offered = {}       # what the last EHLO was told: {keyword: [parameters]}
        self.said = bytearray()         # all we sent, without TLS's own
        self.last_class = b""   # of the last reply: b"2", b"3", ...
        self.tear = None        # torn(): of what is sent next
        # How often the client waited for us: once for TCP, then each time we say something new
        # having heard something new. Exact for a client that makes one write of a flight.
        self.round_trips = 1
        self.heard = True

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
            got = self.recv()
            if self.tls is None:
                if self.shaking_hands:
                    continue
                self.clear += got
                break
            self.tls_in.write(got)
        self.take(got)

    def recv(self):
        got = self.sock.recv(65536)
        if not got:
            raise _Gone
        self.heard = True
        return got

    def take(self, got):
        if got:
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
                self.tls_in.write(self.recv())
        if self.tls is not None:
            try:
                self.take(self.tls.read(65536))
            except ssl.SSLError:
                pass
        return self.buffer

    def write(self, data):
        self.said += data
        if self.tls is not None:
            self.tls.write(data)
            data = self.tls_out.read()
        self.send(data)

    def send(self, data):
        """Bytes onto the wire."""
        if data and self.heard:
            self.round_trips, self.heard = self.round_trips + 1, False
        if self.tear is not None:
            self.sock.sendall(data[:self.tear.count])
            self.end(SILENCE)
        if not self.script.byte_gap:
            return self.sock.sendall(data)
        for byte in data:
            self.pause(self.script.byte_gap)
            self.sock.sendall(bytes([byte]))

    def pause(self, seconds):
        if self.server.stopping.wait(seconds):
            raise _Gone

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
                self.pause(action.gap)
            return self._said(self._encode(action.reply))
        if isinstance(action, torn):
            self.tear, action = action, action.reply
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
            self.send(self.tls_out.read())
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
        action = self.script.steps.get("tls")
        if isinstance(action, torn):
            self.tear, self.shaking_hands = action, True
        elif action is not None:
            self.shaking_hands = True
            select.select([self.sock], [], [], PATIENCE)    # the client hello
            self.do(action)
            self.end(CLOSE)
        if self.buffer:
            self.violations.append(f"sent ahead of the STARTTLS reply: {self.buffer!r}")
            raise _Gone
        self.offered = {}
        context = self.server.context(self.script)
        tls = context.wrap_bio(self.tls_in, self.tls_out, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.send(self.tls_out.read())
                self.tls_in.write(self.recv())
            except ssl.SSLError as e:
                self.dialogue.append(("*", f"TLS: {e}".encode()))
                self.send(self.tls_out.read())      # the alert
                raise _Gone from e
        if not self.script.tickets_later:
            self.send(self.tls_out.read())
        self.tls = tls
        remark = f"{tls.version()}{', resumed' if self.resumed else ''}"
        self.dialogue.append(("*", remark.encode()))

    @property
    def resumed(self):
        return self.tls is not None and self.tls.session_reused

    def greet(self):
        if self.script.greet_after:
            select.select([self.sock], [], [], self.script.greet_after)
        ahead = self.talked_ahead()[:1]
        if ahead and ahead != b"\x16" and not self.early_pipe:     # 16 begins a TLS handshake
            self.violations.append(f"talked ahead of the greeting: {self.buffer[:60]!r}")
        self.step("greeting", default="220 mail.example.test ESMTP")

    @property
    def early_pipe(self):
        """Does the server, as its clients know it, take EHLO and what follows ahead of time?"""
        return "PIPECONNECT" in self.script.caps

    def run(self):
        try:
            if self.script.tls == "implicit":
                self.handshake()
            self.greet()
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
        if verb in ("EHLO", "LHLO"):
            lonely = not self.early_pipe
        else:
            lonely = verb not in ("MAIL", "RCPT", "RSET") or not self.offers("PIPELINING")
        if lonely and verb != "BDAT":       # which has something behind it
            self.check_patience(verb)
        handler = getattr(self, "on_" + verb.lower(), None)
        if handler is None:
            self.step("other", default="500 5.5.2 what?")
        else:
            handler(line)

    def check_patience(self, what):
        if self.talked_ahead():
            self.violations.append(f"talked ahead of the reply to {what}: {self.buffer[:60]!r}")

    def offers(self, word):
        return word in self.offered

    def limit(self, keyword):
        """A number the LIMITS extension has told (RFC 9422), or 0."""
        for word in self.offered.get("LIMITS", []):
            name, _, number = word.partition("=")
            if name.upper() == keyword and number.isdigit():
                return int(number)
        return 0

    def on_ehlo(self, line):
        if self.script.lmtp != line.upper().startswith(b"LHLO"):
            return self.do("500 5.5.1 EHLO is for SMTP, LHLO for LMTP")
        self.sender, self.chunked, mark = None, None, len(self.said)
        lines = ["mail.example.test"] + list(self.script.caps)
        secure = self.tls is not None
        if self.script.tls == "starttls" and not secure and self.script.offer_starttls:
            lines.append("STARTTLS")
        if self.script.auth and (secure or self.script.tls == "off" or self.script.auth_in_clear):
            lines.append("AUTH " + self.script.auth)
        reply = "\n".join(["250-" + x for x in lines[:-1]] + ["250 " + lines[-1]])
        second = self.script.tls == "starttls" and secure
        self.step("ehlo2" if second else "ehlo", default=reply)
        told = bytes(self.said[mark:]).decode("utf-8", "replace").split("\r\n")
        words = [text[4:].split() for text in told if text.startswith("250")][1:]
        self.offered = {w[0].upper(): w[1:] for w in words if w}

    on_lhlo = on_ehlo

    def on_helo(self, line):
        self.sender, self.offered = None, {}
        self.step("helo", default="500 5.5.1 LHLO" if self.script.lmtp else "250 mail.example.test")

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
        handler = getattr(self, "auth_" + mechanism.lower().replace("-", "_"), None)
        if handler is None:
            return self.do("504 5.5.4 not that one")
        self.user = handler(words[2:])
        self.do("235 2.7.0 welcome" if self.user else "535 5.7.8 wrong user or password")

    def auth_plain(self, given):
        secret = self.answer(given, "auth2", "334 ").split(b"\0")
        return self.known(*secret[1:]) if len(secret) == 3 else None

    def auth_login(self, given):
        user = self.answer(given, "auth2", "334 VXNlcm5hbWU6")
        return self.known(user, self.answer([], "auth3", "334 UGFzc3dvcmQ6"))

    def known(self, user, password):
        """The user's name, if that is the password."""
        user, password = user.decode("utf-8", "replace"), password.decode("utf-8", "replace")
        return user if self.script.users.get(user) == password else None

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
        if word == b"*":    # the client gives up
            return b""
        try:
            return base64.b64decode(word, validate=True)
        except ValueError:
            self.violations.append(f"AUTH: no base64: {word!r}")
            return b""

    def on_mail(self, line):
        if self.sender is not None:
            self.violations.append("MAIL inside a transaction")
        self.recipients, self.rcpt_count, self.sender, self.chunked = [], 0, None, None
        self.mail_count += 1
        refusal = None
        if not line.upper().startswith(b"MAIL FROM:<"):
            refusal = "501 5.5.4 MAIL FROM:<address>"
        elif self.script.tls == "starttls" and self.tls is None and self.script.offer_starttls:
            refusal = "530 5.7.0 STARTTLS first"
        elif self.script.auth and self.script.need_auth and self.user is None:
            refusal = "530 5.7.0 AUTH first"
        elif 0 < self.limit("MAILMAX") < self.mail_count:
            self.violations.append(f"MAIL number {self.mail_count} of a session")
            refusal = "421 4.5.3 too many transactions"
        self.check_parameters(line)
        if self.step("mail", default=refusal or "250 2.1.0 ok"):
            self.sender = line[len(b"MAIL FROM:"):]

    def on_rcpt(self, line):
        self.rcpt_count += 1
        usual = "250 2.1.5 ok" if self.sender is not None else "503 5.5.1 MAIL first"
        if 0 < self.limit("RCPTMAX") < self.rcpt_count:
            self.violations.append(f"RCPT number {self.rcpt_count} of a transaction")
        if 0 < self.script.rcpt_limit <= len(self.recipients):
            usual = "452 4.5.3 too many recipients"
        self.check_parameters(line)
        if self.step(f"rcpt{self.rcpt_count}", "rcpt", default=usual):
            self.recipients.append(line[len(b"RCPT TO:<"):].split(b">")[0])

    def check_parameters(self, line):
        """Only what was offered may be used; what it says is left to the tests."""
        path = PATH.match(line)
        for word in line[path.end():].decode("utf-8", "replace").split() if path else ():
            name = word.split("=")[0].upper()
            if not self.offers(PARAMETERS.get(name, name)):
                self.violations.append(f"{name} was not offered")

    # a message

    def on_data(self, line):
        if self.chunked is not None:
            self.violations.append("DATA after BDAT")
        usual = "354 go on" if self.recipients else "503 5.5.1 no valid recipients"
        if not self.step("data", default=usual):
            return
        message = Message(self.sender, self.recipients, self.content())
        self.messages.append(message)
        self.finish(message)

    def on_bdat(self, line):
        words = line.upper().split()
        if not self.offers("CHUNKING"):
            self.violations.append("BDAT without CHUNKING")
        if len(words) < 2 or not words[1].isdigit() or words[2:] not in ([], [b"LAST"]):
            self.violations.append(f"no BDAT command: {line!r}")
            raise _Gone
        chunk, last = self.content(int(words[1])), len(words) == 3
        if not (last or self.offers("PIPELINING")):
            self.check_patience("BDAT")
        if not self.recipients:
            self.do("503 5.5.1 no valid recipients")
            return
        if self.chunked is None:
            self.chunked = Message(self.sender, self.recipients, bytearray(), chunks=[])
        message = self.chunked
        message.raw += chunk
        message.chunks.append(len(chunk))
        if last:
            message.raw = bytes(message.raw)
            self.messages.append(message)
            self.finish(message)
        elif not self.step("bdat", default=f"250 2.0.0 {len(chunk)} octets"):
            self.recipients = []

    def finish(self, message):
        """The end of a message: it is judged, and answered."""
        if not self.offers("PIPELINING"):
            self.check_patience("the message")
        self.check_message(message)
        usual = "250 2.0.0 queued as 4711" if self.recipients else "554 5.5.1 no valid recipients"
        if self.script.lmtp:
            for n, recipient in enumerate(self.recipients, 1):
                if self.step(f"end{n}", "end", default=usual):
                    message.taken.append(recipient)
            message.accepted = bool(message.taken)
        else:
            message.accepted = self.step("end", default=usual)
            message.taken = list(self.recipients) if message.accepted else []
        self.sender, self.chunked, self.recipients = None, None, []

    def content(self, count=None):
        """Reads so many bytes, or to the lone dot; what comes behind stays in the buffer."""
        body = self.script.steps.get("body")
        if body is not None and not isinstance(body, after):
            body = after(1, body)
        before = b"\r\n" if count is None else b""      # so that a dot may come first
        raw, searched = bytearray(before), 0
        while True:
            raw += self.buffer
            self.buffer = b""
            if body is not None and len(raw) - len(before) >= body.count:
                self.do(body.action)
                raise _Gone
            end = count
            if count is None:
                end = raw.find(b"\r\n.\r\n", searched) + 5
            if (end >= 5 if count is None else len(raw) >= count):
                self.buffer = bytes(raw[end:])
                self.dialogue.append((">", b"(%d bytes of message)" % (end - len(before))))
                return bytes(raw[len(before):end])
            searched = max(0, len(raw) - 4)
            self.read_more()

    def check_message(self, message):
        raw, sender = message.raw, message.sender or b""
        bare = raw.replace(b"\r\n", b"")
        if b"\r" in bare or b"\n" in bare:
            self.violations.append("bare CR or LF in the message")
        if b"\0" in bare:
            self.violations.append("NUL in the message")
        if max(bare, default=0) > 127 and b" BODY=8BITMIME" not in sender:
            self.violations.append("8-bit message without 8BITMIME")
        if max(raw.split(b"\r\n\r\n")[0], default=0) > 127 and b" SMTPUTF8" not in sender:
            self.violations.append("8-bit header without SMTPUTF8")
        if any(len(line.removeprefix(b".")) > 998 for line in raw.split(b"\r\n")):
            self.violations.append("a line over 998 octets")
        if raw and not raw.endswith(b"\r\n"):
            self.violations.append("the last line has no end")
        told = re.search(rb" SIZE=(\d+)", sender)
        if told and int(told[1]) < len(message.data):   # -bs tells what its client said
            self.violations.append(f"{told[0]!r}, but it has {len(message.data)} bytes")

    def on_rset(self, line):
        self.sender, self.recipients, self.chunked = None, [], None
        self.step("rset", default="250 2.0.0 ok")

    def on_noop(self, line):
        self.step("noop", default="250 2.0.0 ok")

    def on_quit(self, line):
        self.heard = False      # nobody waits for what is said to QUIT
        self.step("quit", default="221 2.0.0 bye")
        self.end(CLOSE)


class Server:
    """Listens on a free port of 127.0.0.1, or another address, or on a Unix socket (its path);
    `scripts` are for the first, second, ... connection, the last one for all further ones. A
    context manager; leaving it ends every thread."""

    session = Connection

    def __init__(self, *scripts, address="127.0.0.1"):
        self.scripts, self.address, self.contexts = scripts, str(address), {}
        self.connections = []
        self.threads = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.ended, self.change = 0, threading.Condition()
        self.socket = self._bound()
        self.socket.listen(20)
        self.socket.setblocking(False)
        self.port = None if self.local else self.socket.getsockname()[1]
        self.bell, self.wake = socket.socketpair()
        self.accepting = threading.Thread(target=self._listen, daemon=True)
        self.accepting.start()

    @property
    def local(self):
        return self.address.startswith("/")

    def _bound(self):
        if self.local:
            sock, name = socket.socket(socket.AF_UNIX), self.address
        else:
            family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
            sock, name = socket.socket(family), (self.address, 0)
        sock.bind(name)
        return sock

    def context(self, script):
        """One for all sessions of a kind: it has the key that its tickets are made with."""
        kind = (script.certificate, script.max_tls, script.client_ca)
        with self.lock:
            if kind not in self.contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(script.certificate)
                if script.max_tls is not None:
                    context.maximum_version = script.max_tls
                if script.client_ca is not None:
                    context.verify_mode = ssl.CERT_REQUIRED
                    context.load_verify_locations(script.client_ca)
                self.contexts[kind] = context
            return self.contexts[kind]

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
                if not self.local:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                script = self.scripts[min(len(self.connections), len(self.scripts) - 1)]
                connection = self.session(sock, self, script)
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
