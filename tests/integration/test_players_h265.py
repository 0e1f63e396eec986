"""H.265 and open groups in the hands of others: chunks finished and unfinished, clips that begin anywhere, seeking."""

import hashlib
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest

from appliance.demo.forms import Form, encode_form
from appliance.media.hevc import LEADING
from appliance.media.parameters import H265ParameterSets
from appliance.media.stream import AccessUnit
from tests.integration.test_players import clip_files, decoded, ffprobe, folder, hashes, mp4box, nals, whole, write
from tests.peers.footage import DEMO, FRAME, HEADER, UTC, Chunk, with_parameters
from tests.peers.need import need

__all__ = ["folder"]

FORMS = {
    "plain": Form("h265", pictures=50),
    "B pictures": Form("h265", pictures=50, b_pictures=3),
    "open groups": Form("h265", pictures=60, gop=12, b_pictures=2, open_groups=True),
    "signed slices": Form("h265", pictures=50, slices=2, signed=True),
}


def footage(form: Form) -> tuple[Chunk, list[AccessUnit]]:
    """A chunk of these pictures, each with its parameter sets in band as cameras send them."""
    clip = encode_form("h265", form)
    sets = H265ParameterSets(clip.sets)
    assert sets.parameters is not None
    assert sets.active is not None
    depth, base = sets.active.max_reorder_frames or 0, HEADER.base_ticks
    units = []
    shown = sorted(at + frame.shift for at, frame in enumerate(clip.frames))
    for at, frame in enumerate(clip.frames):
        coded = (*(clip.sets if frame.keyframe else ()), *filter(None, [frame.signature]), *frame.slices)
        data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in coded)
        dts = base + (shown[at] * FRAME)
        units.append(AccessUnit(data, dts, base + (at + frame.shift + depth) * FRAME, frame.keyframe))
    return Chunk(with_parameters(HEADER, sets.parameters), DEMO).parts(units), units


def slices(units: list[bytes]) -> list[bytes]:
    return [nal.rstrip(b"\0") for nal in units if nal[0] >> 1 & 0x3F < 32]


def gstreamer(path: Path) -> list[bytes]:
    """Slices by qtdemux and h265parse."""
    launch = need("gst-launch-1.0", "qtdemux", "h265parse")
    out = path.with_suffix(".gst")
    caps = "video/x-h265,stream-format=byte-stream,alignment=au"
    pipeline = f"filesrc location={path} ! qtdemux ! h265parse ! {caps} ! filesink location={out}"
    done = subprocess.run([launch, "-q", *pipeline.split()], capture_output=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    return slices([piece for piece in out.read_bytes().split(b"\0\0\1")[1:] if piece])


@pytest.mark.full
@pytest.mark.parametrize("closed", [False, True], ids=["unfinished", "finished"])
@pytest.mark.parametrize("form", FORMS)
def test_players_read_every_picture_of_a_chunk(folder: Path, form: str, closed: bool) -> None:
    chunk, units = footage(FORMS[form])
    if closed:
        chunk.close()
    path = write(folder, bytes(chunk.data))
    read = ffprobe(path)
    assert read["streams"][0]["codec_name"] == "hevc"
    assert hashes(read) == whole(units)
    base = HEADER.base_ticks
    assert [(p["dts"], p["pts"]) for p in read["packets"]] == [(u.dts_ticks - base, u.pts_ticks - base) for u in units]
    assert ["K" in packet["flags"] for packet in read["packets"]] == [unit.keyframe for unit in units]
    assert decoded(path) == len(units)
    found = mp4box(path)
    assert (found["errors"], found["samples"]) == ([], len(units))
    assert found["digest"] == hashlib.sha256(b"".join(unit.data for unit in units)).hexdigest()
    assert gstreamer(path) == slices([nal for unit in units for nal in nals(unit.data)])


def test_a_clip_may_begin_with_an_open_group(folder: Path) -> None:
    """Its leading pictures are kept, byte for byte, and no player shows them: what they refer to is not there."""
    chunk, units = footage(FORMS["open groups"])
    keys = [at for at, unit in enumerate(units) if unit.keyframe]
    first = keys[2]
    leading = [u for u in units[first : keys[3]] if any(nal[0] >> 1 & 0x3F in LEADING for nal in nals(u.data))]
    assert leading
    from_us = UTC + (units[first].dts_ticks - HEADER.base_ticks) * 100 // 9 + 1
    (data,) = clip_files([chunk], from_us, UTC + 10**9)
    path = write(folder, data)
    assert hashes(ffprobe(path)) == whole(units[first:])
    with av.open(str(path)) as container:
        shown = [frame.pts for frame in container.decode(video=0)]
    assert len(shown) == len(units) - first - len(leading)
    assert mp4box(path)["samples"] == len(units) - first


def test_seeking_lands_on_keyframes(folder: Path) -> None:
    chunk, units = footage(FORMS["B pictures"])
    path = write(folder, bytes(chunk.close().data))
    key = [unit for unit in units if unit.keyframe][1]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base == Fraction(1, 90_000)
        container.seek(key.pts_ticks - HEADER.base_ticks + FRAME, stream=stream)
        packet = next(iter(container.demux(stream)))
        assert (packet.pts, packet.is_keyframe) == (key.pts_ticks - HEADER.base_ticks, True)
