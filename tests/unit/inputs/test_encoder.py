"""Which stream is the light one, and settings that are changed without losing what is not understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.demo import onvif_xml
from appliance.inputs.answers import Profile, gop_of
from appliance.inputs.encoder import (
    FPS_LEAST,
    FPS_MOST,
    GOP_LEAST_S,
    GOP_MOST_S,
    changed,
    is_light,
    light_profile,
    main_profile,
    wanted,
)
from appliance.inputs.soap import MEDIA, MEDIA2
from appliance.inputs.xml import parse


def profile(name: str, width: int, height: int, codec: str = "h264", fps: int = 10, gop: int = 20) -> Profile:
    return Profile(name, name, codec, width, height, fps, gop, 0, f"enc-{name}", audio=False)


MAIN = profile("main", 2560, 1440, "h265", 25, 50)


@pytest.mark.parametrize(
    ("offered", "light"),
    [
        ([MAIN, profile("a", 640, 360)], "a"),
        ([profile("a", 640, 360), MAIN], "a"),
        ([MAIN, profile("a", 704, 576), profile("b", 320, 240), profile("c", 640, 480, "mpeg4")], "a"),
        ([MAIN, profile("a", 640, 360, "h265")], "a"),
        ([MAIN, profile("a", 1920, 1080)], None),
        ([MAIN], None),
        ([profile("a", 640, 360)], None),
        ([], None),
    ],
)
def test_the_light_stream(offered: list[Profile], light: str | None) -> None:
    found = light_profile(offered)
    assert (found.token if found else None) == light


def test_two_profiles_of_one_encoder_are_one_stream() -> None:
    small, twin = profile("a", 640, 360), profile("a", 640, 360)
    assert light_profile([small, twin]) is None, "setting the light one would set the recorded one"


PROFILES = st.builds(
    profile,
    st.text("abc", min_size=1, max_size=2),
    st.integers(0, 4000),
    st.integers(0, 3000),
    st.sampled_from(["h264", "h265", "jpeg", ""]),
    st.integers(0, 60),
    st.integers(0, 1000),
)


@given(st.lists(PROFILES, max_size=5))
def test_the_light_stream_is_never_the_main_one(offered: list[Profile]) -> None:
    light, main = light_profile(offered), main_profile(offered)
    assert light is None or light is not main


@given(PROFILES)
def test_what_is_asked_for_is_within_the_bounds_and_then_right(one: Profile) -> None:
    fps, gop = wanted(one)
    assert FPS_LEAST <= fps <= FPS_MOST
    assert GOP_LEAST_S <= gop / fps <= GOP_MOST_S
    assert is_light(profile("x", 640, 360, "h264", fps, gop))


@pytest.mark.parametrize("ver20", [False, True])
def test_the_cameras_own_settings_are_kept_but_for_what_is_set(ver20: bool) -> None:
    held = onvif_xml.Encoder("JPEG", 640, 360, 25, 250, 512)
    spaces = 'xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:trt="urn:trt" xmlns:tr2="urn:tr2" xmlns:v="urn:vendor"'
    tag = "tr2:Configurations" if ver20 else "trt:Configuration"
    text = onvif_xml.encoder(held, "enc", tag, ver20=ver20)
    text = text.replace(f"<{tag}", f"<{tag} {spaces}").replace(f"</{tag}>", f"<v:Own a='1'>&lt;x&gt;</v:Own></{tag}>")
    settings = changed(parse(text.encode()), MEDIA2 if ver20 else MEDIA, 10, 20)
    again = parse(settings.written("Configuration").encode())
    assert (again.name, again.attributes["token"], again.namespace) == (
        "Configuration",
        "enc",
        "urn:tr2" if ver20 else "urn:trt",
    )
    assert (again.value("Encoding"), again.number("RateControl", "FrameRateLimit"), gop_of(again)) == ("H264", 10, 20)
    assert again.number("RateControl", "BitrateLimit") == 512
    assert again.value("Multicast", "Address", "IPv4Address") == "0.0.0.0"
    assert again.value("Own") == "<x>"
    if not ver20:
        names = [child.name for child in again.children]
        sequence = ["Name", "UseCount", "Encoding", "Resolution", "Quality", "RateControl", "H264", "Multicast"]
        assert names == [*sequence, "SessionTimeout", "Own"], "the schema's sequence"
