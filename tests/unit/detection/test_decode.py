"""Pictures from the recorder's parts and from files, and what a model gets of them."""

from pathlib import Path
from threading import Thread
from typing import Literal

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.units import ticks_to_us
from appliance.detection.decode import PartDecoder, Picture, View, decode_file
from appliance.detection.errors import PicturesUnreadable
from appliance.detection.shapes import WHOLE, Box
from tests.peers.footage import FRAME, HEADER, UTC, Chunk, Footage, encode, with_parameters
from tests.peers.views import picture, yard


def parts_of(footage: Footage) -> tuple[bytes, list[bytes]]:
    """Init segment and parts, ten pictures each."""
    chunk = Chunk(with_parameters(HEADER, footage.parameters)).parts(footage.units)
    return chunk.init, [bytes(chunk.data[one.offset : one.offset + one.length]) for one in chunk.entries]


def decoded(decoder: PartDecoder, parts: list[bytes]) -> list[Picture]:
    return [one for part in parts for one in decoder.pictures(part)]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_parts_become_pictures_five_a_second_dated_in_utc(codec: Literal["h264", "h265"]) -> None:
    init, parts = parts_of(encode(100, codec=codec))
    seen = decoded(PartDecoder(init), parts)
    assert [one.time_us for one in seen] == [UTC + ticks_to_us(FRAME * n) for n in range(0, len(seen) * 5, 5)]
    assert 18 <= len(seen) <= 20
    assert (seen[0].width, seen[0].height, seen[0].keyframe, seen[1].keyframe) == (320, 180, True, False)


def test_pictures_out_of_order_keep_their_own_times() -> None:
    init, parts = parts_of(encode(100, b_frames=2))
    times = [one.time_us for one in decoded(PartDecoder(init, rate=25), parts)]
    assert times == sorted(times)
    assert len(set(times)) == len(times) >= 90


def test_keyframes_only() -> None:
    init, parts = parts_of(encode(100, gop=20))
    seen = decoded(PartDecoder(init, keyframes_only=True), parts)
    assert len(seen) >= 4
    assert all(one.keyframe for one in seen)


def test_after_a_hole_it_goes_on_at_a_keyframe() -> None:
    init, parts = parts_of(encode(100, gop=50))
    decoder = PartDecoder(init)
    first, later = decoded(decoder, parts[:2]), decoded(decoder, parts[3:])
    assert first
    assert later[0].keyframe
    assert later[0].time_us == UTC + 2_000_000
    assert decoder.refused == 2


@given(st.integers(0, 9), st.integers(0, 4000), st.integers(1, 255))
def test_no_damage_raises(number: int, at: int, flip: int) -> None:
    init, parts = parts_of(FOOTAGE)
    damaged = bytearray(parts[number % len(parts)])
    damaged[at % len(damaged)] ^= flip
    parts[number % len(parts)] = bytes(damaged)
    assert decoded(PartDecoder(init), parts) is not None


@given(st.binary(max_size=400))
def test_no_garbage_raises(garbage: bytes) -> None:
    init, parts = parts_of(FOOTAGE)
    decoder = PartDecoder(init)
    assert not decoder.pictures(garbage)
    assert decoder.refused == 1
    assert decoded(decoder, parts)
    with pytest.raises(PicturesUnreadable):
        PartDecoder(garbage)


FOOTAGE = encode(50, gop=10)


def test_a_coded_picture_that_lies_is_survived() -> None:
    """Whole by every checksum, but no H.264: what a hostile camera sends."""
    units = encode(30, gop=10).units
    for unit in units[10:20]:
        unit.data = unit.data[:4] + bytes(b ^ 0x5A for b in unit.data[4:])
    init, parts = parts_of(Footage(FOOTAGE.parameters, units))
    seen = decoded(PartDecoder(init), parts)
    assert any(one.time_us >= UTC + 800_000 for one in seen)


def write_file(file: Path, frames: int) -> None:
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((180, 320, 3), 4 * number % 256, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_file_gives_five_a_second(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    write_file(file, 40)
    seen = list(decode_file(file))
    assert [round(one.time_us / 100_000) for one in seen] == list(range(0, 40, 2))
    assert [one.keyframe for one in decode_file(file, keyframes_only=True)] == [True]


def test_a_file_without_pictures_says_so(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(b"no video at all")
    with pytest.raises(PicturesUnreadable):
        list(decode_file(file))
    with pytest.raises(PicturesUnreadable):
        list(decode_file(tmp_path / "nothing.mp4"))


def test_a_model_gets_the_picture_scaled_to_fit_at_the_top_left() -> None:
    pixels, view = picture(yard(), 0).view(WHOLE, 320, 320, "bgr", 114)
    assert (view.wide, view.high) == (320, 180)
    assert pixels.shape == (320, 320, 3)
    assert np.all(pixels[180:] == 114)
    assert abs(float(pixels[:180].mean()) - 130) < 40
    assert tuple(view.back(Box(0, 0, 1, 180 / 320))) == pytest.approx(tuple(WHOLE))


def test_channel_order_is_what_was_asked() -> None:
    red = picture(np.full((360, 640), 120, np.uint8), 0, chroma=90)
    rgb, _ = red.view(WHOLE, 64, 64, "rgb", 0)
    bgr, _ = red.view(WHOLE, 64, 64, "bgr", 0)
    assert np.abs(rgb.astype(int) - bgr[:, :, ::-1]).max() <= 2
    assert np.abs(rgb.astype(int) - bgr).max() > 10


def test_a_piece_shows_what_lies_there() -> None:
    luma = np.full((360, 640), 60, np.uint8)
    luma[180:, 320:] = 200
    pixels, view = picture(luma, 0, chroma=128).view(Box(0.5, 0.5, 1, 1), 128, 128, "rgb", 0)
    assert float(pixels[: view.high, : view.wide].min()) > 190
    assert tuple(view.box) == (0.5, 0.5, 1.0, 1.0)


@given(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    st.sampled_from([(640, 360), (320, 240), (198, 110)]),
)
def test_any_piece_of_any_picture_can_be_asked_for(edges: tuple[float, ...], size: tuple[int, int]) -> None:
    x0, y0, x1, y1 = edges
    box = Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    pixels, view = picture(np.zeros((size[1], size[0]), np.uint8), 0).view(box, 192, 112, "rgb", 114)
    assert pixels.shape == (112, 192, 3)
    assert 0 <= view.box.left < view.box.right <= 1
    assert 0 <= view.box.top < view.box.bottom <= 1


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_way_back_from_a_view_is_exact(x: float, y: float) -> None:
    view = View(Box(0.25, 0.5, 0.75, 1.0), 320, 320, 320, 180)
    back = view.back(Box(0, 0, x, y * 180 / 320))
    assert back.right == pytest.approx(0.25 + x * 0.5)
    assert back.bottom == pytest.approx(0.5 + y * 0.5)


def test_infrared_has_no_colour() -> None:
    assert picture(yard(), 0, chroma=128).colourfulness() == 0
    assert picture(yard(), 0, chroma=150).colourfulness() == 44


def test_a_picture_is_shown_to_people_while_it_is_looked_at() -> None:
    """libav's scaler hangs or crashes when two threads use one: the detector then looked at nothing after an alert."""
    shown = picture(yard(), 0)

    def look() -> None:
        for turn in range(300):
            shown.view(Box(0.0, 0.0, 0.4 + 0.001 * turn, 1.0), 256, 160, "rgb", 114)

    def show() -> None:
        for _ in range(300):
            shown.frame("yuvj420p")

    threads = [Thread(target=work, daemon=True) for work in (look, show)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
