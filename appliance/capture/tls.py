"""RTSP over TLS (`rtsps`): whose certificate a camera must show.

Cameras on an isolated LAN have no public name, so public authorities mean nothing there. A camera is believed by the
fingerprint of the very certificate it was commissioned with, or by the site's own authority; never by neither.
"""

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.capture.errors import CameraCertificate

FINGERPRINT_BYTES: Final = 32
"""Bytes of a SHA-256 over the certificate as sent (DER)."""


@dataclass(frozen=True, slots=True)
class Trust:
    """`fingerprint`: SHA-256 of the camera's certificate; `authority`: PEM file of the site's own authority."""

    fingerprint: bytes | None = None
    authority: Path | None = None

    def context(self) -> ssl.SSLContext:
        """What to connect with; blocks (it may read a file). Raises CameraCertificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.fingerprint is not None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # `check` compares the certificate itself, which is more
            return context
        if self.authority is None:
            raise CameraCertificate(reason="neither fingerprint nor authority is configured")
        try:
            context.load_verify_locations(cafile=self.authority)
        except (OSError, ssl.SSLError) as error:
            raise CameraCertificate(reason=f"authority {self.authority.name}: {error}") from error
        return context

    def check(self, certificate: bytes | None) -> None:
        """Before anything is sent: the certificate (DER) that the handshake ended with. Raises CameraCertificate."""
        if self.fingerprint is None:
            return  # the handshake has verified it
        found = hashlib.sha256(certificate or b"").digest()
        if found != self.fingerprint:
            raise CameraCertificate(reason=f"its fingerprint is sha256:{found.hex()}")
