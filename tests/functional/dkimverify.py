"""dkimverify.py - two verifiers that are not ours: dkimpy, and opendkim (RSA only).

Neither asks the DNS. dkimpy takes a function in its place; opendkim has the option
TestPublicKeys for a file of lines "name record", and with -t it judges a message and exits:

    opendkim -x CONF -vv -t MESSAGE     prints an Authentication-Results field, "dkim=pass ..."
"""

import base64
import re
import subprocess
from pathlib import Path

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

OPENDKIM = "/usr/sbin/opendkim"


class Key:
    """A fresh key: its PEM text and the record that belongs into the DNS."""

    def __init__(self, domain, selector, kind="rsa", bits=2048, traditional=False):
        self.domain, self.selector, self.kind = domain, selector, kind
        if kind == "rsa":
            private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
            public = private.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        else:
            private = ed25519.Ed25519PrivateKey.generate()
            public = private.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        form = (serialization.PrivateFormat.TraditionalOpenSSL if traditional
                else serialization.PrivateFormat.PKCS8)
        self.private = private
        self.pem = private.private_bytes(serialization.Encoding.PEM, form,
                                         serialization.NoEncryption())
        self.name = f"{selector}._domainkey.{domain}"
        self.record = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"

    def encrypted_pem(self):
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"pass phrase"))


def signatures(message):
    """The DKIM-Signature fields of a message (CRLF), as dictionaries of their tags."""
    header = message.split(b"\r\n\r\n", 1)[0].decode("utf-8", "surrogateescape")
    found = []
    for field in re.split(r"\r\n(?![ \t])", header):
        if field.lower().startswith("dkim-signature:"):
            tags = [tag.split("=", 1) for tag in field.split(":", 1)[1].split(";") if "=" in tag]
            found.append({name.strip(): re.sub(r"\s+", "", value) for name, value in tags})
    return found


def dkimpy(message, *keys):
    """True if the message has a signature and all it has are good."""
    records = {key.name + ".": key.record for key in keys}

    def lookup(name, timeout=5):
        return records.get(name.decode(), "").encode()

    count = len(signatures(message))
    verifier = dkim.DKIM(message)
    try:
        return count > 0 and all(verifier.verify(idx=i, dnsfunc=lookup) for i in range(count))
    except dkim.DKIMException:
        return False


def opendkim(message, folder, *keys):
    """opendkim's verdict: "pass", "fail", ... or "none" without a signature."""
    folder = Path(folder)
    keyfile, conf, file = folder / "dns", folder / "opendkim.conf", folder / "message.eml"
    keyfile.write_text("".join(f"{key.name} {key.record}\n" for key in keys))
    conf.write_text(f"TestPublicKeys {keyfile}\nSyslog no\n")
    file.write_bytes(message)
    run = subprocess.run([OPENDKIM, "-x", conf, "-vv", "-t", file], capture_output=True,
                         text=True, check=False, timeout=60)
    verdict = re.search(r"\bdkim=(\w+)", run.stdout)
    return verdict.group(1) if verdict else "none"
