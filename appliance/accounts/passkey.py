"""Security keys (WebAuthn level 2): what is asked of one, and whether its answer is right. Pure.

The ceremony's own checks and the signatures are python-fido2's, which is loaded when somebody uses a key and not
before: it takes 20 MB of a small process. A key is a second factor beside the password, never instead of it.
"""

import struct
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from appliance.core.units import US_PER_SECOND

if TYPE_CHECKING:
    from fido2.server import Fido2Server

CHALLENGE_BYTES: Final = 32
"""Random bytes to sign (WebAuthn section 13.4.3 asks for 16 at the least)."""

LASTS_US: Final = 120 * US_PER_SECOND
"""us in which a key must answer: to find it, touch it and type its own code."""

KEYS: Final = 8
"""Keys of an account: one on the ring, one in the drawer, a telephone, a computer; more are forgotten ones."""

ALGORITHMS: Final = (-7, -8, -257)
"""ES256, EdDSA, RS256 (RFC 9053, RFC 8812): what WebAuthn section 5.8.5 counts on every key to have one of."""

LONGEST_ID: Final = 1023
"""Bytes of a key's identifier (WebAuthn section 4)."""

HTTPS_PORT: Final = 443


class Use(StrEnum):
    """What a challenge is for; the answer to one is none to the other."""

    ADD = "add"
    LOG_IN = "log-in"


class Fault(StrEnum):
    """What an answer is refused for, as the journal names it."""

    CHALLENGE = "key-challenge"  # none that was given, used already, too old, or somebody else's
    UNKNOWN = "key-unknown"  # a key that is not this account's at this name
    ANSWER = "key-answer"  # unreadable, of another page or name, nobody touched the key, not signed by it
    COUNTER = "key-counter"  # it has answered more often than this answer says: there are two of it
    KIND = "key-kind"  # it signs in a way that was not asked for


@dataclass(frozen=True, slots=True)
class Party:
    """What keys are bound to: the name of the machine, and the origin of the page (WebAuthn section 4, RP ID)."""

    id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """One key of an account. `credential`: its identifier; `data`: what it said of itself, its public half within
    (WebAuthn section 6.5.1); `party`: the name that it answers for; `count`: answers so far, 0 when it does not count.
    """

    credential: bytes
    account: str
    name: str
    party: str
    data: bytes
    count: int
    made_us: int
    used_us: int | None = None

    @property
    def key(self) -> str:
        """What names it in addresses: 16 hex digits of a hash."""
        return sha256(self.credential).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Pending:
    """A challenge that waits: of whom, for what, at which name, since when (us of the monotonic clock)."""

    account: str
    use: Use
    party: Party
    made_us: int

    def answers(self, account: str, use: Use, party: Party | None, now_us: int) -> bool:
        """May it be answered so, now?"""
        return (self.account, self.use, self.party) == (account, use, party) and 0 <= now_us - self.made_us < LASTS_US


@dataclass(frozen=True, slots=True)
class Creation:
    """A new key's answer, base64url as browsers write it (WebAuthn section 5.1, RegistrationResponseJSON)."""

    id: str
    client_data: str
    attestation: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """A known key's answer, likewise (AuthenticationResponseJSON)."""

    id: str
    client_data: str
    authenticator_data: str
    signature: str


def is_name(host: str) -> bool:
    """Is it a name, in lower case, that keys can be bound to? An address is none (WebAuthn section 5.1.3, step 8)."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        labels = host.split(".")
        good = host == host.lower() and len(host) <= 253 and not labels[-1].isdigit()
        return good and all(
            0 < len(each) <= 63 and each.isascii() and each.replace("-", "").isalnum() and each.strip("-") == each
            for each in labels
        )
    return False


def party_of(host: str, names: Iterable[str]) -> Party | None:
    """The party of a page asked for by this Host over TLS; None unless `names`, of the certificate, has that name."""
    name, colon, port = host.lower().rpartition(":")
    if not colon:
        name, port = host.lower(), str(HTTPS_PORT)
    if not (port.isascii() and port.isdigit() and is_name(name) and name in names):
        return None
    return Party(name, f"https://{name}" + (f":{int(port)}" if int(port) != HTTPS_PORT else ""))


def base64url(data: bytes) -> str:
    """As browsers write bytes: RFC 4648 section 5, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def user_handle(account: str) -> bytes:
    """What a key knows the account by: it must tell nobody who that is (WebAuthn section 14.6.1)."""
    return sha256(b"temoin passkey user\0" + account.encode()).digest()


def counts_on(before: int, told: int) -> bool:
    """Does a key's counter go on? One that never counts says 0 for ever (WebAuthn section 6.1.1)."""
    return told > before or (told == before == 0)


def made_key(party: Party, challenge: bytes, answer: Creation) -> tuple[bytes, bytes, int] | Fault:
    """(identifier, data, count) of a new key. Loads the library: not in the event loop."""
    told = {"clientDataJSON": answer.client_data, "attestationObject": answer.attestation}
    response = {"id": answer.id, "rawId": answer.id, "response": told, "type": "public-key"}
    try:
        server, state = _ceremony(party, challenge)
        data = server.register_complete(state, response)
        own = data.credential_data
        if own is None or _bytes(answer.id) != own.credential_id or _framed(answer.client_data):
            return Fault.ANSWER
        if own.public_key.get(3) not in ALGORITHMS:
            return Fault.KIND
        return (own.credential_id, bytes(own), data.counter) if len(own.credential_id) <= LONGEST_ID else Fault.ANSWER
    except _malformed():
        return Fault.ANSWER


def told_count(party: Party, challenge: bytes, key: Passkey, answer: Assertion) -> int | Fault:
    """The counter of a known key whose answer is right. Loads the library: not in the event loop."""
    from fido2.webauthn import AttestedCredentialData, AuthenticatorData

    told = {
        "clientDataJSON": answer.client_data,
        "authenticatorData": answer.authenticator_data,
        "signature": answer.signature,
    }
    response = {"id": answer.id, "rawId": answer.id, "response": told, "type": "public-key"}
    try:
        server, state = _ceremony(party, challenge)
        server.authenticate_complete(state, [AttestedCredentialData(key.data)], response)
        if _framed(answer.client_data):
            return Fault.ANSWER
        count = AuthenticatorData(_bytes(answer.authenticator_data)).counter
    except _malformed():
        return Fault.ANSWER
    return count if counts_on(key.count, count) else Fault.COUNTER


def _ceremony(party: Party, challenge: bytes) -> "tuple[Fido2Server, dict[str, str | None]]":
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity

    entity = PublicKeyCredentialRpEntity(id=party.id, name="Temoin")
    # The library takes any port and any name below; a page of ours has one origin.
    server = Fido2Server(entity, verify_origin=lambda origin: origin == party.origin)
    return server, {"challenge": base64url(challenge), "user_verification": None}


def _bytes(text: str) -> bytes:
    from fido2.utils import websafe_decode

    return websafe_decode(text)


def _framed(client_data: str) -> bool:
    """Was the page inside somebody else's? No page of ours is (WebAuthn section 5.8.1, crossOrigin)."""
    from fido2.webauthn import CollectedClientData

    return CollectedClientData(_bytes(client_data)).cross_origin is not False


def _malformed() -> tuple[type[Exception], ...]:
    """What the library raises for a hostile answer: it checks by taking apart."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    taken_apart = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error, RecursionError)
    return (*taken_apart, AssertionError, NotImplementedError, InvalidSignature, UnsupportedAlgorithm)
