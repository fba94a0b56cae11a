"""gsaslserver.py - an SMTP server whose AUTH is GNU SASL's, over OpenSSL's TLS.

Debian's servers have no -PLUS mechanism; this one has them all, and both sides of what binds them
to the channel come from other libraries than the program's.
"""

import base64
import ctypes
import socket
import threading

from OpenSSL import SSL

LIBRARY = "libgsasl.so.18"
PATIENCE = 30

OK, NEEDS_MORE, AUTHENTICATION_ERROR, NO_CALLBACK = 0, 1, 31, 51
AUTHID, AUTHZID, PASSWORD = 1, 2, 3
CB_TLS_UNIQUE, CB_TLS_EXPORTER = 18, 25
VALIDATE_EXTERNAL = 501

MECHANISMS = ("SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN "
              "EXTERNAL")
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)


def _library():
    lib = ctypes.CDLL(LIBRARY)
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, *arguments in (
            ("init", ctypes.c_int, ctypes.POINTER(pointer)), ("done", None, pointer),
            ("callback_set", None, pointer, CALLBACK),
            ("server_start", ctypes.c_int, pointer, text, ctypes.POINTER(pointer)),
            ("step64", ctypes.c_int, pointer, text, ctypes.POINTER(pointer)),
            ("property_set", ctypes.c_int, pointer, ctypes.c_int, text),
            ("property_fast", text, pointer, ctypes.c_int),
            ("strerror", text, ctypes.c_int), ("finish", None, pointer),
            ("free", None, pointer)):
        function = getattr(lib, "gsasl_" + name)
        function.restype, function.argtypes = result, arguments
    return lib


class Sasl:
    """One exchange. `bindings` is {property: bytes}; `user` is who it was in the end."""

    def __init__(self, mechanism, users, bindings):
        self.lib, self.users, self.bindings = _library(), users, bindings
        self.user, self.error = None, None
        self.handle, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        self.callback = CALLBACK(self.called)
        assert self.lib.gsasl_init(ctypes.byref(self.handle)) == OK
        self.lib.gsasl_callback_set(self.handle, self.callback)
        rc = self.lib.gsasl_server_start(self.handle, mechanism.encode(),
                                         ctypes.byref(self.session))
        assert rc == OK, self.lib.gsasl_strerror(rc)

    def called(self, _, session, wanted):
        user = (self.lib.gsasl_property_fast(session, AUTHID) or b"").decode()
        if wanted == PASSWORD and user in self.users:
            value = self.users[user].encode()
        elif wanted in self.bindings:
            value = base64.b64encode(self.bindings[wanted])
        elif wanted == VALIDATE_EXTERNAL:
            user = (self.lib.gsasl_property_fast(session, AUTHZID) or b"").decode()
            return OK if user in ("", *self.users) else AUTHENTICATION_ERROR
        else:
            return NO_CALLBACK
        self.lib.gsasl_property_set(session, wanted, value)
        return OK

    def step(self, response):
        """The next challenge in base64 and whether the exchange is over; None for a refusal."""
        out = ctypes.c_void_p()
        rc = self.lib.gsasl_step64(self.session, response, ctypes.byref(out))
        if rc not in (OK, NEEDS_MORE):
            self.error = self.lib.gsasl_strerror(rc).decode()
            return None, True
        challenge = ctypes.string_at(out)
        self.lib.gsasl_free(out)
        if rc == OK:
            name = self.lib.gsasl_property_fast(self.session, AUTHID)
            name = name or self.lib.gsasl_property_fast(self.session, AUTHZID) or b""
            self.user = name.decode()
        return challenge, rc == OK

    def close(self):
        self.lib.gsasl_finish(self.session)
        self.lib.gsasl_done(self.handle)


class _Gone(Exception):
    pass


class Server:
    """Listens on a free port of localhost, TLS from the first byte, for one session. What it was
    told: `auth` the lines of AUTH and what followed, `user` who it was, `message` its message,
    `error` what GNU SASL had against it."""

    def __init__(self, certificate, users, offer=MECHANISMS, version=SSL.TLS1_3_VERSION,
                 bindings=None, wants_certificate=False):
        """`bindings` in the place of this connection's: {} for a server that cannot bind."""
        self.users, self.offer, self.given = users, offer, bindings
        self.auth, self.user, self.error, self.message = [], None, None, None
        self.context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self.context.use_certificate_chain_file(str(certificate))
        self.context.use_privatekey_file(str(certificate))
        self.context.set_min_proto_version(version)
        self.context.set_max_proto_version(version)
        if wants_certificate:       # any will do
            self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
                                    lambda *_: True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()

    def run(self):
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        sock.settimeout(None)   # pyOpenSSL wants to wait by itself
        self.tls = SSL.Connection(self.context, sock)
        self.tls.set_accept_state()
        self.buffer = b""
        try:
            self.tls.do_handshake()
            self.say("220 mail.example.test ESMTP")
            while self.command(self.line()):
                pass
        except (_Gone, SSL.Error):
            pass
        sock.close()

    def bindings(self):
        """What RFC 9266 and RFC 5929 section 3 call the two for this connection."""
        if self.given is not None:
            return self.given
        if self.tls.get_protocol_version() == SSL.TLS1_3_VERSION:
            return {CB_TLS_EXPORTER:
                    self.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")}
        return {CB_TLS_UNIQUE: self.tls.get_peer_finished()}

    def line(self):
        while b"\r\n" not in self.buffer:
            try:
                self.buffer += self.tls.recv(65536)
            except SSL.Error as e:
                raise _Gone from e
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def say(self, line):
        self.tls.sendall(line.encode() + b"\r\n")

    def command(self, line):
        verb, _, rest = line.partition(b" ")
        if verb == b"EHLO":
            self.say(f"250-mail.example.test\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH {self.offer}")
        elif verb == b"AUTH":
            self.authenticate(*rest.decode().split(" "))
        elif verb == b"DATA" and self.user is not None:
            self.say("354 go on")
            self.message = []
            while (text := self.line()) != b".":
                self.message.append(text)
            self.say("250 2.0.0 queued")
        elif verb == b"QUIT":
            self.say("221 2.0.0 bye")
            return False
        elif self.user is None:
            self.say("530 5.7.0 AUTH first")
        else:
            self.say("250 2.0.0 ok")
        return True

    def authenticate(self, mechanism, initial=None):
        if mechanism not in self.offer.split():
            return self.say("504 5.5.4 no such mechanism")
        sasl = Sasl(mechanism, self.users, self.bindings())
        self.auth.append((mechanism, initial))
        response = b"" if initial == "=" else initial.encode() if initial else None
        over = False
        while not over:
            challenge, over = sasl.step(response)
            if challenge is None:
                self.error = sasl.error
                self.say("535 5.7.8 " + sasl.error)
            elif challenge or not over:     # what comes with success has a challenge of its own
                self.say("334 " + challenge.decode())
                response = self.line()
                self.auth.append(response.decode())
                if response == b"*":
                    over = True
                    self.say("501 5.7.0 cancelled")
                elif over:
                    assert response == b"", response
        if sasl.user is not None and response != b"*":
            self.user = sasl.user
            self.say("235 2.7.0 welcome")
        sasl.close()
