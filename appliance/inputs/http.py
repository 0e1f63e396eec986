"""One SOAP call over HTTP: bounded in time and bytes, no redirect, no proxy, no cookie, no compression.

Logging in: first without, as a device tells which way it wants. A 401 with a Digest challenge is answered by HTTP
Digest (RFC 7616), a SOAP fault "not authorized" by a WS-UsernameToken. A wrong password is said once: cameras lock
accounts. Basic would show the password and is never answered.
"""

import secrets
import socket
from collections.abc import Sequence
from typing import Final

import aiohttp

from appliance.capture.auth import Authenticator, parse_challenges
from appliance.capture.errors import CameraAuthentication
from appliance.capture.url import Credentials
from appliance.core.clock import Clock
from appliance.inputs.errors import (
    InterfaceMissing,
    OnvifAuthScheme,
    OnvifNotSpoken,
    OnvifPasswordMissing,
    OnvifPasswordRefused,
    OnvifSlow,
    OnvifTooLong,
    OnvifUnreachable,
)
from appliance.inputs.place import Place
from appliance.inputs.soap import answer_of, envelope, username_token
from appliance.inputs.xml import MAX_BYTES, Node, clean, parse

CALL_S: Final = 8.0
"""Seconds for one answer. Slow cameras take 3 for their profiles."""

CONNECT_S: Final = 4.0
"""Seconds for the TCP handshake; two retransmitted SYNs (1 s, 3 s) fit."""

UNAUTHORIZED: Final = 401


def open_session(interface: str, *, call_s: float = CALL_S) -> aiohttp.ClientSession:
    """A client whose connections leave by `interface` alone (SO_BINDTODEVICE, socket(7)), whatever an address says."""

    def made(info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, _ = info
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        except OSError as error:
            opened.close()
            raise InterfaceMissing(interface=interface) from error
        return opened

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=8, force_close=True, socket_factory=made),
        timeout=aiohttp.ClientTimeout(total=call_s, connect=CONNECT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "appliance", "Accept-Encoding": "identity"},
        auto_decompress=False,
    )


class Caller:
    """Calls to one camera with one account; knows which way to log in once it was told. `offset_us`: its clock's."""

    def __init__(
        self, session: aiohttp.ClientSession, clock: Clock, credentials: Credentials | None, *, call_s: float = CALL_S
    ) -> None:
        self.offset_us = 0
        self.logged_in = False  # a call was answered that needed the account
        self._session = session
        self._clock = clock
        self._credentials = credentials
        self._call_s = call_s
        self._digest: Authenticator | None = None
        self._token = False

    async def ask(self, place: Place, name: str, body: str) -> Node:
        """The answer's element. Raises an OnvifError: what went wrong, by name."""
        tried = False
        while True:
            status, challenges, data = await self._post(place, name, body)
            if status == UNAUTHORIZED and challenges:
                self._challenged(challenges, tried=tried)
            else:
                try:
                    found = self._parsed(place, status, name, data)
                except OnvifPasswordRefused:
                    self._refused(tried=tried)
                else:
                    self.logged_in |= self._token or self._digest is not None
                    return found
            tried = True

    def _challenged(self, challenges: Sequence[str], *, tried: bool) -> None:
        if self._credentials is None:
            raise OnvifPasswordMissing
        known = self._digest is not None
        digests = [c for c in parse_challenges(challenges) if c.scheme == "digest" and c.strength]
        if not digests:
            if self._token:
                raise OnvifAuthScheme
            self._token = True  # old devices name Basic and take the token all the same
            return
        if known and tried:
            raise OnvifPasswordRefused
        if self._digest is None or not tried:
            self._digest = Authenticator(self._credentials)  # the nonce of an earlier call may have ended
        try:
            self._digest.challenged(challenges)
        except CameraAuthentication as error:
            raise OnvifPasswordRefused from error

    def _refused(self, *, tried: bool) -> None:
        """A fault "not authorized": the token is the other way, once."""
        if self._credentials is None:
            raise OnvifPasswordMissing
        if self._token or (tried and self._digest is not None):
            raise OnvifPasswordRefused
        self._token = True

    def _parsed(self, place: Place, status: int, name: str, data: bytes) -> Node:
        if not data.lstrip().startswith((b"<", b"\xef\xbb\xbf<")):
            if status in {UNAUTHORIZED, 403}:
                raise OnvifPasswordRefused
            raise OnvifNotSpoken(address=place.address, status=status)
        root = parse(data)
        if root.name != "Envelope":
            raise OnvifNotSpoken(address=place.address, status=status)
        return answer_of(root, name)

    async def _post(self, place: Place, name: str, body: str) -> tuple[int, list[str], bytes]:
        header = ""
        if self._token and self._credentials is not None:
            created = self._clock.utc_us() + self.offset_us
            nonce = secrets.token_bytes(16)
            header = username_token(self._credentials.user, self._credentials.password, nonce, created)
        headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
        if self._digest is not None and (proof := self._digest.header("POST", place.path)):
            headers["Authorization"] = proof
        try:
            async with self._session.post(
                place.url, data=envelope(body, header), headers=headers, allow_redirects=False
            ) as answer:
                data = bytearray()
                async for piece in answer.content.iter_chunked(16384):
                    data += piece
                    if len(data) > MAX_BYTES:
                        raise OnvifTooLong(address=place.address, limit=MAX_BYTES)
                return answer.status, answer.headers.getall("WWW-Authenticate", []), bytes(data)
        except TimeoutError as error:
            raise OnvifSlow(address=place.address, seconds=round(self._call_s)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = clean(str(error)) or type(error).__name__
            raise OnvifUnreachable(address=place.address, reason=reason) from error
