"""Streams of every form, from the simulated camera: each NAL unit is kept byte for byte, each picture once, in time.

All cameras run at once for a few seconds; a form that fails is named.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import pytest

from appliance.capture.camera import CameraRunner
from appliance.capture.url import Credentials
from appliance.core.cause import GapCause
from appliance.core.clock import SystemClock
from appliance.demo.camera import CameraOptions, SimulatedCamera
from appliance.demo.clip import Clip, Codec
from appliance.demo.counter import find_stamp
from appliance.demo.forms import SIGNATURE_UUID, Form, encode_form, joined
from appliance.demo.stream import SentFrame, StreamOptions, digest
from appliance.media.nal import stored_units
from appliance.media.parameters import codes_fields
from appliance.media.stream import AccessUnit, ClockState, StreamKey
from tests.peers.sink import KeepingSink

CLOCK = SystemClock()  # reads the boot id from a file: not in the event loop
SECONDS = 4.0
LARGE = (640, 352)
PLAIN = Form()

FORMS: Mapping[str, Form] = {
    "H.264, B pictures": Form(b_pictures=3),
    "H.264, four slices": Form(slices=4),
    "H.264, fields": Form(fields=True),
    "H.264, signed": Form(signed=True),
    "H.264, 60 a second, GOP of half a second": Form(fps=Fraction(60), gop=30, pictures=120),
    "H.264, 3 a second": Form(fps=Fraction(3), gop=3, pictures=12),
    "H.264, 12.5 a second": Form(fps=Fraction(25, 2), gop=25, pictures=50),
    "H.265": Form("h265"),
    "H.265, B pictures": Form("h265", b_pictures=3),
    "H.265, open groups": Form("h265", gop=12, pictures=48, b_pictures=2, open_groups=True),
    "H.265, three slices": Form("h265", slices=3),
    "H.265, fields": Form("h265", fps=Fraction(50), pictures=150, fields=True),
    "H.265, signed": Form("h265", signed=True),
    "H.265, 30 a second, GOP of 1 s": Form("h265", fps=Fraction(30), gop=30, pictures=90),
}

SENDING: Mapping[str, StreamOptions] = {
    "H.265": StreamOptions(aggregate_sets=True),
    "H.265, three slices": StreamOptions(max_payload=300),
    "H.264, four slices": StreamOptions(max_payload=300, aggregate_sets=True),
}


QUICK = ("H.264, B pictures", "H.265, open groups", "H.265, signed")
"""The forms of every day's run; all of them take 12 s."""


def made(names: Sequence[str]) -> dict[str, Clip]:
    return {name: encode_form(name, FORMS[name]) for name in names}


def changing(codec: Codec) -> Clip:
    return joined(
        encode_form("small", Form(codec, pictures=25)),
        encode_form("large", Form(codec, width=LARGE[0], height=LARGE[1], pictures=25)),
    )


@dataclass
class Taken:
    """What one camera sent and what was kept of it."""

    clip: Clip
    sent: list[SentFrame]
    sink: KeepingSink
    fault: str


async def taken(name: str, clip: Clip) -> Taken:
    camera = SimulatedCamera({"main": clip}, options=CameraOptions(stream=SENDING.get(name, StreamOptions())))
    async with camera:
        sink = KeepingSink()
        runner = CameraRunner(
            StreamKey("form", "main"), camera.url("main"), Credentials(camera.user, camera.right_password), sink, CLOCK,
            rng=random.Random(1), clock_state=lambda: ClockState.VERIFIED,
        )  # fmt: skip
        task = asyncio.create_task(runner.run())
        end = asyncio.get_running_loop().time() + SECONDS
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.1)
            runner.drain()
        fault = runner.state().sentence_en
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return Taken(clip, camera.sent("main"), sink, fault)


def counters(units: list[AccessUnit]) -> list[int]:
    return [stamp.counter for unit in units if (stamp := find_stamp(unit.data)) is not None]


def check(name: str, result: Taken) -> None:
    """Assert that all was kept, with `name` in what a failure says."""
    runs, clip = result.sink.runs, result.clip
    assert runs, f"{name}: nothing recorded ({result.fault})"
    changes = "change" in name
    assert changes or len(runs) == 1, f"{name}: {result.sink.causes}"
    units = [unit for run in runs for unit in run.units]
    kept, sent = counters(units), {frame.counter: frame for frame in result.sent}
    assert len(kept) == len(units) > 2 * float(clip.fps), name
    past = {c for c in sent if kept[0] < c < kept[0] + clip.fps and sent[c].utc_us < sent[kept[0]].utc_us}
    assert kept == [c for c in range(kept[0], kept[-1] + 1) if c not in past], f"{name}: not each once"
    assert not past or "open" in name, name
    for unit, counter in zip(units, kept, strict=True):
        nals = [bytes(nal) for nal in stored_units(unit.data)]
        assert [(len(nal), digest(nal)) for nal in nals] == list(sent[counter].nals), f"{name}: picture {counter}"
        assert unit.keyframe == sent[counter].keyframe, name
    shown = sorted(unit.pts_ticks for unit in units)[:-4]  # B pictures of the last ones may not have come
    frame = 90_000 / float(clip.fps)
    slack = frame * 0.01 + 3
    assert all(abs(b - a - frame) <= slack for a, b in pairwise(shown)), (
        f"{name}: {[b - a for a, b in pairwise(shown)]}"
    )
    first, truth = units[0], sent[kept[0]].utc_us
    for unit, counter in zip(units, kept, strict=True):
        apart = (unit.pts_ticks - first.pts_ticks) * 100 // 9 - (sent[counter].utc_us - truth)
        assert abs(apart) < 5_000, f"{name}: picture {counter} stands {apart} us off"
    assert runs[0].start.parameters.codec == clip.codec, name
    assert runs[0].start.parameters.width in {clip.width, LARGE[0]}, name


def pic_struct(unit: AccessUnit) -> int:
    """Of a picture timing SEI that stands first in its NAL unit (ITU-T H.265, D.2.3)."""
    (sei,) = (bytes(nal) for nal in stored_units(unit.data) if bytes(nal[:3]) == b"\x4e\x01\x01")
    return sei[4] >> 4


async def all_kept(wanted: Mapping[str, Clip]) -> dict[str, Taken]:
    results = dict(zip(wanted, await asyncio.gather(*(taken(*item) for item in wanted.items())), strict=True))
    for name, result in results.items():
        check(name, result)
        if FORMS.get(name, PLAIN).signed:
            keys = [unit for run in result.sink.runs for unit in run.units if unit.keyframe]
            assert all(SIGNATURE_UUID in unit.data for unit in keys), name
        if (form := FORMS.get(name, PLAIN)).fields and form.codec == "h265":
            (run,) = result.sink.runs
            assert codes_fields(run.start.parameters), name
            parities = [pic_struct(unit) for unit in run.units]
            assert set(parities) == {1, 2}, name  # top field, bottom field: ITU-T H.265 table D.2
            assert all(a != b for a, b in pairwise(parities)), name
    return results


@pytest.mark.full
async def test_streams_of_three_forms_are_kept_whole_and_in_time() -> None:
    await all_kept(await asyncio.to_thread(made, QUICK))


@pytest.mark.full
async def test_streams_of_every_form_are_kept_whole_and_in_time() -> None:
    await all_kept(await asyncio.to_thread(made, [name for name in FORMS if name not in QUICK]))


@pytest.mark.full
async def test_settings_that_change_open_another_run_and_lose_no_picture() -> None:
    codecs: tuple[Codec, ...] = ("h264", "h265")
    clips = {f"{codec}, settings change": await asyncio.to_thread(changing, codec) for codec in codecs}
    for result in (await all_kept(clips)).values():
        runs = result.sink.runs
        assert {run.start.parameters.width for run in runs} == {320, LARGE[0]}
        assert {run.start.cause for run in runs[1:]} == {GapCause.PARAMETERS}
