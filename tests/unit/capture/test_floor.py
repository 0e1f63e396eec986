"""The legal floor is measured on what is stored: rates, repeats that an encoder really makes, sizes, and the words."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.capture.floor import shortfalls
from appliance.capture.measure import Stored, StoredMeter, coded_bytes
from appliance.core.cause import GapCause
from appliance.media.nal import split_annex_b
from appliance.media.stream import AccessUnit, ClockState, Codec, CodecParameters, RunStart
from appliance.services.status import sentences
from appliance.web.verdict import build_state
from tests.peers.h265_rtp import encoded
from tests.peers.sink import KeepingSink

SECOND = 90_000
MINUTE_S = 64


def run(width: int = 352, height: int = 288, codec: Codec = "h264") -> RunStart:
    parameters = CodecParameters(codec, (b"sps", b"pps"), width, height, "avc1.42001e")
    return RunStart(parameters, 0, bytes(16), ClockState.VERIFIED, GapCause.NONE)


def record(pictures: list[bytes], fps: float, meter: StoredMeter, *, gop: int = 12, seconds: int = MINUTE_S) -> None:
    """Whole minutes of these pictures, one after the other and round again."""
    for number in range(int(seconds * fps)):
        ticks = round(number * SECOND / fps)
        meter.append(AccessUnit(pictures[number % len(pictures)], ticks, ticks, number % gop == 0))


def measure(pictures: list[bytes], fps: float, *, gop: int = 12, codec: Codec = "h264") -> Stored:
    sink = KeepingSink()
    meter = StoredMeter(sink)
    meter.start_run(run(codec=codec))
    record(pictures, fps, meter, gop=gop)
    meter.end_run(GapCause.CAMERA_SILENT)
    assert sink.pictures == int(MINUTE_S * fps)  # all that was measured was handed on
    assert meter.stored is not None
    return meter.stored


def coded(codec: str, options: dict[str, str], each: int, *, moving: bool = True) -> list[bytes]:
    """Ten seconds at 6 pictures a second as an encoder codes them; the source changes at every `each`-th."""
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 352, 288, "yuv420p"
    encoder.framerate, encoder.time_base, encoder.gop_size = Fraction(6), Fraction(1, 6), 12
    encoder.thread_count = 1
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", **options}
    rng, found = np.random.default_rng(7), []
    picture = rng.integers(0, 256, (432, 352), dtype=np.uint8)
    for number in range(60):
        if moving and number % each == 0:
            picture = rng.integers(90, 140, (432, 352), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        found += encoder.encode(frame)
    found += encoder.encode(None)
    packets = [bytes(packet) for packet in found]
    return [b"".join(len(nal).to_bytes(4, "big") + nal for nal in split_annex_b(each)) for each in packets]


ENCODERS = pytest.mark.parametrize(
    ("encoder", "codec", "options"),
    [
        ("libx264", "h264", {"x264-params": "cabac=0:scenecut=0:qp=28"}),
        ("libx264", "h264", {"x264-params": "cabac=1:scenecut=0:qp=28"}),
        ("libx264", "h264", {"x264-params": "cabac=1:scenecut=0:qp=28:slices=4"}),
        ("libx265", "h265", {"x265-params": "log-level=none:qp=28:scenecut=0:pools=none:frame-threads=1"}),
    ],
)


REFINING: dict[str, tuple[str, Codec, dict[str, str]]] = {
    "x265 by default": ("libx265", "h265", {"x265-params": "log-level=none:scenecut=0:pools=none:frame-threads=1"}),
    "x264 at 0.5 Mbit/s": ("libx264", "h264", {"x264-params": "scenecut=0:bitrate=500"}),
    "x264 at 0.5 Mbit/s, filled": (
        "libx264", "h264", {"x264-params": "scenecut=0:bitrate=500:vbv-maxrate=500:vbv-bufsize=500:nal-hrd=cbr"},
    ),
}  # fmt: skip
"""Encoders that code the same image again with many bytes."""

FULL_ONLY = (("x265 by default", 1), ("x265 by default", 3))
"""2 s of encoding each."""


@pytest.mark.parametrize(
    ("name", "each", "least", "most"),
    [
        pytest.param(name, *told, marks=pytest.mark.full if (name, told[0]) in FULL_ONLY else ())
        for name in REFINING
        for told in (
            (2, 2.9, 3.1),
            (3, 1.9, 4.1),
            (1, 5.9, 6.1),
        )  # of three, the third may be as large as a changed one
    ],
)
def test_pictures_coded_again_with_many_bytes_are_told_by_their_rhythm(
    name: str, each: int, least: float, most: float
) -> None:
    encoder, codec, options = REFINING[name]
    stored = measure(coded(encoder, options, each), 6, codec=codec)
    assert stored.real_fps is not None
    assert least <= stored.real_fps <= most
    assert [lack.code for lack in shortfalls(stored, narrow=False, fast_flow=False)] == ["FLOOR_REPEATED"][: each - 1]


def test_b_frames_fields_and_layers_are_small_by_nature() -> None:
    """What goes up and down in step and is no repeat: every second picture belongs to another temporal layer."""
    for header in (b"\x41", b"\x01"):
        big, small = (len(body).to_bytes(4, "big") + body for body in (b"\x41" + bytes(6000), header + bytes(2000)))
        stored = measure([big, small], 6, gop=60)
        assert stored.real_fps == pytest.approx(3 if header == b"\x41" else 6, abs=0.1)
    meter = StoredMeter(KeepingSink())
    meter.start_run(run())
    for number in range(MINUTE_S * 6):  # two B-frames between others: shown at once, an eightieth of their size
        ticks, reference = number * 15_000, number % 3 == 1
        body = b"\x41" + number.to_bytes(2, "big") + bytes(8000 if reference or number % 12 == 0 else 100)
        shown = ticks + (15_000 if number % 12 == 0 else 45_000 if reference else 0)
        meter.append(AccessUnit(len(body).to_bytes(4, "big") + body, ticks, shown, number % 12 == 0))
    assert meter.stored is not None
    assert meter.stored.real_fps == meter.stored.fps


@ENCODERS
def test_six_pictures_a_second_made_of_three_are_found(encoder: str, codec: Codec, options: dict[str, str]) -> None:
    stored = measure(coded(encoder, options, 2), 6, codec=codec)
    assert stored.fps == pytest.approx(6, abs=0.05)
    assert stored.real_fps == pytest.approx(3, abs=0.3)
    (lack,) = shortfalls(stored, narrow=False, fast_flow=False)
    assert lack.code == "FLOOR_REPEATED"
    assert "article 2 et annexe technique" in lack.fr


@ENCODERS
def test_pictures_that_all_change_repeat_none(encoder: str, codec: Codec, options: dict[str, str]) -> None:
    stored = measure(coded(encoder, options, 1), 6, codec=codec)
    assert stored.real_fps == stored.fps
    assert shortfalls(stored, narrow=False, fast_flow=False) == []


def test_a_still_scene_is_no_trick() -> None:
    pictures = coded("libx264", {"x264-params": "scenecut=0:qp=28"}, 1, moving=False)
    stored = measure(pictures, 6)
    assert stored.real_fps is None
    assert shortfalls(stored, narrow=False, fast_flow=False) == []


def unlike(size: int = 3000, count: int = 97) -> list[bytes]:
    """Pictures of which no two are the same."""
    return [number.to_bytes(2, "big") * (size // 2) for number in range(count)]


def test_identical_bytes_are_a_repeat() -> None:
    big = unlike()
    stored = measure([big[n // 2] for n in range(2 * len(big))], 12, gop=25)
    assert stored.real_fps == pytest.approx(6, abs=0.6)


def test_two_fields_are_one_picture() -> None:
    """Fields of 704x288, 12 a second, are 6 whole pictures of 704x576; of frames they would be 12 that are too low."""
    first, *_ = encoded(6, "bframes=0:interlace=tff", 5, 704, 288)
    sets = tuple(nal for nal in first[0] if nal[0] >> 1 in {32, 33, 34})
    meter = StoredMeter(KeepingSink())
    parameters = CodecParameters("h265", sets, 704, 288, "hvc1.1.6.L90.90")
    meter.start_run(RunStart(parameters, 0, bytes(16), ClockState.VERIFIED, GapCause.NONE))
    record(unlike(), 12, meter)
    stored = meter.stored
    assert stored is not None
    assert (stored.width, stored.height, stored.gop_s) == (704, 576, 1.0)
    assert stored.fps == stored.real_fps == pytest.approx(6, abs=0.05)
    assert shortfalls(stored, narrow=True, fast_flow=False) == []


@settings(max_examples=20)
@given(st.sampled_from([3, 5.9, 6, 11.9, 12, 25, 59.94]), st.integers(2, 60), st.integers(1500, 9000))
def test_rate_bit_rate_and_groups_are_what_was_stored(fps: float, gop: int, size: int) -> None:
    stored = measure(unlike(size), fps, gop=gop)
    assert stored.fps == pytest.approx(fps, rel=0.01)
    assert stored.bitrate == pytest.approx(fps * (size // 2 * 2) * 8, rel=0.01)
    assert stored.gop_s == pytest.approx(gop / fps, rel=0.01)
    assert stored.real_fps == stored.fps


@pytest.mark.parametrize(
    ("width", "height", "fps", "narrow", "fast", "codes"),
    [
        (704, 576, 6.0, True, False, []),
        (576, 704, 6.0, True, False, []),  # upright, for a corridor
        (703, 576, 6.0, True, False, ["FLOOR_DEFINITION"]),
        (640, 480, 6.0, True, False, ["FLOOR_DEFINITION"]),
        (640, 480, 6.0, False, False, []),
        (352, 288, 5.99, False, False, []),
        (352, 287, 5.0, False, False, ["FLOOR_DEFINITION", "FLOOR_RATE"]),
        (1920, 1080, 8.0, True, True, ["FLOOR_RATE"]),
        (1920, 1080, 8.0, False, True, []),  # the twelve a second are asked of narrow views
        (1920, 1080, 12.0, True, True, []),
    ],
)
def test_the_law_asks_by_view_and_flow(
    width: int, height: int, fps: float, narrow: bool, fast: bool, codes: list[str]
) -> None:
    stored = Stored(width, height, fps, fps, 1, 2.0)
    found = shortfalls(stored, narrow=narrow, fast_flow=fast)
    assert [lack.code for lack in found] == codes
    assert all("article 2" in lack.fr and "article 2" in lack.en and lack.todo_fr for lack in found)


def test_a_gap_is_no_low_rate_and_another_size_is_another_minute() -> None:
    meter = StoredMeter(KeepingSink())
    for hour in range(4):
        meter.start_run(run())
        for number in range(25 * 21):
            ticks = hour * 3600 * SECOND + number * 3600
            meter.append(AccessUnit(unlike()[number % 97], ticks, ticks, number % 50 == 0))
        meter.end_run(GapCause.CAMERA_SILENT)
    assert meter.stored is not None
    assert meter.stored.fps == pytest.approx(25, rel=0.01)
    meter = StoredMeter(KeepingSink())
    for size in (352, 704):
        meter.start_run(run(width=size))
        for number in range(25 * 40):
            ticks = size * SECOND + (10**6 if size == 704 else 0) * 3600 + number * 3600
            meter.append(AccessUnit(unlike()[number % 97], ticks, ticks, number % 50 == 0))
        meter.end_run(GapCause.PARAMETERS)
    assert meter.stored is None


@given(st.binary(max_size=200))
def test_units_cut_anyhow_are_counted_and_no_more(data: bytes) -> None:
    for codec in ("h264", "h265"):
        size, slices = coded_bytes(data, codec)
        assert (size > 0) >= (slices > 0) or size == 0


def test_the_page_and_the_console_say_it_with_the_article() -> None:
    (lack,) = shortfalls(Stored(704, 576, 3.0, 3.0, 1, None), narrow=False, fast_flow=False)
    told = {name: getattr(lack, name) for name in ("code", "fr", "en", "todo_fr", "todo_en")}
    camera = {"id": "cour", "name": "Cour", "place": "", "streams": {}, "floor": [told]}
    answer = {"now_utc_us": 0, "cameras": [camera], "disks": []}
    body = build_state(answer)
    assert body["verdict"] == "attention"
    (issue,) = body["issues"]
    assert (issue["code"], issue["camera"]) == ("FLOOR_RATE", "cour")
    assert issue["fr"].startswith("Cour\u202f: 3,0 images par seconde enregistrées, il en faut 6 au moins")
    lines, well = sentences(answer, "fr")
    assert not well
    assert any(line.startswith("✖ Cour : 3,0 images par seconde") and "article 2" in line for line in lines)
