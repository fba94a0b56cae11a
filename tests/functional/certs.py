"""certs.py - a CA and server certificates of every kind, made on the spot."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
NAMES = ("localhost", "mail.example.test", "127.0.0.1")


def _name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """One CA; `pem` is the path of its certificate, issue() makes servers' ones."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = _name(name)
        now = datetime.datetime.utcnow()
        cert = (x509.CertificateBuilder()
                .subject_name(self.subject).issuer_name(self.subject)
                .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now - 400 * DAY).not_valid_after(now + 400 * DAY)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(x509.KeyUsage(False, False, False, False, False, True, True,
                                             False, False), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()),
                               critical=False)
                .sign(self.key, hashes.SHA256()))
        self.pem = folder / f"{name}.pem"
        self.pem.write_bytes(cert.public_bytes(serialization.Encoding.PEM))

    def issue(self, file, names=NAMES, first_day=-2, last_day=30, self_signed=False):
        """A certificate and its key in one PEM file; days are counted from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        subject = _name(names[0])
        cert = (x509.CertificateBuilder()
                .subject_name(subject).issuer_name(subject if self_signed else self.subject)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now + first_day * DAY).not_valid_after(now + last_day * DAY)
                .add_extension(x509.SubjectAlternativeName([_alternative(n) for n in names]),
                               critical=False)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
                               critical=False)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .sign(key if self_signed else self.key, hashes.SHA256()))
        path = self.folder / f"{file}.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption())
            + cert.public_bytes(serialization.Encoding.PEM))
        return path


class Certificates:
    """Everything a test may want to show a client. `ca` is the one to trust."""

    def __init__(self, folder):
        trusted, stranger = Authority(folder, "ca"), Authority(folder, "other-ca")
        self.ca, self.other_ca = trusted.pem, stranger.pem
        self.good = trusted.issue("good")
        self.wrong_name = trusted.issue("wrong-name", names=("elsewhere.example.test",))
        self.expired = trusted.issue("expired", first_day=-20, last_day=-10)
        self.not_yet = trusted.issue("not-yet", first_day=10, last_day=20)
        self.stranger = stranger.issue("stranger")
        self.self_signed = trusted.issue("self-signed", self_signed=True)
