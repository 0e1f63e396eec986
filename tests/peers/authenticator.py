"""A security key in software (WebAuthn level 2): ES256, no attestation; what it says can be forged in every part."""

import json
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

from appliance.accounts.passkey import Assertion, Creation, Party, base64url

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
AAGUID: Final = bytes(16)


@dataclass(slots=True)
class Authenticator:
    """One key. `count`: None for one that does not count."""

    count: int | None = 0
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    algorithm: int = -7
    flags: int = PRESENT | VERIFIED

    def create(self, challenge: bytes, party: Party, /, **forged: object) -> Creation:
        """Its answer as a new key. `forged`: members of the client's data, or `rp` the name that is hashed."""
        public = self.private.public_key().public_numbers()
        cose = {1: 2, 3: self.algorithm, -1: 1, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32, "big")}
        own = AAGUID + struct.pack(">H", len(self.credential)) + self.credential + cbor.encode(cose)
        data = self._data(str(forged.pop("rp", party.id)), ATTESTED) + own
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = _client("webauthn.create", challenge, party, forged)
        return Creation(base64url(self.credential), base64url(client), base64url(attestation))

    def get(self, challenge: bytes, party: Party, /, **forged: object) -> Assertion:
        """Its answer at a log-in."""
        if self.count is not None:
            self.count += 1
        data = self._data(str(forged.pop("rp", party.id)))
        client = _client("webauthn.get", challenge, party, forged)
        signed = self.private.sign(data + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return Assertion(base64url(self.credential), base64url(client), base64url(data), base64url(signed))

    def _data(self, rp: str, more: int = 0) -> bytes:
        return sha256(rp.encode()).digest() + struct.pack(">BI", self.flags | more, self.count or 0)


def _client(kind: str, challenge: bytes, party: Party, forged: Mapping[str, object]) -> bytes:
    told = {"type": kind, "challenge": base64url(challenge), "origin": party.origin, "crossOrigin": False}
    return json.dumps({**told, **forged}).encode()
