"""Serves what technicians ask of cameras, on the socket of `inputs`.

A password passes through, from the request to the camera: it is kept nowhere, logged nowhere, in no answer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.capture.connection import RtspConnection
from appliance.capture.errors import CameraClosed, CameraSilent
from appliance.capture.rtsp import RtspSession, open_connection
from appliance.capture.tls import Trust
from appliance.capture.url import Credentials, RtspUrl, parse_url
from appliance.core.chain import Tell, untold
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.lines import LineServer, encode
from appliance.inputs import discovery
from appliance.inputs.camera import LOGIN_ERRORS, OnvifCamera
from appliance.inputs.discovery import Match
from appliance.inputs.errors import InputsBusy, OnvifAddressRefused, OnvifError
from appliance.inputs.http import CALL_S, open_session
from appliance.inputs.password import Opens, change, check_new
from appliance.inputs.place import private, typed
from appliance.inputs.protocol import (
    AdjustRequest,
    FindRequest,
    InputsStateRequest,
    LoginRequest,
    PasswordRequest,
    ProbeRequest,
    Request,
    parse_request,
)
from appliance.inputs.report import report
from appliance.inputs.xml import clean

AT_A_TIME: Final = 4
"""Cameras being asked: a technician asks one, and each answer may take MAX_BYTES and a tree of it."""

STREAM_S: Final = 10.0
"""Seconds to try a stream's password: connection, description."""


@dataclass(frozen=True, slots=True)
class Network:
    """The camera network. Ports are the standard's; tests have their own."""

    interface: str
    discovery_port: int = discovery.PORT
    answer_port: int = discovery.ANSWER_PORT
    call_s: float = CALL_S


class InputsServer(LineServer[Request]):
    """The cameras of one network, on one socket."""

    setting = "inputs.socket"

    def __init__(
        self,
        network: Network,
        clock: Clock,
        authority: Path | None = None,
        tell: Tell = untold,
    ) -> None:
        """`authority`: of rtsps cameras, PEM; `tell`: where what was changed at cameras is entered."""
        super().__init__()  # no other service asks: root and our own user
        self._network = network
        self._clock = clock
        self._authority = authority
        self._tell = tell
        self._asked = 0
        self._searching = asyncio.Lock()
        self.answered = 0

    def parse(self, line: bytes) -> Request:
        """A checked request. Raises BadRequest, nothing else."""
        return parse_request(line)

    async def answer(self, request: Request) -> bytes:
        """The line that answers it. Raises ApplianceError for a refusal in words."""
        found = await self._answer(request)
        self.answered += 1
        return encode({"id": request.id, "ok": True, **found})

    async def _answer(self, request: Request) -> dict[str, Any]:
        match request:
            case FindRequest():
                return {"devices": [_message(one) for one in await self._find(request.wait_s)]}
            case ProbeRequest():
                async with self._camera(request) as camera:
                    return {"camera": report(await camera.probe())}
            case AdjustRequest():
                async with self._camera(request) as camera:
                    adjusted = await _adjusted(camera)
                    self._tell("camera-adjusted", {"address": camera.place.address})
                    return adjusted
            case LoginRequest():
                async with self._camera(request) as camera:
                    return {"opens": await _opens(camera)}
            case PasswordRequest():
                return await self._password(request)
            case InputsStateRequest():
                return {"interface": self._network.interface, "answered": self.answered}

    async def _find(self, wait_s: float) -> list[Match]:
        network = self._network
        async with self._searching:  # the port of answers is one
            return await discovery.find(
                network.interface, wait_s=wait_s, port=network.discovery_port, answer_port=network.answer_port
            )

    @asynccontextmanager
    async def _camera(self, request: "_Account") -> AsyncIterator[OnvifCamera]:
        if self._asked >= AT_A_TIME:
            raise InputsBusy(limit=AT_A_TIME)
        place = typed(request.address)
        account = Credentials(request.user, request.password) if request.user else None
        self._asked += 1
        try:
            async with open_session(self._network.interface, call_s=self._network.call_s) as session:
                yield OnvifCamera(session, place, account, self._clock, call_s=self._network.call_s)
        finally:
            self._asked -= 1

    async def _password(self, request: PasswordRequest) -> dict[str, Any]:
        check_new(request.user, request.new)
        async with self._camera(request) as camera:
            facts = {"address": camera.place.address, "user": clean(request.user)}
            try:
                await change(camera, request.password, request.new, self._stream(request, camera.place.host))
            except ApplianceError as error:
                self._tell("camera-password-kept", {**facts, "reason": error.code})
                raise
            self._tell("camera-password-changed", facts)
        return {"changed": True}

    def _stream(self, request: PasswordRequest, host: str) -> Opens | None:
        """Tries the stream; it must be of the same camera, or its password would go to somebody else."""
        if not request.stream:
            return None
        url = parse_url(request.stream)
        if private(url.host) != host:
            raise OnvifAddressRefused(address=clean(url.host))
        trust = Trust(bytes.fromhex(request.fingerprint) or None, self._authority)

        async def opens(password: str) -> None:
            try:
                async with asyncio.timeout(STREAM_S):
                    await _describe(await open_connection(url, self._clock, trust), url, request.user, password)
            except TimeoutError as error:
                raise CameraSilent(reason=f"no answer for {STREAM_S:g} s") from error

        return opens


async def _describe(connection: RtspConnection, url: RtspUrl, user: str, password: str) -> None:
    session = RtspSession(connection, url, Credentials(user, password))
    try:
        _ = await session.describe()
    finally:
        await session.close(CameraClosed(reason="tried"))


_Account = ProbeRequest | AdjustRequest | LoginRequest | PasswordRequest


async def _adjusted(camera: OnvifCamera) -> dict[str, Any]:
    """Both settings are tried; what one could not do is told beside what the other did."""
    refused: list[dict[str, str]] = []
    for what, setting in (("light-stream", camera.set_light_stream), ("time", camera.set_time)):
        try:
            _ = await setting()
        except LOGIN_ERRORS:
            raise
        except OnvifError as error:
            refused.append({"what": what, "fr": error.sentence("fr"), "en": error.sentence("en")})
    return {"camera": report(await camera.probe()), "refused": refused}


async def _opens(camera: OnvifCamera) -> bool:
    try:
        return await camera.logs_in()
    except LOGIN_ERRORS:
        return False


def _message(match: Match) -> dict[str, Any]:
    return {"address": match.place.address, "url": match.place.url, "name": match.name, "hardware": match.hardware}
