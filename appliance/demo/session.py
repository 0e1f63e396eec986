"""One RTSP connection of a client to a simulated camera (RFC 2326 over TCP, interleaved)."""

import asyncio
import secrets
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from appliance.demo.auth import Authenticator
from appliance.demo.datagrams import Datagrams
from appliance.demo.message import Request, describe, response, take_message
from appliance.demo.packet import PacketBlock, RtpState, ntp_of
from appliance.demo.stream import CameraStream

if TYPE_CHECKING:
    from appliance.demo.camera import SimulatedCamera

MAX_BACKLOG = 8 << 20
"""Octets waiting for a client that does not read before the camera drops it: about 16 s at 4 Mbit/s."""

Headers = list[tuple[str, str]]


class SessionPlayer:
    """One stream that one connection has set up."""

    def __init__(self, connection: "Connection", name: str, stream: CameraStream, channel: int) -> None:
        self.name = name
        self.stream = stream
        self.rtp = RtpState(channel, secrets.randbits(32), secrets.randbits(16), secrets.randbits(32))
        self._connection = connection
        self._began = False
        self._next_report_s = 0.0

    def send(self, block: PacketBlock, last: PacketBlock | None, ticks: int, *, keyframe: bool) -> tuple[bool, bool]:
        """See `stream.Player`."""
        if not self._began and not keyframe:
            return False, False
        faults = self._connection.camera.fault_state
        now = asyncio.get_running_loop().time()
        if faults.silent(self.name, now):
            return False, False
        self._began = True
        timestamp = self.rtp.rtp_time(ticks)
        data, damaged = self._fill(block, timestamp)
        if last is not None:
            tail, hurt = self._fill(last, timestamp)
            data += tail
            damaged |= hurt
        self._connection.send_media(data, faults.stall(self.name))
        return True, damaged

    def report(self, utc_us: int, ticks: int) -> None:
        """See `stream.Player`."""
        camera = self._connection.camera
        now = asyncio.get_running_loop().time()
        if not self._began or now < self._next_report_s or camera.fault_state.silent(self.name, now):
            return
        if camera.options.report_period_s <= 0:
            return
        self._next_report_s = now + camera.options.report_period_s
        ntp = ntp_of(utc_us + round(camera.options.report_clock_offset_s * 1_000_000))
        self._connection.send_media(self.rtp.sender_report(ntp, ticks, b"camera@127.0.0.1"), 0.0)

    def _fill(self, block: PacketBlock, timestamp: int) -> tuple[bytearray, bool]:
        data = bytearray(block.data)
        self.rtp.fill(block, data, timestamp)
        faults = self._connection.camera.fault_state
        now = asyncio.get_running_loop().time()
        if not faults.loses(self.name, now):
            return data, False
        kept = bytearray()
        for start, end in block.packets():
            if not faults.drop_packet(self.name, now):
                kept += data[start:end]
        return kept, len(kept) != len(data)


@dataclass(slots=True)
class _State:
    session: str = ""
    players: dict[str, SessionPlayer] = field(default_factory=dict)
    playing: bool = False
    broken: bool = False  # half an answer was sent: nothing follows


class Connection(asyncio.Protocol):
    """Answers requests in order; media goes between the answers."""

    def __init__(self, camera: "SimulatedCamera") -> None:
        self.camera = camera
        self._auth = Authenticator(camera.options.auth)
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._state = _State()
        self._held: list[bytes] | None = None  # media behind a stall
        self._stall: asyncio.TimerHandle | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._datagrams: Datagrams | None = None  # where packets go instead of this connection
        self._late: asyncio.TimerHandle | None = None  # PLAY's answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.camera.joined(self)
        self._touch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_playing()
        if self._datagrams is not None:
            self._datagrams.close()
        self.camera.left(self)
        self._transport = None
        for timer in (self._stall, self._expiry, self._late):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while (message := take_message(self._buffer)) is not None:
                if isinstance(message, Request):
                    self._touch()
                    self._answer(message)
                else:
                    self.camera.counts.client_reports += 1
        except ValueError:
            self.close()

    def plays(self, stream: str) -> bool:
        """True when this connection plays `stream`."""
        return self._state.playing and stream in self._state.players

    def reset(self) -> None:
        """End with RST instead of FIN."""
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def close(self) -> None:
        """End the connection in order."""
        self._stop_playing()
        if self._transport is not None:
            self._transport.close()

    def send_media(self, data: bytes | bytearray, stall_s: float) -> None:
        """Write packets; with `stall_s` only up to the middle of the last packet's bytes, the rest later."""
        if self._transport is None or self._state.broken:
            return
        quirks = self.camera.options.quirks
        if self._datagrams is not None:
            self._datagrams.send(data)
            return
        if quirks.blank_lines:
            data = b"\r\n" + data
        if quirks.stray_channel:
            data = b"$\x63\x00\x04odd!" + data
        if self._held is not None:
            self._held.append(bytes(data))
            return
        if stall_s > 0:
            cut = max(1, len(data) // 2 + 1)
            self._transport.write(data[:cut])
            self._held = [bytes(data[cut:])]
            self._stall = asyncio.get_running_loop().call_later(stall_s, self._end_stall)
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_BACKLOG:
            self.camera.counts.overruns += 1
            self._transport.abort()

    def _end_stall(self) -> None:
        held, self._held = self._held or [], None
        if self._transport is not None:
            self._transport.write(b"".join(held))

    def _touch(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        timeout = self.camera.options.session_timeout_s
        self._expiry = asyncio.get_running_loop().call_later(timeout, self._expired)

    def _expired(self) -> None:
        self.camera.counts.expired += 1
        self.close()

    def _reply(self, request: Request, status: int, headers: Headers | None = None, body: bytes = b"") -> None:
        if self._transport is None or self._state.broken:
            return
        lines: Headers = list(headers or [])
        if self._state.session:
            if self.camera.options.quirks.new_session_ids:
                self._state.session = secrets.token_hex(8).upper()
            lines.append(("Session", f"{self._state.session};timeout={self.camera.options.session_timeout_s:g}"))
        cseq = "" if self.camera.options.quirks.no_cseq else request.headers.get("cseq", "0")
        text = response(status, cseq, lines, body)
        if self.camera.fault_state.half_answers > 0:
            self.camera.fault_state.half_answers -= 1
            text = text[: len(text) // 2]
            self._state.broken = True
        if self._held is not None:
            self._held.append(text)
        else:
            self._transport.write(text)

    def _answer(self, request: Request) -> None:
        camera = self.camera
        camera.counts.requests[request.method] = camera.counts.requests.get(request.method, 0) + 1
        if request.method == "OPTIONS":
            self._reply(request, 200, [("Public", camera.options.quirks.methods)])
            return
        if not self._auth.accepts(request.method, request.headers.get("authorization"), camera.user, camera.password):
            if "authorization" in request.headers:
                camera.counts.refused += 1
            self._reply(request, 401, [("WWW-Authenticate", value) for value in self._auth.challenges()])
            return
        handlers = {
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "TEARDOWN": self._teardown,
        }
        if request.method in {"GET_PARAMETER", "SET_PARAMETER"}:
            self._reply(request, 200 if request.method in camera.options.quirks.methods else 501)
        elif request.method in handlers:
            handlers[request.method](request)
        else:
            self._reply(request, 405, [("Allow", camera.options.quirks.methods)])

    def _describe(self, request: Request) -> None:
        options, quirks, port = self.camera.options, self.camera.options.quirks, self.camera.port
        if quirks.moved_to and request.path == "moved":
            self._reply(request, 302, [("Location", quirks.filled(quirks.moved_to, port, "main"))])
            return
        stream = self.camera.streams.get(request.path)
        if stream is None:
            self._reply(request, 404)
            return
        control = quirks.filled(quirks.control, port, request.path)
        body = describe(
            stream.clip, port, sprop=options.sprop, audio=options.audio, control=control, broken=quirks.broken_media
        )
        base = request.url.rstrip("/") + "/"
        if quirks.content_base is not None:
            base = quirks.filled(quirks.content_base, port, request.path)
        headers = [("Content-Base", base)] if base else []
        if quirks.content_type:
            headers.append(("Content-Type", "application/sdp"))
        self._reply(request, 200, headers, body)

    def _setup(self, request: Request) -> None:
        path, _, track = request.path.rpartition("/")
        stream = self.camera.streams.get(path)
        if stream is None or not track.startswith("trackID="):
            self._reply(request, 404)
            return
        transport = request.headers.get("transport", "")
        if ("RTP/AVP/TCP" in transport) == self.camera.options.quirks.only_udp:
            self._reply(request, 461)
            return
        quirks = self.camera.options.quirks
        channel = 2 * len(self._state.players)
        for part in transport.split(";"):
            key, _, value = part.strip().partition("=")
            if key == "interleaved" and value.partition("-")[0].isdigit():
                channel = int(value.partition("-")[0])
        channel = channel if quirks.channels is None else quirks.channels
        self._state.session = self._state.session or secrets.token_hex(8).upper()
        headers = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        if track == "trackID=1":
            self.camera.counts.audio_setups += 1
        else:
            if quirks.only_udp:
                self._datagrams = Datagrams(transport)
                headers = self._datagrams.answer()
            self.camera.counts.setups += 1
            player = SessionPlayer(self, path, stream, channel)
            self._state.players[path] = player
            headers += f";ssrc={player.rtp.ssrc:08X}"
            if quirks.padded_transport:
                headers = f"RTP/AVP/TCP;ssrc=  {player.rtp.ssrc:X} ; unicast ; interleaved = {channel}-{channel + 1} "
        self._reply(request, 200, [("Transport", headers)])

    def _play(self, request: Request) -> None:
        if not self._state.players:
            self._reply(request, 455)
            return
        infos = []
        for name, player in self._state.players.items():
            ticks = player.stream.ticks_of(player.stream.next_keyframe())
            url = f"rtsp://127.0.0.1:{self.camera.port}/{name}/trackID=0"
            infos.append(f"url={url};seq={player.rtp.sequence};rtptime={player.rtp.rtp_time(ticks)}")
        quirks = self.camera.options.quirks
        lines = [("Range", "npt=0.000-")]
        if quirks.rtp_info:
            bad = "url=trackID=0;seq=1;rtptime=16949x9;"
            lines.append(("RTP-Info", bad if quirks.bad_rtp_info else ",".join(infos)))
        if quirks.early_s:
            self._late = asyncio.get_running_loop().call_later(quirks.early_s, self._reply, request, 200, lines)
        else:
            self._reply(request, 200, lines)
        self._state.playing = True
        for player in self._state.players.values():
            player.stream.players.add(player)

    def say_goodbye(self) -> None:
        """RTCP BYE of every stream that is played; the connection stays."""
        self._stop_playing()
        for player in self._state.players.values():
            self.send_media(player.rtp.goodbye(), 0.0)

    def _pause(self, request: Request) -> None:
        self._stop_playing()
        self._reply(request, 200)

    def _teardown(self, request: Request) -> None:
        self._stop_playing()
        self._reply(request, 200)
        self.camera.counts.teardowns += 1
        self._state.players.clear()
        self._state.session = ""

    def _stop_playing(self) -> None:
        self._state.playing = False
        for player in self._state.players.values():
            player.stream.players.discard(player)
