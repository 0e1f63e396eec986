"""`appliance certificate`: a request for the département's authority, and the certificate that it gave, taken over.

Recording has no part in it, and the page goes on while its certificate changes (web/served.py). The key of a request
never leaves the appliance; a certificate that the page does not take is put back.
"""

import os
import time
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

from appliance.core.clock import Clock, SystemClock
from appliance.core.errors import Language
from appliance.core.units import US_PER_SECOND
from appliance.services.port import box_number
from appliance.site.load import load_site
from appliance.web.certificate import fingerprint_of, in_words, served_fingerprint
from appliance.web.certificate_errors import CertificateNotServed, CertificateUnreadable
from appliance.web.issued import ISSUED, LARGEST, check, keep, make_request, read_certificate, settle
from appliance.web.served import ServedCertificate

FOLDER: Final = Path("/var/lib/appliance/front")
"""The certificate's folder, which the page of an appliance that is not set up uses, too."""

AUTHORITY: Final = "ca.pem"
"""Beside the site's file: the authority that the office's file names (site/provision.py)."""

SERVED_S: Final = 30
"""Seconds until the page must serve it: it looks every 5 s, and a busy machine is late."""

LOOK_S: Final = 1.0


def folder_given() -> Path:
    """The certificate's folder, as services are told by APPLIANCE_CERTIFICATE."""
    return Path(os.environ.get("APPLIANCE_CERTIFICATE", FOLDER))


def name_of(site_name: str | None, number: str) -> str:
    """The DNS name that the page's certificate is for: the site's, else what the appliance calls itself. Pure."""
    return site_name or f"temoin-{number}"


def take_over(
    folder: Path,
    text: str,
    name: str,
    authority: Path | None,
    given: str,
    clock: Clock,
    look: Callable[[], str],
    pause: Callable[[float], None],
) -> tuple[str, bool]:
    """Fingerprint of a certificate that was checked and kept, and whether the page serves it already (it is not running
    otherwise). `look`: the fingerprint that the page serves, "" where nothing does.

    Raises a CertificateRefused; then the one before is served. Blocks.
    """
    pem = check(folder, text, name, authority, clock.utc_us(), given)
    fingerprint = fingerprint_of(pem)
    keep(folder, pem)
    end = clock.monotonic_us() + SERVED_S * US_PER_SECOND
    served = look()
    while served != fingerprint and clock.monotonic_us() < end:
        pause(LOOK_S)
        served = look()
    if served and served != fingerprint:
        settle(folder, served=False)
        raise CertificateNotServed
    settle(folder, served=True)
    return fingerprint, bool(served)


def lines(folder: Path, clock: Clock, language: Language, zone: tzinfo) -> list[str]:
    """What `appliance status` tells of it, nothing where all is well or the folder is not this user's. Blocks."""
    served = ServedCertificate(folder)
    _ = served.look()
    return [fault[language] for fault in served.faults(clock.utc_us(), zone)]


def request_main(site_file: Path, folder: Path) -> int:
    """0, with the request alone on the output: it is sent as it is. Raises CertificateNotKept."""
    name = name_of(load_site(site_file).web.name, box_number())
    print(make_request(folder, name), end="")
    return 0


def install_main(site_file: Path, folder: Path, file: Path, language: Language) -> int:
    """0: the page serves it, or will. Raises a CertificateRefused."""
    site = load_site(site_file)
    authority = site_file.parent / AUTHORITY
    fingerprint, served = take_over(
        folder,
        _text(file),
        name_of(site.web.name, box_number()),
        authority if authority.exists() else None,
        file.name,
        SystemClock(),
        served_fingerprint,
        time.sleep,
    )
    print(told(fingerprint, folder, site.site.zone, language, served=served))
    return 0


def told(fingerprint: str, folder: Path, zone: tzinfo, language: Language, *, served: bool) -> str:
    """What came of it: until when, and the words to compare. Blocks."""
    pem = (folder / ISSUED).read_text(encoding="ascii")
    until = datetime.fromtimestamp(read_certificate(pem[pem.index("-----BEGIN CERT") :]).until_us / 1e6, zone)
    words = in_words(fingerprint)
    if language == "fr":
        first = "La page sert ce certificat" if served else "La page servira ce certificat à son démarrage"
        return f"{first}, jusqu'au {until:%d/%m/%Y}. Empreinte : {words}"
    first = "The page serves this certificate" if served else "The page will serve this certificate when it starts"
    return f"{first}, until {until:%Y-%m-%d}. Fingerprint: {words}"


def _text(file: Path) -> str:
    """No more than a file of certificates can have. Raises CertificateUnreadable."""
    try:
        with file.open("rb") as source:
            return source.read(LARGEST + 1).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CertificateUnreadable(given=file.name) from error
