"""An RTSP session for one video track over TCP: DESCRIBE, SETUP, PLAY, keep-alive, TEARDOWN (RFC 2326).

Only the video track is ever SETUP: no sound reaches the recorder. A redirect is followed to another path of the same
machine and port, and nowhere else.
"""

import asyncio
import errno
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from appliance.capture.auth import Authenticator
from appliance.capture.connection import PacketReceiver, RtspConnection
from appliance.capture.errors import (
    CameraAuthentication,
    CameraCertificate,
    CameraClosed,
    CameraRefused,
    CameraSilent,
    CameraUnreachable,
    CaptureError,
    RedirectRefused,
    RequestRejected,
    StreamNotFound,
    TransportRefused,
)
from appliance.capture.message import CHALLENGE, DEFAULT_SESSION_S, SUCCESS, Message, parse_session, parse_transport
from appliance.capture.sdp import VideoTrack, choose_video, parse_sdp
from appliance.capture.tls import Trust
from appliance.capture.url import Credentials, RtspUrl, base_url, join_control, redirected, track_urls
from appliance.core.clock import Clock

CONNECT_S: Final = 5.0
"""Seconds for the TCP handshake on a camera LAN; two retransmitted SYNs (1 s, 3 s) fit."""

TEARDOWN_S: Final = 0.7
"""Seconds to wait for TEARDOWN's answer. Sending it frees the camera's session slot; its answer is a courtesy."""

KEEP_ALIVE_MIN_S: Final = 2.0
"""Seconds. Half of the shortest time-out seen would be 2; below it keep-alives would be traffic of their own."""

MAX_REDIRECTS: Final = 3
"""Followed one after the other: a camera that still points elsewhere points in a circle."""

UNAUTHORIZED: Final = 401
_SDP: Final = {"Accept": "application/sdp"}
_BUSY: Final = frozenset({453, 503})
"""Not Enough Bandwidth, Service Unavailable: too many clients."""
_MISJOINED: Final = frozenset({400, 404, 454, 455, 459, 460})
"""What cameras answer to an address that they do not know, or that is the track's and not the whole's (459, 460)."""
_RANGELESS: Final = frozenset({451, 456, 457})
"""Parameter Not Understood, Header Field Not Valid, Invalid Range: live video that has no beginning to be asked for."""


async def open_connection(url: RtspUrl, clock: Clock, trust: Trust | None = None) -> RtspConnection:
    """Connect to the camera, over TLS when its URL says so; raises a CaptureError.

    `trust`: whose certificate an rtsps camera must show; it is checked before a word is said.
    """
    loop = asyncio.get_running_loop()
    trust = trust or Trust()
    context = await asyncio.to_thread(trust.context) if url.secure else None
    try:
        async with asyncio.timeout(CONNECT_S):
            transport, connection = await loop.create_connection(
                lambda: RtspConnection(clock), url.host, url.port, ssl=context
            )
    except TimeoutError as error:
        raise CameraUnreachable(host=url.host, reason=f"no answer for {CONNECT_S:g} s") from error
    except ConnectionRefusedError as error:
        raise CameraRefused(host=url.host, reason=f"port {url.port} is closed") from error
    except ConnectionError as error:
        raise CameraClosed(reason="reset while connecting") from error
    except ssl.SSLError as error:
        raise CameraCertificate(reason=error.reason or str(error)) from error
    except OSError as error:
        reason = errno.errorcode.get(error.errno, str(error)) if error.errno and error.errno > 0 else str(error)
        raise CameraUnreachable(host=url.host, reason=reason) from error
    if context is not None:
        try:
            trust.check(transport.get_extra_info("ssl_object").getpeercert(binary_form=True))
        except CameraCertificate as error:
            connection.abort(error)
            raise
    return connection


class RtspSession:
    """The requests of one session, in the order DESCRIBE, SETUP, PLAY, KEEP-ALIVE..., TEARDOWN."""

    def __init__(self, connection: RtspConnection, url: RtspUrl, credentials: Credentials | None) -> None:
        self.connection = connection
        self._url = url
        self._auth = Authenticator(credentials)
        self._base = url.text
        self._presentation: str | None = None  # the description's own control
        self._aggregate = url.text
        self._track = url.text
        self._session: str | None = None
        self._timeout_s = float(DEFAULT_SESSION_S)
        self._advertised: set[str] = set()
        self._ping_with_parameter = False
        self.ssrc_hint: int | None = None

    @property
    def keep_alive_s(self) -> float:
        """Seconds between keep-alives: half of the shortest time-out the camera named."""
        return max(KEEP_ALIVE_MIN_S, self._timeout_s / 2)

    async def describe(self) -> VideoTrack:
        """The video track to record; raises a named error for anything else."""
        answer = await self._send("DESCRIBE", self._url.text, _SDP)
        for _ in range(MAX_REDIRECTS):
            if not 300 <= answer.status < 400:
                break
            other = redirected(self._url, answer.header("location") or "")
            if other is None:
                raise RedirectRefused
            self._url, self._aggregate = other, other.text
            answer = await self._send("DESCRIBE", self._url.text, _SDP)
        self._expect_ok("DESCRIBE", answer)
        self._base = base_url(
            self._url.text, answer.header("content-base"), answer.header("content-location")
        )  # fmt: skip
        description = parse_sdp(answer.body)
        self._presentation = description.control
        self._aggregate = join_control(self._base, description.control)
        return choose_video(description)

    async def setup(self, track: VideoTrack, receiver: PacketReceiver, on_rtcp: Callable[[bytes], None]) -> None:
        """SETUP the track over this connection; packets go to `receiver` from its answer on.

        A camera that does not know the address under its own base is asked once more at each that it may mean.
        """
        wanted = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
        self._track, *others = track_urls(self._base, self._url.text, track.control)
        answer = await self._send("SETUP", self._track, wanted)
        for other in others:
            if answer.status not in _MISJOINED:
                break
            answer = await self._send("SETUP", other, wanted)
            self._track, self._base = other, self._url.text
            self._aggregate = join_control(self._base, self._presentation)
        self._expect_ok("SETUP", answer)
        said = ",".join(filter(None, answer.headers.get("transport", [])))
        transport = parse_transport(said or "RTP/AVP/TCP;interleaved=0-1")
        if not transport.tcp:
            raise TransportRefused(reason=said)
        self.ssrc_hint = transport.ssrc
        self.connection.receive(transport.channels or (0, 1), receiver, on_rtcp)

    async def play(self) -> None:
        """Start the stream. RTP-Info is not used: it is a hint that is wrong too often.

        A camera that knows no beginning, or the whole not by the name it gave itself, is asked once more.
        """
        headers = {"Range": "npt=0.000-"}
        answer = await self._send("PLAY", self._aggregate, headers)
        if answer.status in _RANGELESS:
            headers = {}
            answer = await self._send("PLAY", self._aggregate, headers)
        for other in (self._track, self._url.text):
            if answer.status in _MISJOINED and other != self._aggregate:
                self._aggregate = other
                answer = await self._send("PLAY", other, headers)
        self._expect_ok("PLAY", answer)

    async def keep_alive(self) -> None:
        """Tell the camera that we are here. OPTIONS, then GET_PARAMETER if the camera advertises it.

        A missing or odd answer is no failure while pictures come (some cameras never answer): only a closed
        connection or an unknown session (454) raises.
        """
        method = "GET_PARAMETER" if self._ping_with_parameter else "OPTIONS"
        try:
            answer = await self._send(method, self._aggregate, {})
        except CameraSilent:
            return
        if answer.status == 454:
            raise CameraClosed(reason="the session has expired")
        if method == "OPTIONS":
            self._advertised = {
                word.upper() for value in answer.headers.get("public", []) for word in re.split(r"[\s,;]+", value)
            }
            self._ping_with_parameter = "GET_PARAMETER" in self._advertised
        elif answer.status not in SUCCESS:
            self._ping_with_parameter = False

    async def close(self, reason: CaptureError) -> None:
        """TEARDOWN if a session stands, then close; never raises a CaptureError."""
        connection = self.connection
        if self._session is not None and not connection.closed.done():
            with suppress(CaptureError):  # it was said; the connection goes now
                await connection.request("TEARDOWN", self._aggregate, self._headers("TEARDOWN", {}), TEARDOWN_S)
        connection.abort(reason)

    def _expect_ok(self, method: str, answer: Message) -> None:
        status = answer.status
        if status in SUCCESS:
            return
        if 300 <= status < 400:
            raise RedirectRefused
        if status in {UNAUTHORIZED, 403}:
            raise CameraAuthentication
        if status == 404:
            raise StreamNotFound(path=self._url.path)
        if status == 461:
            raise TransportRefused(reason="status 461")
        if status in _BUSY:
            raise CameraRefused(host=self._url.host, reason=f"status {status}")
        raise RequestRejected(method=method, status=status)

    async def _send(self, method: str, url: str, headers: dict[str, str]) -> Message:
        """A request, answered once more with credentials when the camera asks for them (401)."""
        for _ in range(3):  # without, with credentials, and once more with a fresh nonce
            answer = await self.connection.request(method, url, self._headers(method, headers, url))
            self._remember(answer)
            if answer.status != UNAUTHORIZED:
                self._auth.accepted()
                return answer
            self._auth.challenged(answer.headers.get(CHALLENGE, []))
        raise CameraAuthentication

    def _headers(self, method: str, extra: dict[str, str], url: str | None = None) -> dict[str, str]:
        headers = dict(extra)
        if self._session is not None:
            headers["Session"] = self._session
        if authorization := self._auth.header(method, url or self._aggregate):
            headers["Authorization"] = authorization
        return headers

    def _remember(self, answer: Message) -> None:
        """The session's identifier may change from answer to answer; the shortest time-out named counts."""
        value = answer.header("session")
        if value is None or answer.status not in SUCCESS:
            return
        identifier, timeout_s = parse_session(value)
        # A Session header in DESCRIBE's answer (Wowza) is taken too: harmless, and SETUP's replaces it.
        self._session = identifier or self._session
        if timeout_s:
            self._timeout_s = min(self._timeout_s, float(timeout_s))
