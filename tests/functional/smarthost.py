#!/usr/bin/python3
"""smarthost.py - a throwaway smart host for tests/demo: TLS by a CA made on the spot, AUTH wanted.

    smarthost.py FOLDER     makes FOLDER/ca.pem, listens on a free port of localhost and prints
                            it, then a line for every session that has ended: its dialogue is in
                            FOLDER/session, its message, if any, in FOLDER/message.eml. Runs
                            until it is killed.

    smarthost.py verify MESSAGE KEY SELECTOR DOMAIN
                            has dkimpy judge the signature with the public half of a private key;
                            status 0 if it is good and an altered copy is not.
"""

import base64
import itertools
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from cryptography.hazmat.primitives import serialization  # noqa: E402

import dkimverify  # noqa: E402
from certs import Certificates  # noqa: E402
from smtpscript import Script, Server  # noqa: E402


def serve(folder):
    with Server(Script(certificate=Certificates(folder).good)) as server:
        print(server.port, flush=True)
        for count in itertools.count(1):
            server.wait_for_sessions(count)
            session = server.connections[count - 1]
            (folder / "session").write_text("".join(
                f"{mark} {line}\n" for mark, text in session.dialogue
                for line in text.decode("utf-8", "replace").splitlines()))
            for message in session.messages:
                (folder / "message.eml").write_bytes(message.data)
            print(f"{len(session.messages)} messages", flush=True)


class PublicHalf:
    """What belongs into the DNS for a private RSA key."""

    def __init__(self, file, selector, domain):
        private = serialization.load_pem_private_key(Path(file).read_bytes(), None)
        public = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.name = f"{selector}._domainkey.{domain}"
        self.record = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def verify(message, key, selector, domain):
    text = Path(message).read_bytes()
    public = PublicHalf(key, selector, domain)
    return (dkimverify.dkimpy(text, public)
            and not dkimverify.dkimpy(text.replace(b"\r\n\r\n", b"\r\n\r\nP.S. ", 1), public))


if len(sys.argv) == 6 and sys.argv[1] == "verify":
    sys.exit(0 if verify(*sys.argv[2:]) else 1)
elif len(sys.argv) == 2:
    serve(Path(sys.argv[1]))
else:
    sys.exit(__doc__)
