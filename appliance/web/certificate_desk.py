"""The page's certificate as its own process deals with it: what is served, a request for the authority, its answer.

The process that serves holds the key anyhow and makes its own certificate in the same folder: it asks nobody for it and
needs no right beside.
"""

import asyncio
import subprocess
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

from appliance.core.chain import Tell
from appliance.core.clock import Clock
from appliance.web.certificate import fingerprint_of, in_words
from appliance.web.certificate_errors import (
    CertificateNoEncryption,
    CertificateNotKept,
    CertificateNotServed,
    CertificateRefused,
)
from appliance.web.issued import KEY, check, keep, make_request, read_certificate, settle
from appliance.web.served import Fault, ServedCertificate


@dataclass(frozen=True, slots=True)
class Place:
    """Where encryption is: `name`: the DNS name that a certificate is asked for; `authority`: the file (PEM) of the one
    that the site names, where there is such a file; `zone`: of the days in sentences.
    """

    served: ServedCertificate
    name: str
    authority: Path
    zone: tzinfo = UTC


class CertificateDesk:
    """One at a time. `names` and `faults` are filled in place: those of the certificate that is served. `place`: None
    where the page is served without encryption.
    """

    def __init__(self, clock: Clock, tell: Tell, names: set[str], faults: list[Fault]) -> None:
        self.clock, self.tell = clock, tell
        self.names, self.faults = names, faults
        self.place: Place | None = None
        self._turn = asyncio.Lock()

    async def look(self) -> None:
        """What was installed, or spoilt, is served or told from now on; who is logged in stays so."""
        async with self._turn:
            await self._look()

    async def told(self) -> dict[str, Any]:
        """As in the contract's schema CertificateTold. Raises CertificateNotKept."""
        now_us, place = self.clock.utc_us(), self.place
        if place is None:
            return {"now_us": now_us, "name": None, "waiting": False, "certificate": None, "faults": []}
        async with self._turn:
            waiting, certificate = await asyncio.to_thread(_read, place.served)
        faults = place.served.faults(now_us, place.zone)
        return {"now_us": now_us, "name": place.name, "waiting": waiting, "certificate": certificate, "faults": faults}

    async def request(self, account: str) -> str:
        """The request as `make_request` makes it, entered. Raises CertificateNoEncryption, CertificateNotKept."""
        place = self._here()
        async with self._turn:
            made = await asyncio.to_thread(make_request, place.served.folder, place.name)
        self.tell("certificate-asked", {"account": account, "name": place.name})
        return made

    async def install(self, account: str, text: str, given: str) -> None:
        """Check it, keep it, serve it: new connections get it when this returns. `given`: what sentences call it.

        Raises a CertificateRefused; then it is entered, and the one before is served.
        """
        try:
            fingerprint = await self._install(self._here(), text, given)
        except CertificateRefused as error:
            self.tell("certificate-refused", {"account": account, "code": error.code})
            raise
        self.tell("certificate-installed", {"account": account, "fingerprint": fingerprint})

    async def _install(self, place: Place, text: str, given: str) -> str:
        folder = place.served.folder
        async with self._turn:
            pem = await asyncio.to_thread(_checked, place, text, self.clock.utc_us(), given)
            fingerprint = fingerprint_of(pem)
            await asyncio.to_thread(keep, folder, pem)
            await self._look()
            taken = place.served.fingerprint == fingerprint
            await asyncio.to_thread(partial(settle, folder, served=taken))
            if not taken:
                await self._look()
                raise CertificateNotServed
        return fingerprint

    async def _look(self) -> None:
        place = self.place
        if place is None:
            return
        served = place.served
        if await asyncio.to_thread(served.look):
            self.tell("certificate-served", {"fingerprint": served.fingerprint})
            self.names.clear()
            self.names.update(served.names)
        self.faults[:] = served.faults(self.clock.utc_us(), place.zone)

    def _here(self) -> Place:
        if self.place is None:
            raise CertificateNoEncryption
        return self.place


def _checked(place: Place, text: str, now_us: int, given: str) -> str:
    authority = place.authority if place.authority.exists() else None
    return check(place.served.folder, text, place.name, authority, now_us, given)


def _read(served: ServedCertificate) -> tuple[bool, dict[str, Any]]:
    """Does a request wait, and what is served. Blocks."""
    try:
        found = read_certificate(served.pem)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise CertificateNotKept(reason=str(error)[-200:]) from error
    return (served.folder / KEY).exists(), {
        "subject": found.subject,
        "issuer": found.issuer,
        "own": found.own,
        "names": list(found.names),
        "from_us": max(0, found.from_us),
        "until_us": found.until_us,
        "fingerprint": served.fingerprint,
        "words": in_words(served.fingerprint),
    }
