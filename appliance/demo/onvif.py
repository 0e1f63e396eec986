"""A simulated ONVIF camera: HTTP and SOAP of its own, sharing nothing with the client that is tested with it.

It does what a commissioning client needs: time, device, services, profiles, stream addresses, encoder settings, users.
Its streams are those of a simulated RTSP camera, which takes the password that is set here.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import html
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from appliance.core.clock import Clock
from appliance.demo import onvif_xml as xml
from appliance.demo.auth import Authenticator
from appliance.demo.onvif_quirks import OnvifQuirks
from appliance.demo.onvif_xml import Encoder

LOOPBACK: Final = "127.0.0.1"
PATH: Final = "/onvif/device_service"
MEDIA_PATH: Final = "/onvif/media_service"
MEDIA2_PATH: Final = "/onvif/media2_service"

MAX_REQUEST: Final = 65_536
"""Octets of a request that the camera reads."""

FRESH_S: Final = 300.0
"""Seconds that a token's time may differ from the camera's clock: cameras want it within some minutes."""

_OPEN: Final = frozenset({"GetSystemDateAndTime", "GetServices", "GetCapabilities"})
"""Calls that anybody may make (ONVIF Core 5.8.1, PRE_AUTH); old firmware tells its capabilities so too."""

_REASONS: Final = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 500: "Internal Server Error"}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the camera says it is."""

    make: str = "Témoin"
    model: str = "Caméra simulée"
    firmware: str = "1.0"
    serial: str = "SIM-0001"


@dataclass(slots=True)
class Stream:
    """One profile: where it is fetched, and its settings."""

    url: str
    encoder: Encoder


@dataclass(slots=True)
class _Http:
    method: str
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class OnvifCounts:
    """What clients did. `calls`: by name; `wrong`: with a wrong account; `tokens`, `digests`: right ones, by way."""

    calls: dict[str, int] = field(default_factory=dict)
    wrong: int = 0
    tokens: int = 0
    digests: int = 0


class OnvifCamera:
    """One camera. Start with `async with`. `on_password`: told when its password is changed."""

    def __init__(
        self,
        streams: dict[str, Stream],
        clock: Clock,
        *,
        user: str = "enregistreur",
        password: str = "mot-de-passe",  # noqa: S107  # of a simulated camera on loopback
        identity: Identity | None = None,
        quirks: OnvifQuirks | None = None,
        on_password: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.streams = streams
        self.user = user
        self.password = password
        self.identity = identity or Identity()
        self.quirks = quirks or OnvifQuirks()
        self.counts = OnvifCounts()
        self.port = 0
        self.ntp = False
        self.zone = "CET-1CEST,M3.5.0,M10.5.0/3"
        self.clock_off_us = round(self.quirks.clock_off_s * 1e6)
        self._clock = clock
        self._on_password = on_password
        self._digest = Authenticator("digest-sha256" if self.quirks.login == "digest-sha256" else "digest")
        self._nonces: set[str] = set()
        self._later = ""  # a password that is taken after the next refusal
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accepted, LOOPBACK, self.port, limit=MAX_REQUEST)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End everything."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def address(self) -> str:
        """As a person writes it."""
        return f"{LOOPBACK}:{self.port}"

    def announced(self, path: str) -> str:
        """A service's address as this camera tells it."""
        if self.quirks.relative:
            return path
        return f"http://{self.quirks.named_host or LOOPBACK}:{self.port}{path}"

    def now(self) -> datetime:
        """Its own clock."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self._clock.utc_us() + self.clock_off_us)

    # HTTP

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with contextlib.suppress(
                ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError
            ):
                await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the camera stops
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): text.strip() for name, _, text in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(min(int(headers.get("content-length", "0")), MAX_REQUEST))
        request = _Http(head[0].split(" ")[0], headers, body.decode("utf-8"))
        await asyncio.sleep(self.quirks.slow_s)
        if self.quirks.bomb:
            await self._harm(writer)
            return
        answer = self._answer(request)
        if answer is not None:
            status, challenges, data = answer
            lines = [f"HTTP/1.1 {status} {_REASONS[status]}", "Content-Type: application/soap+xml; charset=utf-8"]
            lines += [f"WWW-Authenticate: {challenge}" for challenge in challenges]
            lines += [f"Content-Length: {len(data)}", "Connection: close"]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + data)
            await writer.drain()

    async def _harm(self, writer: asyncio.StreamWriter) -> None:
        kind = self.quirks.bomb
        encoding = b"Content-Encoding: gzip\r\n" if kind == "gzip" else b""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n" + encoding + b"\r\n")
        if kind == "endless":
            writer.write(b"<a>")
            while True:
                writer.write(b"<b>" + b"x" * 65_536 + b"</b>")
                await writer.drain()
        writer.write(xml.bomb(kind))
        await writer.drain()

    # who may

    def _answer(self, request: _Http) -> tuple[int, list[str], bytes] | None:
        name = xml.called(request.body)
        self.counts.calls[name] = self.counts.calls.get(name, 0) + 1
        free = name in _OPEN or (name == "GetDeviceInformation" and self.quirks.open_device)
        if not free and self.quirks.login != "none":
            refusal = self._refusal(request)
            if refusal is not None:
                return refusal
        call = getattr(self, f"_do_{name}", None)
        if call is None or (name == "GetServices" and self.quirks.old):
            return 500, [], xml.fault("ActionNotSupported", "Optional Action Not Implemented", old=self.quirks.old)
        if self.quirks.hollow_media2 and xml.MEDIA2 in request.body:
            call = (lambda _body: "") if self.quirks.hollow_media2 == "empty" else (lambda _body: "!ActionNotSupported")
        body: str | None = call(request.body)
        if body is None:
            return None
        if body.startswith("!"):
            return 400, [], xml.fault(body[1:], "Refused", old=self.quirks.old)
        space = _prefix(request.body)
        return 200, [], xml.envelope(f"<{space}:{name}Response>{body}</{space}:{name}Response>")

    def _refusal(self, request: _Http) -> tuple[int, list[str], bytes] | None:
        ways = {"both": ("token", "digest"), "digest-sha256": ("digest",)}.get(self.quirks.login, (self.quirks.login,))
        authorization = request.headers.get("authorization")
        if "digest" in ways and self._digest.accepts(request.method, authorization, self.user, self.password):
            self.counts.digests += 1
            return None
        if "token" in ways and self._token(request.body):
            self.counts.tokens += 1
            return None
        if authorization or "UsernameToken" in request.body:
            self.counts.wrong += 1
            if self._later:
                self._take(self._later)
                self._later = ""
        refused = xml.fault("NotAuthorized", "Sender not authorized", old=self.quirks.old)
        if self.quirks.login == "basic":
            return 401, ['Basic realm="Simulated camera"'], refused
        return (401, self._digest.challenges(), refused) if "digest" in ways else (400, [], refused)

    def _token(self, body: str) -> bool:
        """WS-UsernameToken: right proof, fresh by this camera's own clock, never seen before."""
        user, created, nonce = (xml.value(body, name) for name in ("Username", "Created", "Nonce"))
        if not nonce or nonce in self._nonces or user != self.user:
            return False
        try:
            when = datetime.fromisoformat(created)
        except ValueError:
            return False
        if abs((when - self.now()).total_seconds()) > FRESH_S:
            return False
        self._nonces.add(nonce)
        data = base64.b64decode(nonce) + created.encode() + self.password.encode()
        proof = base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
        return hmac.compare_digest(proof, xml.value(body, "Password"))

    # calls: the answer's inner XML, "!Subcode" for a fault, None for no answer at all

    def _do_GetSystemDateAndTime(self, _body: str) -> str:  # noqa: N802 - the call's own name
        now = self.now()
        time = f"<tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>"
        date = f"<tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>"
        utc = f"<tt:UTCDateTime><tt:Time>{time}</tt:Time><tt:Date>{date}</tt:Date></tt:UTCDateTime>"
        kind = f"<tt:DateTimeType>{'NTP' if self.ntp else 'Manual'}</tt:DateTimeType>"
        zone = f"<tt:TimeZone><tt:TZ>{self.zone}</tt:TZ></tt:TimeZone>"
        held = f"{kind}<tt:DaylightSavings>false</tt:DaylightSavings>{zone}{'' if self.quirks.no_clock else utc}"
        return f"<tds:SystemDateAndTime>{held}</tds:SystemDateAndTime>"

    def _do_SetNTP(self, _body: str) -> str:  # noqa: N802
        return "!ActionNotSupported" if self.quirks.no_ntp else ""

    def _do_SetSystemDateAndTime(self, body: str) -> str:  # noqa: N802
        self.ntp = xml.value(body, "DateTimeType") == "NTP"
        self.zone = xml.value(body, "TZ") or self.zone
        if self.ntp:
            self.clock_off_us = 0
            return ""
        names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
        fields = [int(xml.value(body, name) or 0) for name in names]
        given = datetime(fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], tzinfo=UTC)
        self.clock_off_us += int((given - self.now().replace(microsecond=0)).total_seconds()) * 1_000_000
        return ""

    def _do_GetDeviceInformation(self, _body: str) -> str:  # noqa: N802
        who = self.identity
        facts = {"Manufacturer": who.make, "Model": who.model, "FirmwareVersion": who.firmware}
        facts |= {"SerialNumber": who.serial, "HardwareId": "0"}
        return "".join(f"<tds:{name}>{html.escape(text)}</tds:{name}>" for name, text in facts.items())

    def _do_GetServices(self, _body: str) -> str:  # noqa: N802
        there = {xml.DEVICE: PATH, xml.MEDIA: MEDIA_PATH} | ({xml.MEDIA2: MEDIA2_PATH} if self.quirks.media2 else {})
        version = "<tds:Version><tt:Major>2</tt:Major><tt:Minor>6</tt:Minor></tds:Version>"
        return "".join(
            f"<tds:Service><tds:Namespace>{space}</tds:Namespace><tds:XAddr>{self.announced(path)}</tds:XAddr>{version}"
            "</tds:Service>"
            for space, path in there.items()
        )

    def _do_GetCapabilities(self, _body: str) -> str:  # noqa: N802
        streaming = "<tt:StreamingCapabilities><tt:RTPMulticast>false</tt:RTPMulticast></tt:StreamingCapabilities>"
        device = f"<tt:Device><tt:XAddr>{self.announced(PATH)}</tt:XAddr></tt:Device>"
        media = f"<tt:Media><tt:XAddr>{self.announced(MEDIA_PATH)}</tt:XAddr>{streaming}</tt:Media>"
        return f"<tds:Capabilities>{device}{media}</tds:Capabilities>"

    def _offered(self) -> dict[str, Stream]:
        return dict(list(self.streams.items())[: 2 if self.quirks.light else 1])

    def _do_GetProfiles(self, body: str) -> str:  # noqa: N802
        ver20 = _prefix(body) == "tr2"
        found = []
        for name, stream in self._offered().items():
            if ver20:
                held = xml.source(stream.encoder, "tr2:VideoSource")
                held += xml.encoder(stream.encoder, f"enc-{name}", "tr2:VideoEncoder", ver20=True)
                held = f"<tr2:Name>{name}</tr2:Name><tr2:Configurations>{held}</tr2:Configurations>"
                found.append(f'<tr2:Profiles token="{name}" fixed="true">{held}</tr2:Profiles>')
            else:
                held = xml.encoder(stream.encoder, f"enc-{name}", "tt:VideoEncoderConfiguration", ver20=False)
                held = xml.source(stream.encoder, "tt:VideoSourceConfiguration") + held
                held = f"<tt:Name>{name}</tt:Name>{held}"
                found.append(f'<trt:Profiles token="{name}" fixed="true">{held}</trt:Profiles>')
        return "".join(found)

    def _do_GetVideoSources(self, _body: str) -> str:  # noqa: N802
        largest = next(iter(self.streams.values())).encoder
        size = f"<tt:Width>{largest.width}</tt:Width><tt:Height>{largest.height}</tt:Height>"
        held = f"<tt:Framerate>{largest.fps}</tt:Framerate><tt:Resolution>{size}</tt:Resolution>"
        return f'<trt:VideoSources token="{xml.SOURCE}">{held}</trt:VideoSources>'

    def _do_GetStreamUri(self, body: str) -> str:  # noqa: N802
        stream = self._offered().get(xml.value(body, "ProfileToken"))
        if stream is None:
            return "!NoProfile"
        url = html.escape(stream.url.replace(LOOPBACK, self.quirks.named_host or LOOPBACK))
        if _prefix(body) == "tr2":
            return f"<tr2:Uri>{url}</tr2:Uri>"
        lasts = "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false"
        lasts += "</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout>"
        return f"<trt:MediaUri><tt:Uri>{url}</tt:Uri>{lasts}</trt:MediaUri>"

    def _do_GetVideoEncoderConfiguration(self, body: str) -> str:  # noqa: N802
        name = xml.value(body, "ConfigurationToken").removeprefix("enc-")
        held = self._offered()[name].encoder if name in self._offered() else None
        return "!NoConfig" if held is None else xml.encoder(held, f"enc-{name}", "trt:Configuration", ver20=False)

    def _do_GetVideoEncoderConfigurations(self, body: str) -> str:  # noqa: N802
        wanted, ver20 = xml.value(body, "ConfigurationToken"), _prefix(body) == "tr2"
        tag = f"{'tr2' if ver20 else 'trt'}:Configurations"
        return "".join(
            xml.encoder(stream.encoder, f"enc-{name}", tag, ver20=ver20)
            for name, stream in self._offered().items()
            if wanted in {"", f"enc-{name}"}
        )

    def _do_SetVideoEncoderConfiguration(self, body: str) -> str:  # noqa: N802
        name = xml.attribute(body, "token").removeprefix("enc-")
        if name not in self._offered():
            return "!NoConfig"
        held, ver20 = self._offered()[name].encoder, _prefix(body) == "tr2"
        if not all(xml.value(body, part) for part in ("Name", "UseCount", "Quality", "Width", "Height", "TTL")):
            return "!ConfigModify"  # what the schema wants and was not written back
        held.codec = xml.value(body, "Encoding")
        held.fps = int(float(xml.value(body, "FrameRateLimit")))
        held.gop = int(xml.attribute(body, "GovLength") if ver20 else xml.value(body, "GovLength"))
        return ""

    def _take(self, password: str) -> None:
        self.password = password
        self._on_password(password)

    def _do_GetUsers(self, _body: str) -> str:  # noqa: N802
        level = "<tt:UserLevel>Administrator</tt:UserLevel>"
        return f"<tds:User><tt:Username>{html.escape(self.user)}</tt:Username>{level}</tds:User>"

    def _do_SetUser(self, body: str) -> str | None:  # noqa: N802
        found = body.partition("SetUser")[2]  # the security header names a user and a password as well
        if xml.value(found, "Username") != self.user or xml.value(found, "UserLevel") != "Administrator":
            return "!UsernameMissing"
        if self.quirks.late:
            self._later = xml.value(found, "Password")
        elif not (self.quirks.deaf or self.quirks.dead):
            self._take(xml.value(found, "Password"))
        return None if self.quirks.mute or self.quirks.dead else ""


def _prefix(body: str) -> str:
    """Of the service that a call is for, by its namespace."""
    call = body.partition("Body")[2]
    return "tr2" if xml.MEDIA2 in call else "trt" if xml.MEDIA in call else "tds"
