"""The appliance's own certificate, made once, and its fingerprint as people compare it: four words, and hex.

Made by openssl, which the system has for its own needs; no library is added for one call in an appliance's life. The
words are proquints (Wilkerson 2009, "A Proposal for Proquints"): 16 bits each, spelt by anybody, without a list that
two programs would have to share.
"""

import os
import re
import ssl
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Final

from appliance.web.errors import CertificateNotMade

DAYS: Final = 36_500
"""Days. A first start's clock may stand at 1970; what vouches is the fingerprint that people compare, not the date."""

WORDS: Final = 4
"""64 bits of the fingerprint: nobody makes another certificate that shares them."""

PAGE: Final = ("127.0.0.1", 443)
"""Where the appliance itself sees what its page shows."""

OWN: Final = "server.pem"
"""Key and certificate that the appliance made for itself."""

_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aiou"
OPENSSL_S: Final = 60.0
"""Seconds: a key under emulation takes some of them."""


def in_words(fingerprint: str) -> str:
    """The first 64 bits of a fingerprint in hex, as four words."""
    words = []
    for at in range(0, WORDS * 4, 4):
        bits = int(fingerprint[at : at + 4], 16)
        words.append(
            _CONSONANTS[bits >> 12]
            + _VOWELS[bits >> 10 & 3]
            + _CONSONANTS[bits >> 6 & 15]
            + _VOWELS[bits >> 4 & 3]
            + _CONSONANTS[bits & 15]
        )
    return " ".join(words)


def hex_lines(fingerprint: str) -> list[str]:
    """The whole of it, pairs with colons as browsers show them, in two lines."""
    pairs = [fingerprint[at : at + 2].upper() for at in range(0, len(fingerprint), 2)]
    return [":".join(pairs[:16]), ":".join(pairs[16:])]


def fingerprint_of(pem: str) -> str:
    """SHA-256 over the certificate's DER, 64 hex digits. Raises ValueError for what is no PEM certificate."""
    begin = pem.index(ssl.PEM_HEADER)
    end = pem.index(ssl.PEM_FOOTER, begin) + len(ssl.PEM_FOOTER)
    return sha256(ssl.PEM_cert_to_DER_cert(pem[begin:end] + "\n")).hexdigest()


def served_certificate(address: tuple[str, int] = PAGE) -> str:
    """The certificate that the page really shows (PEM), "" when nothing answers. Blocks."""
    try:
        return ssl.get_server_certificate(address, timeout=1.0)
    except (OSError, ValueError):
        return ""


def served_fingerprint(address: tuple[str, int] = PAGE) -> str:
    """Its fingerprint, "" when nothing answers. Blocks."""
    pem = served_certificate(address)
    return fingerprint_of(pem) if pem else ""


def ensure_certificate(folder: Path, name: str) -> Path:
    """The file with key and certificate (PEM, 0640: its group is the folder's), made when it is not there.

    One rename, so never half of it.

    Raises CertificateNotMade. Blocks.
    """
    file = folder / OWN
    if file.exists():
        return file
    key, certificate, draft = folder / "key.new", folder / "certificate.new", folder / "server.new"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-sha256",
        "-days", str(DAYS), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature",
        "-addext", "extendedKeyUsage=serverAuth", "-keyout", str(key), "-out", str(certificate),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=OPENSSL_S, umask=0o077)
        if done.returncode != 0:
            raise CertificateNotMade(reason=done.stderr.strip()[-200:])
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        with os.fdopen(fd, "wb") as target:
            target.write(key.read_bytes() + certificate.read_bytes())
            target.flush()
            os.fsync(fd)
        draft.replace(file)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificateNotMade(reason=str(error)) from error
    finally:
        key.unlink(missing_ok=True)
        certificate.unlink(missing_ok=True)
    return file


def names_of(file: Path) -> frozenset[str]:
    """The DNS names that a certificate is for, in lower case (RFC 5280 section 4.2.1.6); none where it names none, or
    cannot be read. Blocks.
    """
    command = ["openssl", "x509", "-in", str(file), "-noout", "-ext", "subjectAltName"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=OPENSSL_S)
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(found.lower() for found in re.findall(r"DNS:([^\s,]+)", done.stdout))


def server_context(file: Path) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 of the library's own choice, with our key."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(file)
    return context
