"""The page's certificate of the département's authority: asked for with a key that never leaves, checked, kept.

openssl signs the request and judges the chain (RFC 5280: names allowed, length of path, purposes); its error numbers
(x509_vfy.h, openssl-verify(1)) become sentences here. What browsers ask beyond is checked besides: a DNS name in
subjectAltName (RFC 6125) and at most 397 days (CA/Browser Forum baseline requirements 6.3.2).
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from appliance.core.durable import sync_directory, write_new
from appliance.core.units import US_PER_SECOND
from appliance.web.certificate import OPENSSL_S
from appliance.web.certificate_errors import (
    CertificateNotAllowed,
    CertificateNotAsked,
    CertificateNotKept,
    CertificateOfAnotherKey,
    CertificateOfAnotherName,
    CertificateOfAStranger,
    CertificateOutOfTime,
    CertificateRefused,
    CertificateTooLong,
    CertificateTooWeak,
    CertificateUnfit,
    CertificateUnreadable,
    CertificateWithKey,
)

KEY: Final = "request.key"
"""The key that waits for a certificate: its owner's alone until then."""

ISSUED: Final = "issued.pem"
"""Key, certificate and intermediates, as the page serves them."""

FORMER: Final = "issued.old"
"""The one before, there until the new one is served."""

LONGEST_DAYS: Final = 397
"""Days. CA/Browser Forum baseline requirements 6.3.2; Chromium and Safari refuse more of any authority but a local
one, and a local one that keeps to it renews within a year."""

LARGEST: Final = 64 << 10
"""Bytes of a file with certificates: eight of 4096 bits take some 16 KiB."""

MOST: Final = 8
"""Certificates in a file: longer chains are none that anybody builds."""

_ONE: Final = re.compile(r"-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]{64,}?-----END CERTIFICATE-----")
_DAY_US: Final = 86_400 * US_PER_SECOND

_STRANGER: Final = frozenset({2, 7, 18, 19, 20, 21, 27, 30})
_OUT_OF_TIME: Final = frozenset({9, 10})
_NOT_ALLOWED: Final = frozenset({47, 48})
_WEAK: Final = frozenset({66, 67, 68})
_OTHER_NAME: Final = 62


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is read of one: validity in us UTC, DNS names, whether it may sign others, its public key (PEM), whether
    it signed itself; whose it is and who signed it (RFC 4514).
    """

    from_us: int
    until_us: int
    names: tuple[str, ...]
    signs: bool
    key: str
    own: bool
    subject: str = ""
    issuer: str = ""


def split(text: str) -> list[str]:
    """The PEM certificates of a text, in its order. Pure."""
    return [found + "\n" for found in _ONE.findall(text)]


def parse_told(text: str) -> Certificate:
    """What `openssl x509` printed. Raises ValueError. Pure."""
    fields = dict(re.findall(r"^(subject|issuer|notBefore|notAfter)=(.*)$", text, re.MULTILINE))
    key = re.search(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----\n", text, re.DOTALL)
    if key is None or len(fields) != 4:
        raise ValueError(text[:80])
    after = text[key.end() :]
    return Certificate(
        from_us=_instant(fields["notBefore"]),
        until_us=_instant(fields["notAfter"]),
        names=tuple(re.findall(r"DNS:([^,\s]+)", after)),
        signs="CA:TRUE" in after,
        key=key.group(),
        own=fields["subject"] == fields["issuer"],
        subject=fields["subject"].strip(),
        issuer=fields["issuer"].strip(),
    )


def refusal(told: str, name: str) -> CertificateRefused:
    """The sentence for what `openssl verify` said. Pure."""
    found = re.search(r"error (\d+) at \d+ depth lookup: ?(.*)", told)
    number = int(found.group(1)) if found else 0
    if number in _STRANGER:
        return CertificateOfAStranger()
    if number in _OUT_OF_TIME:
        return CertificateOutOfTime()
    if number in _NOT_ALLOWED:
        return CertificateNotAllowed(host=name)
    if number in _WEAK:
        return CertificateTooWeak()
    if number == _OTHER_NAME:
        return CertificateOfAnotherName(host=name)
    return CertificateUnfit(reason=(found.group(2) if found else told)[-120:].strip())


def read_certificate(pem: str) -> Certificate:
    """One PEM certificate. Raises ValueError. Blocks."""
    words = ["-noout", "-subject", "-issuer", "-startdate", "-enddate", "-dateopt", "iso_8601", "-pubkey"]
    words += ["-nameopt", "RFC2253,-esc_msb,utf8,sep_comma_plus_space"]  # on one line, and room to break it
    done = _openssl("x509", *words, "-ext", "subjectAltName,basicConstraints", told=pem)
    if done.returncode != 0:
        raise ValueError(done.stderr[-200:])
    return parse_told(done.stdout)


def make_request(folder: Path, name: str) -> str:
    """The request (PKCS #10, PEM) for a DNS name. Its key waits in the folder; asked again, it is the same one, but
    where another user of the folder made it and keeps it to itself: then it is made anew.

    Raises CertificateNotKept. Blocks.
    """
    file = folder / KEY
    try:
        if not os.access(file, os.R_OK):
            made = _done(_openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
            write_new(file, made.encode("ascii"), 0o600)
        names = ("-subj", f"/CN={name}" if len(name) <= 64 else "/", "-addext", f"subjectAltName=DNS:{name}")
        uses = ("-addext", "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=serverAuth")
        return _done(_openssl("req", "-new", "-sha256", "-key", str(file), *names, *uses))
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificateNotKept(reason=str(error)[-200:]) from error


def check(folder: Path, text: str, name: str, authority: Path | None, now_us: int, given: str) -> str:
    """Key and chain as the page serves them, for a file's text that passes every check. `authority`: PEM that the
    chain must lead to; None: to what comes along. `given`: what a sentence calls the file.

    Raises a CertificateRefused. Blocks.
    """
    if "PRIVATE KEY" in text:
        raise CertificateWithKey(given=given)
    pems = split(text)
    if not 1 <= len(pems) <= MOST or len(text) > LARGEST:
        raise CertificateUnreadable(given=given)
    try:
        key = (folder / KEY).read_text(encoding="ascii")
        public = _done(_openssl("pkey", "-pubout", told=key))
        found = [read_certificate(pem) for pem in pems]
    except FileNotFoundError as error:
        raise CertificateNotAsked from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificateNotKept(reason=str(error)[-200:]) from error
    except ValueError as error:
        raise CertificateUnreadable(given=given) from error
    ours = [number for number, each in enumerate(found) if each.key == public]
    if not ours:
        raise CertificateOfAnotherKey(given=given)
    mine = found[ours[0]]
    rest = [pem for number, pem in enumerate(pems) if number != ours[0]]
    _judge(pems[ours[0]], rest, name, authority, now_us)
    if not mine.names:  # openssl would take the subject's name, as browsers did once
        raise CertificateOfAnotherName(host=name)
    if mine.signs:
        raise CertificateUnfit(reason="CA:TRUE")
    days = -(-(mine.until_us - mine.from_us) // _DAY_US)
    if days > LONGEST_DAYS:
        raise CertificateTooLong(days=days, most=LONGEST_DAYS)
    return key + pems[ours[0]] + "".join(rest)


def keep(folder: Path, pem: str) -> None:
    """The page may take it; the one before lies beside until `settle`. Raises CertificateNotKept. Blocks."""
    file, former = folder / ISSUED, folder / FORMER
    try:
        if file.exists():  # copied: a link to another user's file is refused (fs.protected_hardlinks)
            write_new(former, file.read_bytes(), 0o640)
        write_new(folder / "issued.new", pem.encode("ascii"), 0o640)
        (folder / "issued.new").replace(file)
        sync_directory(folder)
    except OSError as error:
        raise CertificateNotKept(reason=str(error)) from error


def settle(folder: Path, *, served: bool) -> None:
    """The new one is served: the one before and the request are over. It is not: the one before is back.

    Raises CertificateNotKept. Blocks.
    """
    file, former = folder / ISSUED, folder / FORMER
    try:
        if served:
            former.unlink(missing_ok=True)
            (folder / KEY).unlink(missing_ok=True)
        elif former.exists():
            former.replace(file)
        else:
            file.unlink(missing_ok=True)
        sync_directory(folder)
    except OSError as error:
        raise CertificateNotKept(reason=str(error)) from error


def _judge(leaf: str, rest: Sequence[str], name: str, authority: Path | None, now_us: int) -> None:
    """By openssl, at this instant of ours. The authority may be an intermediate one: its own chain is its affair."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        (place / "leaf").write_text(leaf, encoding="ascii")
        (place / "rest").write_text("".join(rest), encoding="ascii")
        anchor = place / "rest" if authority is None else authority
        if authority is None and not rest:
            raise CertificateOfAStranger
        words = ["-partial_chain", "-no-CApath", "-no-CAstore", "-CAfile", str(anchor), "-purpose", "sslserver"]
        words += ["-verify_hostname", name, "-auth_level", "2", "-attime", str(now_us // US_PER_SECOND)]
        words += ["-untrusted", str(place / "rest")] if rest else []
        try:
            done = _openssl("verify", *words, str(place / "leaf"))
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CertificateNotKept(reason=str(error)[-200:]) from error
    if done.returncode != 0:
        raise refusal(done.stdout + done.stderr, name)


def _openssl(*words: str, told: str = "") -> "subprocess.CompletedProcess[str]":
    command = ["openssl", *words]
    return subprocess.run(command, input=told, capture_output=True, text=True, check=False, timeout=OPENSSL_S)


def _done(done: "subprocess.CompletedProcess[str]") -> str:
    if done.returncode != 0:
        raise OSError(done.stderr.strip()[-200:])
    return done.stdout


def _instant(text: str) -> int:
    seen = datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=UTC)
    return int(seen.timestamp()) * US_PER_SECOND
