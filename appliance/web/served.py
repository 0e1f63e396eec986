"""The certificate that the page serves, changed while it serves: new connections get the new one, sessions go on.

What is taken: the authority's where it is whole, else the one before it, else the appliance's own, and then it is told.
"""

import ssl
import subprocess
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

from appliance.core.units import US_PER_SECOND
from appliance.web.certificate import OWN, fingerprint_of, names_of, server_context
from appliance.web.issued import FORMER, ISSUED, read_certificate

WARN_US: Final = 30 * 86_400 * US_PER_SECOND
"""us before the end from which it is told: the authority's office and a way to the site take their time."""

Fault = dict[str, str]
"""`code`, `fr`, `en`, as the state tells what it has on records."""

_BROKEN: Final[Fault] = {
    "code": "certificate-broken",
    "fr": "Le certificat de l'autorité est abîmé : la page sert un autre certificat, que les navigateurs signalent. "
    "Comparez l'empreinte à l'écran de l'appareil, et refaites une demande (page Certificat, ou appliance certificate "
    "request).",
    "en": "The authority's certificate is damaged: the page serves another one, of which browsers warn. Compare the "
    "fingerprint with the appliance's screen, and make a new request (page Certificate, or appliance certificate "
    "request).",
}


def end_fault(until_us: int, now_us: int, zone: tzinfo = UTC) -> Fault | None:
    """What is to be told of the end of an authority's certificate, None while it is far. Pure."""
    if until_us - now_us > WARN_US:
        return None
    day = datetime.fromtimestamp(until_us / US_PER_SECOND, zone)
    fr, en = f"{day:%d/%m/%Y}", f"{day:%Y-%m-%d}"
    if now_us >= until_us:
        return {
            "code": "certificate-over",
            "fr": f"Le certificat de la page est périmé depuis le {fr} : les navigateurs le refusent. Demandez-en un "
            "autre (page Certificat, ou appliance certificate request).",
            "en": f"The page's certificate has been over since {en}: browsers refuse it. Ask for another (page "
            "Certificate, or appliance certificate request).",
        }
    return {
        "code": "certificate-ends",
        "fr": f"Le certificat de la page finit le {fr}. Demandez-en un autre (page Certificat, ou "
        "appliance certificate request).",
        "en": f"The page's certificate ends on {en}. Ask for another (page Certificate, or appliance certificate "
        "request).",
    }


class ServedCertificate:
    """Of one folder. `look` first, and again and again. `fingerprint`: SHA-256 of the one that is served, in hex;
    `until_us`: its end, None of one that nobody issued; `names`: those that it is for; `pem`: itself and its chain.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: tuple[tuple[int, int, int] | None, ...] = ()
        self._current: ssl.SSLContext | None = None
        self._broken = False
        self._file = folder / OWN
        self.fingerprint = self.pem = ""
        self.until_us: int | None = None
        self.names: frozenset[str] = frozenset()

    def look(self) -> bool:
        """Take what lies there now; was anything changed? Blocks."""
        files = tuple(self.folder / name for name in (ISSUED, FORMER, OWN))
        seen = tuple(_mark(file) for file in files)
        if seen == self._seen:
            return False
        self._seen, before = seen, self.fingerprint
        for file, there in zip(files, seen, strict=True):
            if there is not None and self._take(file):
                self._broken = seen[0] is not None and file.name != ISSUED
                break
        return self.fingerprint != before

    def context(self) -> ssl.SSLContext:
        """What a server is given: each handshake is made with the certificate of its moment. Raises OSError where
        there is none at all. Blocks.
        """
        _ = self.look()
        context = server_context(self._file)

        def choose(connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _given: ssl.SSLContext) -> None:
            if self._current is not None:
                connection.context = self._current

        context.sni_callback = (
            choose  # called for every handshake, with a name or without (OpenSSL servername callback)
        )
        return context

    def faults(self, now_us: int, zone: tzinfo = UTC) -> list[Fault]:
        """What is to be told."""
        ends = None if self.until_us is None else end_fault(self.until_us, now_us, zone)
        return [*([_BROKEN] if self._broken else []), *([ends] if ends else [])]

    def _take(self, file: Path) -> bool:
        """A whole one is served from now on: the context is complete before it takes the other's place."""
        try:
            context = server_context(file)
            pem = file.read_text(encoding="ascii")
            fingerprint = fingerprint_of(pem)
            names = names_of(file)
            until_us = None if file.name == OWN else read_certificate(pem[pem.index(ssl.PEM_HEADER) :]).until_us
        except (OSError, ValueError, subprocess.TimeoutExpired):  # ssl.SSLError is an OSError
            return False
        self._file, self._current, self.pem = file, context, pem[pem.index(ssl.PEM_HEADER) :]
        self.fingerprint, self.until_us, self.names = fingerprint, until_us, names
        return True


def _mark(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
