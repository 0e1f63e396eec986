"""ONVIF against a simulated camera that shares nothing with the client: found, asked, set; each oddity, each bomb."""

import asyncio
import resource

import pytest

from appliance.core.clock import SimulatedClock
from appliance.demo.discovery import DiscoveryResponder
from appliance.demo.onvif import Identity, OnvifCamera
from appliance.demo.onvif_quirks import Bomb, Login, OnvifQuirks
from appliance.demo.onvif_xml import Encoder
from appliance.inputs import discovery
from appliance.inputs.encoder import is_light, light_profile
from appliance.inputs.errors import (
    InterfaceMissing,
    OnvifAuthScheme,
    OnvifError,
    OnvifNoLightStream,
    OnvifNotSpoken,
    OnvifPasswordMissing,
    OnvifPasswordRefused,
    OnvifSlow,
    OnvifTooLong,
    OnvifUnreachable,
    OnvifXmlRefused,
)
from appliance.inputs.http import open_session
from appliance.inputs.report import remarks, report
from tests.peers.onvif_rig import PASSWORD, asking, simulated

LIGHT = Encoder("H264", 640, 360, 10, 20, 512)


def codes(found: object) -> set[str]:
    return {code for code, _, _ in remarks(found)}  # type: ignore[arg-type]


async def test_all_about_a_well_behaved_camera() -> None:
    async with simulated(light=LIGHT) as camera, asking(camera) as client:
        camera.ntp = True
        found = await client.probe()
    assert (found.device.make, found.device.model, found.offset_us) == ("Témoin", "Caméra simulée", 0)
    assert [(one.profile.token, one.profile.codec, one.profile.width, one.profile.fps) for one in found.streams] == [
        ("main", "h264", 1920, 25),
        ("sub", "h264", 640, 10),
    ]
    assert [one.url for one in found.streams] == ["rtsp://127.0.0.1:8554/main", "rtsp://127.0.0.1:8554/sub"]
    assert codes(found) == set()


@pytest.mark.parametrize(
    ("login", "tokens", "digests"),
    [("both", False, True), ("token", True, False), ("digest", False, True), ("digest-sha256", False, True)],
)
async def test_each_way_to_log_in(login: Login, tokens: bool, digests: bool) -> None:
    async with simulated(OnvifQuirks(login=login)) as camera, asking(camera) as client:
        assert len((await client.probe()).streams) == 2
    assert (camera.counts.tokens > 0, camera.counts.digests > 0) == (tokens, digests)
    assert camera.counts.wrong == 0, "each wrong try brings the account nearer to being locked"


@pytest.mark.parametrize("off_s", [86_400.0 * 400, -1_700_000_000.0, 301.0])
async def test_a_login_with_a_camera_whose_clock_is_wrong(off_s: float) -> None:
    quirks = OnvifQuirks(login="token", clock_off_s=off_s)
    async with simulated(quirks) as camera, asking(camera) as client:
        found = await client.probe()
    assert found.offset_us is not None
    assert abs(found.offset_us / 1e6 - off_s) <= 1
    assert "clock-off" in codes(found)
    assert camera.counts.wrong == 0


async def test_a_login_by_token_without_the_cameras_time_is_what_fails() -> None:
    """The twin of the test above: what the clock's offset is for."""
    async with simulated(OnvifQuirks(login="token", clock_off_s=900)) as camera, asking(camera) as client:
        with pytest.raises(OnvifPasswordRefused):
            await client.device()


@pytest.mark.parametrize("login", ["both", "token", "digest"])
async def test_a_wrong_password_is_tried_once(login: Login) -> None:
    async with simulated(OnvifQuirks(login=login)) as camera, asking(camera, "faux-mot-de-passe") as client:
        with pytest.raises(OnvifPasswordRefused):
            await client.probe()
    assert camera.counts.wrong == 1


async def test_without_an_account_and_with_ways_that_show_it() -> None:
    async with simulated() as camera, asking(camera, None) as client:
        with pytest.raises(OnvifPasswordMissing):
            await client.probe()
    async with simulated(OnvifQuirks(login="basic")) as camera, asking(camera) as client:
        with pytest.raises(OnvifAuthScheme):
            await client.probe()
    assert camera.counts.digests == 0


@pytest.mark.parametrize(
    ("quirks", "expected"),
    [
        (OnvifQuirks(relative=True), set()),
        (OnvifQuirks(old=True, login="token"), set()),
        (OnvifQuirks(named_host="192.168.1.64"), {"other-address"}),
        (OnvifQuirks(light=False), {"no-light-stream"}),
        (OnvifQuirks(open_device=True), {"open-to-all"}),
        (OnvifQuirks(login="none"), {"open-to-all"}),
        (OnvifQuirks(no_clock=True), {"clock-unknown"}),
        (OnvifQuirks(media2=True), set()),
        (OnvifQuirks(media2=True, hollow_media2="fault"), set()),
        (OnvifQuirks(media2=True, hollow_media2="empty"), set()),
    ],
)
async def test_each_oddity_is_read_and_what_is_not_right_is_told(quirks: OnvifQuirks, expected: set[str]) -> None:
    async with simulated(quirks, light=LIGHT) as camera, asking(camera) as client:
        camera.ntp = True
        found = await client.probe()
    assert codes(found) == expected
    assert found.streams[0].url == "rtsp://127.0.0.1:8554/main", "the camera that was asked, never the one it names"


async def test_h265_is_told_by_media2_alone() -> None:
    for media2, codec in ((False, "h264"), (True, "h265")):
        async with simulated(OnvifQuirks(media2=media2), main="H265") as camera, asking(camera) as client:
            assert (await client.probe()).streams[0].profile.codec == codec


@pytest.mark.parametrize(
    "quirks", [OnvifQuirks(), OnvifQuirks(media2=True), OnvifQuirks(media2=True, hollow_media2="fault")]
)
async def test_the_light_stream_is_set_and_the_main_one_left_alone(quirks: OnvifQuirks) -> None:
    async with simulated(quirks) as camera, asking(camera) as client:
        light = light_profile([one.profile for one in (await client.probe()).streams])
        assert light is not None
        assert not is_light(light)
        assert is_light(await client.set_light_stream())
    main, sub = camera.streams["main"].encoder, camera.streams["sub"].encoder
    assert (main.fps, main.gop) == (25, 50)
    assert (sub.codec, sub.fps, sub.gop, sub.width) == ("H264", 10, 20, 640)
    assert camera.counts.calls["SetVideoEncoderConfiguration"] == 1


async def test_a_light_stream_that_is_right_is_not_written_and_none_is_told() -> None:
    async with simulated(light=LIGHT) as camera, asking(camera) as client:
        await client.set_light_stream()
    assert "SetVideoEncoderConfiguration" not in camera.counts.calls
    async with simulated(OnvifQuirks(light=False)) as camera, asking(camera) as client:
        with pytest.raises(OnvifNoLightStream):
            await client.set_light_stream()


@pytest.mark.parametrize("no_ntp", [False, True])
async def test_the_clock_is_set_by_the_network_or_by_hand(no_ntp: bool) -> None:
    quirks = OnvifQuirks(no_ntp=no_ntp, clock_off_s=-5000, login="token")
    async with simulated(quirks) as camera, asking(camera) as client:
        zone = camera.zone
        off = await client.set_time()
    assert off is not None
    assert abs(off) <= 1_000_000
    assert (camera.ntp, camera.zone) == (not no_ntp, zone)


@pytest.mark.parametrize(
    ("bomb", "error"),
    [
        ("entities", OnvifXmlRefused),
        ("external", OnvifXmlRefused),
        ("deep", OnvifXmlRefused),
        ("wide", OnvifXmlRefused),
        ("attributes", OnvifXmlRefused),
        ("cut", OnvifXmlRefused),
        ("endless", OnvifTooLong),
        ("gzip", OnvifNotSpoken),
        ("text", OnvifNotSpoken),
    ],
)
async def test_each_bomb_ends_in_its_named_error(bomb: Bomb, error: type[OnvifError]) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with simulated(OnvifQuirks(bomb=bomb)) as camera, asking(camera) as client:
        with pytest.raises(error):
            await client.probe()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KiB


async def test_a_camera_that_is_slow_or_gone() -> None:
    async with simulated(OnvifQuirks(slow_s=30)) as camera, asking(camera, call_s=0.2) as client:
        with pytest.raises(OnvifSlow):
            await client.probe()
    async with asking(camera) as client:
        with pytest.raises(OnvifUnreachable):
            await client.probe()


async def test_a_redirect_is_not_followed() -> None:
    asked = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    camera = OnvifCamera({}, SimulatedClock())
    camera.port = server.sockets[0].getsockname()[1]
    async with asking(camera) as client:
        with pytest.raises(OnvifNotSpoken):
            await client.device()
    server.close()
    await server.wait_closed()
    assert len(asked) == 1


async def test_words_of_a_hostile_camera_reach_nobody() -> None:
    identity = Identity("Acme\x7f", '"]\\n[[disk]]\u202e', "\x9b2J", "x" * 500)
    async with simulated(identity=identity) as camera, asking(camera) as client:
        told = report(await client.probe())
    for word in (told["make"], told["model"], told["firmware"], told["serial"]):
        assert word.isprintable()
        assert len(word) <= 96
    assert told["site_toml"].count("\n[[") == 0


async def test_an_interface_that_is_not_there_and_one_that_leads_elsewhere() -> None:
    async with simulated() as camera:
        async with open_session("no-such-card") as session:
            with pytest.raises(InterfaceMissing):
                await session.get(f"http://{camera.address}/")
        assert not camera.counts.calls


# who is on the network


async def _found(*cameras: OnvifCamera) -> list[discovery.Match]:
    async with DiscoveryResponder(list(cameras), port=0) as responder:
        return await discovery.find("lo", wait_s=0.3, port=responder.port, answer_port=0)


async def test_cameras_are_found_once_each_with_their_names() -> None:
    quirks = OnvifQuirks(many_addresses=True)
    async with simulated() as first, simulated(quirks) as second, simulated(OnvifQuirks(relative=True)) as third:
        found = await _found(first, second, third)
    assert {one.place.port for one in found} >= {first.port, second.port}
    assert all(one.place.host == "127.0.0.1" for one in found)
    assert {(one.name, one.hardware) for one in found} == {("Témoin", "Caméra simulée")}


async def test_answers_that_nobody_asked_for_are_not_believed() -> None:
    async with simulated(OnvifQuirks(strangers=True)) as liar, simulated() as honest:
        found = await _found(liar, honest)
    assert [one.place.port for one in found] == [honest.port]


async def test_nobody_there_and_no_such_interface() -> None:
    assert await discovery.find("lo", wait_s=0.1, port=1, answer_port=0) == []
    with pytest.raises(InterfaceMissing):
        await discovery.find("no-such-card", wait_s=0.1, answer_port=0)


async def test_a_password_is_in_no_error() -> None:
    for quirks in (OnvifQuirks(), OnvifQuirks(login="token"), OnvifQuirks(bomb="text")):
        async with simulated(quirks) as camera, asking(camera, PASSWORD + "x") as client:
            with pytest.raises(OnvifError) as refused:
                await client.probe()
            assert PASSWORD not in f"{refused.value!r} {refused.value.facts}"
