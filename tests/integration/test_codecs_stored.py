"""The whole chain with H.265 and B pictures: on the disk, after a kill, and in what is cut out again."""

import asyncio
import io
import signal
from functools import partial
from pathlib import Path

import av
import pytest

from appliance.demo.counter import find_stamp
from appliance.demo.forms import Form, encode_form
from appliance.evidence.clip import ClipChunk, plan_clip
from appliance.media.part import PartEntry, parse_part
from appliance.ring.access.part_ref import PartRef
from appliance.ring.chunk import read_header
from tests.peers.live import Chain, StoredPart, chain

FORMS = {
    "h265": Form("h265", width=320, height=192, b_pictures=2, open_groups=True, gop=24, pictures=96),
    "h264": Form("h264", width=320, height=192, b_pictures=3, pictures=100),
}


def counters(parts: list[StoredPart]) -> list[int]:
    found = []
    for part in parts:
        parsed = parse_part(part.data)
        at = parsed.payload_offset
        for sample in parsed.samples:
            stamp = find_stamp(part.data[at : at + sample.size])
            assert stamp is not None
            found.append(stamp.counter)
            at += sample.size
    return found


def read(data: bytes, _path: str, offset: int, length: int) -> bytes:
    return data[offset : offset + length]


def reference(e: PartEntry) -> PartRef:
    flags = e.starts_keyframe | e.starts_run << 1
    return PartRef(e.offset, e.length, e.utc_us, e.tfdt, e.duration, e.run, e.sequence, e.samples, flags)


def clip_of(made: Chain, camera: str, parts: list[StoredPart]) -> bytes:
    """What is cut of the first chunk's parts, as the page would."""
    for disk in made.disks:
        for file in sorted(disk.glob("[0-9a-f][0-9a-f]/*.mp4")):
            data = file.read_bytes()
            if data[4:8] != b"ftyp":
                continue
            info = read_header(data)
            if info.header.key.camera != camera:
                continue
            refs = tuple(reference(part.entry) for part in parts)
            chunk = ClipChunk(str(file), info.header.generation, data[: info.init_length], refs)
            (planned,) = plan_clip([chunk], 0, 2**60)
            return b"".join(planned.blocks(partial(read, data)))
    raise AssertionError(camera)


@pytest.mark.timeout(90)
async def test_h265_and_b_pictures_survive_a_kill_and_are_cut_and_decoded(tmp_path: Path) -> None:
    clips = [{"main": await asyncio.to_thread(encode_form, name, form)} for name, form in FORMS.items()]
    async with chain(tmp_path, clips) as made:
        service = await made.recorder()
        await made.durable(3.0)
        async with made.client() as client:
            state = await client.state()
        codecs = [camera["streams"]["main"]["codec"] for camera in state["cameras"]]
        assert codecs == list(FORMS)
        await service.stop(signal.SIGKILL)
        stored = await asyncio.to_thread(made.stored)
        for name, (key, parts) in zip(FORMS, sorted(stored.items()), strict=True):
            found = counters(parts)
            sent = {frame.counter: frame for frame in made.cameras[key.camera].sent("main")}
            first = sent[found[0]]
            past = {c for c in sent if first.counter < c < first.counter + 24 and sent[c].utc_us < first.utc_us}
            assert found == [c for c in range(found[0], found[-1] + 1) if c not in past], name
            samples = [sample for part in parts for sample in parse_part(part.data).samples]
            assert any(sample.composition_offset > 0 for sample in samples), name
            assert all(sample.composition_offset >= 0 for sample in samples), name
            data = await asyncio.to_thread(clip_of, made, key.camera, parts)
            assert await asyncio.to_thread(decoded, data) == len(found), name


def decoded(data: bytes) -> int:
    with av.open(io.BytesIO(data), mode="r") as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        return sum(1 for _ in container.decode(stream))
