"""The whole chain with its real processes: what cameras sent is what the disks hold, whatever is killed on the way."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from appliance.demo.camera import CameraOptions, SimulatedCamera
from appliance.demo.stream import StreamOptions
from appliance.media.stream import StreamKey
from appliance.ring.access.reader import RecorderClient
from appliance.ring.chunk import Geometry
from tests.peers.live import Chain, Service, StoredPart, chain, random_seconds, small_clips, until
from tests.peers.stored import Nals, check_identical, frames_of

SMALL = Geometry(chunk_size=512 << 10, table_reserve=16 << 10)
"""Chunks so small that the ring laps in seconds."""

CHUNKS = 24
"""Chunks a disk: the stock and a few that are kept."""


def check_whole(stored: list[tuple[int, Nals]]) -> None:
    """No picture is missing between the first and the last."""
    counters = [counter for counter, _ in stored]
    assert counters == list(range(counters[0], counters[-1] + 1))


def bytes_of(parts: list[StoredPart]) -> list[bytes]:
    return [part.data for part in parts]


async def follow(client: RecorderClient, key: StreamKey, found: dict[int, bytes]) -> None:
    """Read every durable part not read yet; `found` by sequence."""
    now = (await client.state())["now_utc_us"]
    answer = await client.ranges(key.camera, key.stream, now - 8_000_000, now + 1_000_000)
    for chunk in answer["chunks"]:
        for offset, length, _utc, _tfdt, _duration, _run, sequence, *_ in chunk["parts"]:
            if sequence not in found:
                found[sequence] = await asyncio.to_thread(client.read, chunk, offset, length)


@pytest.mark.full  # every NAL unit of a shorter stretch stands in the quick tier, with each codec
@pytest.mark.timeout(120)
async def test_every_nal_unit_of_several_laps_is_stored_bit_for_bit(tmp_path: Path) -> None:
    """Read behind the recorder while the ring laps more than twice: each picture sent is stored, once, identical."""
    options = CameraOptions(stream=StreamOptions(rate=8))
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [clips, clips], chunks=CHUNKS, geometry=SMALL, options=options) as site:
        recorder = await site.recorder()
        await site.durable()
        keys = [StreamKey(camera, stream) for camera in site.cameras for stream in ("main", "sub")]
        found: dict[StreamKey, dict[int, bytes]] = {key: {} for key in keys}
        async with site.client() as client:
            written = 0
            ring = 2 * CHUNKS * SMALL.chunk_size
            while written < 2.2 * ring:
                for key in keys:
                    await follow(client, key, found[key])
                disks = (await client.state())["disks"]
                written = sum(disk["written"] for disk in disks)
                await asyncio.sleep(0.5)
            for key in keys:
                await follow(client, key, found[key])
            freed = sum(disk["freed_early"] for disk in (await client.state())["disks"])
        assert await recorder.stop() == 0, recorder.errors
        assert freed > 2 * CHUNKS, "the ring did not lap"
        for key in keys:
            stored = frames_of(data for _, data in sorted(found[key].items()))
            check_whole(stored)
            check_identical(stored, site.cameras[key.camera].sent(key.stream))
        left = await asyncio.to_thread(site.stored)
        for key in keys:
            stored = frames_of(bytes_of(left[key]))
            kept = [part for part in left[key] if part.entry.utc_us >= site.whole_from_us]
            check_whole(frames_of(bytes_of(kept)))
            assert left[key][-1].entry.sequence >= max(found[key])
            check_identical(stored, site.cameras[key.camera].sent(key.stream))


async def account(site: Chain, marks: dict[StreamKey, int], kills: int) -> None:
    """What the disks must hold after `kills`: all that was durable, nothing twice, nothing changed."""
    stored = await asyncio.to_thread(site.stored)
    for key, mark in marks.items():
        parts = stored[key]
        assert max(part.entry.utc_us for part in parts) <= mark + 5_000_000
        ends = [part.entry.utc_us + part.entry.duration * 100 // 9 for part in parts]
        assert max(ends) >= mark - 1000, f"{key}: what was said to be durable is not on the disks"
        assert [p.entry.sequence for p in parts] == list(range(parts[0].entry.sequence, parts[-1].entry.sequence + 1))
        frames = frames_of(bytes_of(parts))
        check_identical(frames, site.cameras[key.camera].sent(key.stream))
        runs = {part.entry.run for part in parts}
        assert runs == set(range(1, kills + 1))
        for run in runs:
            check_whole(frames_of(part.data for part in parts if part.entry.run == run))


@pytest.mark.timeout(120)
async def test_sigkill_leaves_exactly_what_was_durable_and_recording_goes_on_in_the_same_chunk(tmp_path: Path) -> None:
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [clips, clips]) as site:
        for kill, seconds in enumerate(random_seconds(7, 0.2, 1.2, 3), 1):
            recorder = await site.recorder()
            await site.durable(1.0)
            await asyncio.sleep(seconds)  # the instant of the kill, at random: no clock to inject in a child
            async with site.client() as client:
                state = await client.state()
            await recorder.stop(signal.SIGKILL)
            marks = {
                StreamKey(camera["id"], name): stream["durable_utc_us"]
                for camera in state["cameras"]
                for name, stream in camera["streams"].items()
            }
            await account(site, marks, kill)
        used = [chunk for disk in site.disks for chunk in disk.glob("0*/*.mp4") if any(chunk.read_bytes()[:4096])]
        assert len(used) == 4, "each stream went on in its chunk"
        recorder = await site.recorder()
        await site.durable(1.0)
        async with site.client() as client:
            now = (await client.state())["now_utc_us"]
            answer = await client.spans("cam0", "main", now - 60_000_000, now)
        assert [span["cause"] for span in answer["spans"]] == ["NONE", *["APPLIANCE_OFF"] * 3]
        assert await recorder.stop() == 0, recorder.errors


@pytest.mark.full
async def test_a_camera_that_fails_never_touches_the_others(tmp_path: Path) -> None:
    """One refuses the password, one refuses connections; the third misses nothing, and each failure is named."""
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [clips, clips, clips]) as site:
        wrong, closed, good = site.cameras.values()
        wrong.password = "changed"
        recorder = await site.recorder()
        async with site.client() as client:
            await until(lambda: good.streams["main"].counter >= 60)
            closed.faults.refuse(60)
            await until(lambda: good.streams["main"].counter >= 160)
            state = {camera["id"]: camera["streams"]["main"] for camera in (await client.state())["cameras"]}
        assert await recorder.stop() == 0, recorder.errors
        assert state["cam0"]["cause"] == "CAMERA_AUTH"
        assert "mot de passe" in state["cam0"]["sentence_fr"]
        assert state["cam1"]["cause"] in {"CAMERA_REFUSED", "CAMERA_CLOSED"}
        assert state["cam2"]["cause"] == "NONE"
        stored = (await asyncio.to_thread(site.stored))[StreamKey("cam2", "main")]
        frames = frames_of(bytes_of(stored))
        check_whole(frames)
        check_identical(frames, good.sent("main"))
        assert len(frames) >= 50, "it went on while the others failed, however late a busy machine began"


async def children_of(parent: int) -> list[int]:
    """Processes whose parent this is."""
    text = await asyncio.to_thread(Path(f"/proc/{parent}/task/{parent}/children").read_text)
    return [int(word) for word in text.split()]


async def gone(processes: list[int]) -> None:
    """Wait until none of them runs."""
    await until(lambda: not any(Path(f"/proc/{number}").exists() for number in processes))


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGTERM, marks=pytest.mark.full),
        pytest.param(signal.SIGINT, marks=pytest.mark.full),
        signal.SIGKILL,
    ],
)
async def test_run_leaves_no_child_however_it_ends(
    tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page"
    await asyncio.to_thread(page.mkdir)
    await asyncio.to_thread((page / "index.html").write_text, "<!doctype html><title>essai</title>")
    monkeypatch.setenv("APPLIANCE_STATIC", str(page))
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [clips]) as site:
        run = await Service.start("run", "--site", str(site.site), "--port", "0")
        assert run.ready.startswith("http://127.0.0.1:")
        children = await children_of(run.process.pid)
        assert len(children) == 4, "recorder, detector, web, inputs"
        await run.stop(number)
        await gone(children)


@pytest.mark.full  # other kills stand in the quick tier
async def test_run_starts_a_killed_recorder_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page"
    await asyncio.to_thread(page.mkdir)
    await asyncio.to_thread((page / "index.html").write_text, "<!doctype html><title>essai</title>")
    monkeypatch.setenv("APPLIANCE_STATIC", str(page))
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [clips]) as site:
        run = await Service.start("run", "--site", str(site.site), "--port", "0")
        await site.durable(1.0)
        before = await children_of(run.process.pid)
        names = {n: await asyncio.to_thread(Path(f"/proc/{n}/cmdline").read_bytes) for n in before}
        (recorder,) = [n for n, command in names.items() if b"recorder" in command]
        os.kill(recorder, signal.SIGKILL)
        await gone([recorder])
        await site.durable(1.0)
        assert recorder not in await children_of(run.process.pid)
        assert await run.stop() == 0


def test_cameras_of_the_rig_are_told_apart() -> None:
    """The rig's own check: two streams never carry the same stamp tag."""
    clips = small_clips()
    tags = [camera.streams[s].tag for camera in (SimulatedCamera(clips, number=n) for n in (0, 1)) for s in clips]
    assert len(set(tags)) == 4
