"""certs.py - a CA and server certificates of every kind, made on the spot."""

import datetime
import hashlib
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
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
        self.cert = cert
        self.pem = folder / f"{name}.pem"
        self.pem.write_bytes(cert.public_bytes(serialization.Encoding.PEM))

    def issue(self, file, names=NAMES, first_day=-2, last_day=30, self_signed=False,
              purpose=ExtendedKeyUsageOID.SERVER_AUTH, common=None, must_staple=False):
        """A certificate and its key in one PEM file; days are counted from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        subject = _name(common or names[0])
        builder = (x509.CertificateBuilder()
                   .subject_name(subject).issuer_name(subject if self_signed else self.subject)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now + first_day * DAY).not_valid_after(now + last_day * DAY)
                   .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
                   .add_extension(x509.BasicConstraints(ca=False, path_length=None),
                                  critical=True))
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_alternative(n) for n in names]), critical=False)
        if must_staple:
            builder = builder.add_extension(
                x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=False)
        cert = builder.sign(key if self_signed else self.key, hashes.SHA256())
        path = self.folder / f"{file}.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption())
            + cert.public_bytes(serialization.Encoding.PEM))
        return path

    def staple(self, file, certificate, revoked=False, days=7):
        """An OCSP response about a certificate of ours, of this moment, as a DER file."""
        about = x509.load_pem_x509_certificate(certificate.read_bytes())
        now = datetime.datetime.utcnow()
        response = (ocsp.OCSPResponseBuilder()
                    .add_response(
                        cert=about, issuer=self.cert, algorithm=hashes.SHA1(),
                        cert_status=(ocsp.OCSPCertStatus.REVOKED if revoked
                                     else ocsp.OCSPCertStatus.GOOD),
                        this_update=now - 30 * DAY if days < 0 else now,
                        next_update=now + days * DAY,
                        revocation_time=now - DAY if revoked else None,
                        revocation_reason=None)
                    .responder_id(ocsp.OCSPResponderEncoding.NAME, self.cert)
                    .sign(self.key, hashes.SHA256()))
        path = self.folder / f"{file}.der"
        path.write_bytes(response.public_bytes(serialization.Encoding.DER))
        return path


def pin(certificate):
    """What tls_pin has to be for the certificate in this file."""
    cert = x509.load_pem_x509_certificate(certificate.read_bytes())
    key = cert.public_key().public_bytes(serialization.Encoding.DER,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)
    return "sha256:" + hashlib.sha256(key).hexdigest()


class Certificates:
    """Everything a test may want to show a client. `ca` is the one to trust."""

    def __init__(self, folder):
        trusted, stranger = Authority(folder, "ca"), Authority(folder, "other-ca")
        self.authority = trusted
        self.ca, self.other_ca = trusted.pem, stranger.pem
        self.good = trusted.issue("good")
        self.wrong_name = trusted.issue("wrong-name", names=("elsewhere.example.test",))
        self.expired = trusted.issue("expired", first_day=-20, last_day=-10)
        self.not_yet = trusted.issue("not-yet", first_day=10, last_day=20)
        self.stranger = stranger.issue("stranger")
        self.nameless = trusted.issue("nameless", names=(), common="localhost")
        self.client = trusted.issue("client", names=("alice",),
                                    purpose=ExtendedKeyUsageOID.CLIENT_AUTH)
        self.self_signed = trusted.issue("self-signed", self_signed=True)
