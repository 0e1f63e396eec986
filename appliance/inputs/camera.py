"""One camera by ONVIF: asked, set, its password changed. Each method raises an OnvifError by name."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import aiohttp

from appliance.capture.url import Credentials
from appliance.core.clock import Clock
from appliance.core.units import US_PER_SECOND
from appliance.inputs import answers, encoder
from appliance.inputs.answers import Device, DeviceTime, Profile
from appliance.inputs.errors import (
    OnvifAnswerIncomplete,
    OnvifAuthScheme,
    OnvifError,
    OnvifFault,
    OnvifNoLightStream,
    OnvifNotSpoken,
    OnvifPasswordMissing,
    OnvifPasswordRefused,
    OnvifSlow,
)
from appliance.inputs.http import CALL_S, Caller
from appliance.inputs.place import Place, service, stream_url
from appliance.inputs.soap import DEVICE, MEDIA, MEDIA2, call, element
from appliance.inputs.xml import Node

PROBE_S: Final = 40.0
"""Seconds for one camera in all: some ten calls, of which a slow camera takes 3 s each."""

LOGIN_ERRORS: Final = (OnvifPasswordRefused, OnvifPasswordMissing, OnvifAuthScheme)


@dataclass(frozen=True, slots=True)
class Stream:
    """A profile with the address it is fetched by; `elsewhere`: the camera named another machine in it."""

    profile: Profile
    url: str
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class Found:
    """All that a probe learnt. `offset_us`: the camera's clock less ours, to a second; None: unknown.

    `open_to_all`: it told its model without a password. `skipped`: an announced service on another way than HTTP.
    """

    place: Place
    device: Device
    time: DeviceTime
    offset_us: int | None
    open_to_all: bool
    streams: tuple[Stream, ...]
    skipped: bool = False

    def stream(self, profile: Profile | None) -> Stream | None:
        """The stream of a profile."""
        return next((one for one in self.streams if one.profile is profile), None)


class OnvifCamera:
    """Calls in the order a camera needs them: its time first, as a login is made with it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        place: Place,
        credentials: Credentials | None,
        clock: Clock,
        *,
        call_s: float = CALL_S,
    ) -> None:
        self.place = place
        self._session = session
        self._clock = clock
        self._call_s = call_s
        self._credentials = credentials
        self._caller = Caller(session, clock, credentials, call_s=call_s)
        self._media: tuple[str, Place] | None = None
        self._older: tuple[str, Place] | None = None  # Media, beside a Media2 that may not hold what it announces
        self._skipped = False

    def _with(self, credentials: Credentials | None) -> "OnvifCamera":
        """The same camera by another account; its clock is known already."""
        other = OnvifCamera(self._session, self.place, credentials, self._clock, call_s=self._call_s)
        other._caller.offset_us = self._caller.offset_us
        return other

    async def _ask(self, name: str, inner: str = "") -> Node:
        return await self._caller.ask(self.place, name, call(DEVICE, name, inner))

    async def _ask_media(self, name: str, inner: str = "") -> Node:
        namespace, place = await self._media_service()
        return await self._caller.ask(place, name, call(namespace, name, inner))

    async def time(self) -> tuple[DeviceTime, int | None]:
        """Its clock and what that is off by, in us. Open to everybody by the standard (PRE_AUTH)."""
        told = answers.device_time(await self._ask("GetSystemDateAndTime"))
        offset = None if told.utc_us is None else told.utc_us - self._clock.utc_us()
        self._caller.offset_us = offset or 0
        return told, offset

    async def device(self) -> Device:
        """Make and model."""
        return answers.device(await self._ask("GetDeviceInformation"))

    async def _media_service(self) -> tuple[str, Place]:
        if self._media is None:
            try:
                known = answers.services(await self._ask("GetServices", "<IncludeCapability>false</IncludeCapability>"))
            except (OnvifFault, OnvifNotSpoken):
                known = answers.capabilities(await self._ask("GetCapabilities", "<Category>All</Category>"))
            self._media, *older = self._usable(known)
            self._older = older[0] if older else None
        return self._media

    def _usable(self, known: dict[str, str]) -> list[tuple[str, Place]]:
        """Media2 and Media, those of them that are there."""
        found = []
        for namespace in (MEDIA2, MEDIA):
            if announced := known.get(namespace):
                place = service(self.place, announced)
                if place is not None:
                    found.append((namespace, place))
                else:
                    self._skipped = True
        if not found:
            raise OnvifAnswerIncomplete(call="GetServices")
        return found

    async def streams(self) -> tuple[Stream, ...]:
        """Every profile that has an RTSP address; from Media where a Media2 was announced that tells of none."""
        namespace, _ = await self._media_service()
        try:
            found = await self._streams_of(namespace)
        except (OnvifFault, OnvifNotSpoken, OnvifAnswerIncomplete):
            if self._older is None:
                raise
            found = ()
        if not found and self._older is not None:
            self._media, self._older = self._older, None
            found = await self._streams_of(MEDIA)
        return found

    async def _streams_of(self, namespace: str) -> tuple[Stream, ...]:
        wanted = "<Type>VideoEncoder</Type><Type>AudioEncoder</Type>" if namespace == MEDIA2 else ""
        offered = answers.profiles(await self._ask_media("GetProfiles", wanted), namespace)
        found = []
        for profile in offered:
            try:
                announced = answers.stream_uri(await self._stream_uri(namespace, profile.token), "GetStreamUri")
            except (OnvifFault, OnvifAnswerIncomplete):
                continue  # a profile for pictures alone, or one that is switched off
            told = stream_url(self.place.host, announced)
            if told is not None:
                found.append(Stream(profile, *told))
        return tuple(found)

    async def _stream_uri(self, namespace: str, token: str) -> Node:
        if namespace == MEDIA2:
            inner = f"<Protocol>RTSP</Protocol>{element('ProfileToken', token)}"
        else:
            transport = "<tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
            inner = f"<StreamSetup>{transport}</StreamSetup>{element('ProfileToken', token)}"
        return await self._ask_media("GetStreamUri", inner)

    async def probe(self) -> Found:
        """All of it, within PROBE_S."""
        try:
            async with asyncio.timeout(PROBE_S):
                told, offset = await self.time()
                open_to_all = await self._open_to_all()
                device = await self.device()
                streams = await self.streams()
        except TimeoutError as error:
            raise OnvifSlow(address=self.place.address, seconds=round(PROBE_S)) from error
        return Found(self.place, device, told, offset, open_to_all, streams, self._skipped)

    async def _open_to_all(self) -> bool:
        try:
            _ = await self._with(None).device()
        except LOGIN_ERRORS:
            return False
        return True

    async def set_light_stream(self) -> Profile:
        """H.264, 5 to 10 pictures a second, a key picture every 1 to 2 s; returns it as the camera then tells it."""
        namespace, _ = await self._media_service()
        light = encoder.light_profile([stream.profile for stream in await self.streams()])
        if light is None or not light.encoder:
            raise OnvifNoLightStream
        if encoder.is_light(light):
            return light
        settings = await self._settings(namespace, light.encoder)
        altered = encoder.changed(settings, namespace, *encoder.wanted(light))
        persist = "" if namespace == MEDIA2 else "<ForcePersistence>true</ForcePersistence>"
        _ = await self._ask_media("SetVideoEncoderConfiguration", altered.written("Configuration") + persist)
        now = [stream.profile for stream in await self.streams()]
        return next((one for one in now if one.token == light.token), light)

    async def _settings(self, namespace: str, token: str) -> Node:
        name = "GetVideoEncoderConfigurations" if namespace == MEDIA2 else "GetVideoEncoderConfiguration"
        answer = await self._ask_media(name, element("ConfigurationToken", token))
        found = next((one for one in answer.children if one.attributes.get("token") == token), None)
        if found is None:
            raise OnvifAnswerIncomplete(call=name)
        return found

    async def set_time(self) -> int | None:
        """Time from the appliance (NTP by the address that DHCP gives), and now at once; returns what is then off.

        A camera that knows no NTP is set by hand: its clock drifts, and the probe tells.
        """
        told, _ = await self.time()
        kind = "NTP"
        try:
            _ = await self._ask("SetNTP", "<FromDHCP>true</FromDHCP>")
        except (OnvifFault, OnvifNotSpoken):
            kind = "Manual"
        try:
            await self._set_clock(kind, told.zone)
        except OnvifFault:
            if kind == "Manual":
                raise
            await self._set_clock("Manual", told.zone)
        return (await self.time())[1]

    async def _set_clock(self, kind: str, zone: str) -> None:
        now = datetime.fromtimestamp(self._clock.utc_us() // US_PER_SECOND, UTC)
        time = f"<tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>"
        date = f"<tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>"
        inner = element("DateTimeType", kind) + "<DaylightSavings>false</DaylightSavings>"
        if zone:
            inner += f"<TimeZone>{element('tt:TZ', zone)}</TimeZone>"
        if kind == "Manual":
            inner += f"<UTCDateTime><tt:Time>{time}</tt:Time><tt:Date>{date}</tt:Date></UTCDateTime>"
        _ = await self._ask("SetSystemDateAndTime", inner)

    async def logs_in(self) -> bool:
        """True: this account was asked for and taken. False: the camera asks nobody. Raises one of LOGIN_ERRORS."""
        _ = await self.time()
        _ = await self.device()
        if not self._caller.logged_in:  # some tell their model to everybody, their users to none
            with suppress(OnvifFault, OnvifNotSpoken):
                _ = await self._ask("GetUsers")
        return self._caller.logged_in

    async def level(self) -> str:
        """What this account may do, in ONVIF's word, to be written back with its new password."""
        assert self._credentials is not None
        try:
            found = answers.user_level(await self._ask("GetUsers"), self._credentials.user)
        except (OnvifFault, OnvifNotSpoken):
            found = None
        return found or "Administrator"

    async def set_password(self, new: str, level: str) -> None:
        """One call: give this account another password. Whether it opens with it is to be seen (`as_user`)."""
        assert self._credentials is not None
        inner = element("tt:Username", self._credentials.user) + element("tt:Password", new)
        _ = await self._ask("SetUser", f"<User>{inner}{element('tt:UserLevel', level)}</User>")

    def as_user(self, password: str) -> "OnvifCamera":
        """The same account with another password."""
        assert self._credentials is not None
        return self._with(Credentials(self._credentials.user, password))


async def try_login(camera: OnvifCamera) -> bool | OnvifError:
    """`logs_in`, with an account that is refused as a value: the error."""
    try:
        return await camera.logs_in()
    except LOGIN_ERRORS as error:
        return error
