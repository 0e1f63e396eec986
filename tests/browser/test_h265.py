"""A camera whose full definition is H.265, which this browser does not decode: the light stream plays, all is kept."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Final

import av
import pytest

from appliance.core.units import TICKS_PER_SECOND
from appliance.media.part import parse_part
from appliance.media.stream import AccessUnit, CodecParameters
from appliance.web.recorder import Answer
from tests.browser.conftest import Desk, served
from tests.browser.screen import SCREEN
from tests.browser.test_page import SUB_FPS, counter_at
from tests.peers import fake_recorder
from tests.peers.fake_recorder import FIRST_RUN_S, SECOND_RUN_S, START_US, FakeRecorder, Form, Tape
from tests.peers.h265_rtp import encoded, kind

SECOND = 1_000_000
FORM: Final = Form(320, 180, 10, 20)
SETS: Final = {32, 33, 34}
"""nal_unit_type of VPS, SPS and PPS."""


@cache
def hevc_tape() -> Tape:
    """The tape's stretches with pictures of noise by x265."""
    pictures = encoded((FIRST_RUN_S + SECOND_RUN_S) * FORM.fps, gop=FORM.gop, width=FORM.width, height=FORM.height)
    sets = tuple(nal for nal in pictures[0][0] if kind(nal) in SETS)
    units = []
    for nals, pts, keyframe in pictures:
        ticks = pts * TICKS_PER_SECOND // FORM.fps
        data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
        units.append(AccessUnit(data, ticks, ticks, keyframe))
    return fake_recorder.make_tape(CodecParameters("h265", sets, FORM.width, FORM.height, "h265"), units, FORM, 2)


class NewCamera(FakeRecorder):
    """Its main stream is H.265, its light one H.264."""

    def tape(self, camera: str, stream: str) -> Tape:
        found = super().tape(camera, stream)
        return hevc_tape() if (camera, stream) == ("portail", "main") else found

    def read(self, chunk: Answer, offset: int, length: int) -> bytes:
        if chunk["codec"] == "h265":
            return hevc_tape().data[int(str(chunk["number"]))][offset : offset + length]
        return super().read(chunk, offset, length)


@pytest.fixture
async def modern(built_page: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    """A page over it."""
    await asyncio.to_thread(hevc_tape)  # seconds of x265
    async with served(NewCamera(), built_page, tmp_path) as found:
        yield found


@pytest.mark.full
async def test_the_light_stream_plays_and_what_is_downloaded_is_the_original(modern: Desk) -> None:
    """Check 9 of twenty: H.265 main, the sub-stream plays; what is downloaded holds the H.265 byte for byte."""
    instant = START_US + 4 * SECOND
    await modern.at(instant)
    await modern.page.until(f"{SCREEN}.player.mainRefused?.includes('hvc1')")
    await modern.page.until("document.querySelector('.quality').innerText.includes('Flux léger')")
    assert (await modern.burnt()).counter == counter_at(instant, SUB_FPS)
    await modern.page.run(f"{SCREEN}.player.play()")
    await modern.page.until(f"{SCREEN}.player.at > {instant + 2 * SECOND}")
    assert await modern.page.run(f"{SCREEN}.player.quality") == "sub"
    assert await modern.page.run(f"{SCREEN}.player.playing")
    await modern.page.run(f"{SCREEN}.player.pause()")
    ask = f"/api/v1/cameras/portail/clip.mp4?from={instant}&to={instant + 3 * SECOND}&q=main"
    text = await modern.page.run(
        f"""fetch('{ask}').then((answer) => answer.blob()).then((blob) => new Promise((done) => {{
        const reader = new FileReader(); reader.onload = () => done(reader.result.split(',')[1]);
        reader.readAsDataURL(blob); }}))"""
    )
    clip = base64.b64decode(text)
    with av.open(io.BytesIO(clip), "r") as container:
        assert container.streams.video[0].codec_context.name == "hevc"
        assert len(list(container.decode(video=0))) >= 3 * FORM.fps
    whole = hevc_tape()
    payloads = []
    for row in whole.chunks[0]["parts"]:
        if instant <= row[2] < instant + 3 * SECOND:
            part = parse_part(whole.data[1], row[0])
            length = sum(sample.size for sample in part.samples)
            payloads.append(whole.data[1][part.payload_offset : part.payload_offset + length])
    assert len(payloads) >= 7
    assert all(payload in clip for payload in payloads), "every byte as the camera sent it"
