"""The recording calendar through the real service, with a real camera at the other end: off means no byte."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from appliance.capture.state import CaptureState
from appliance.capture.url import Credentials
from appliance.core.chain import Line, journal_files, read
from appliance.core.chain_verify import verify
from appliance.core.clock import SystemClock
from appliance.media.stream import StreamKey
from appliance.ring.walk import ChunkState, walk
from appliance.services.journal import RECORDER, journal_folder
from appliance.services.recorder import Recorder
from appliance.services.status import status
from appliance.site.load import load_site
from appliance.site.model import Site
from tests.peers.live import Chain, Service, chain, small_clips
from tests.unit.site.test_calendar import at

OPEN_ALWAYS = """
[calendar]
bank_holidays = "none"
[calendar.hours]
monday = ["00:00-24:00"]
tuesday = ["00:00-24:00"]
wednesday = ["00:00-24:00"]
thursday = ["00:00-24:00"]
friday = ["00:00-24:00"]
saturday = ["00:00-24:00"]
sunday = ["00:00-24:00"]
"""

OPEN_ONE_MINUTE = """
[calendar]
margin_before_minutes = 0
margin_after_minutes = 0
[calendar.hours]
monday = []
tuesday = ["08:00-08:01"]
wednesday = []
thursday = []
friday = []
"""

OPENS, CLOSES = at("2026-11-24T08:00"), at("2026-11-24T08:01")
COUR = (StreamKey("cam0", "main"), StreamKey("cam0", "sub"))
PORTAIL = StreamKey("cam1", "main")


class SetClock:
    """The machine's clock, its UTC set by hand."""

    def __init__(self, utc_us: int) -> None:
        self._system = SystemClock()
        self._offset_us = utc_us - self._system.monotonic_us()

    @property
    def boot_id(self) -> bytes:
        return self._system.boot_id

    def monotonic_us(self) -> int:
        return self._system.monotonic_us()

    def utc_us(self) -> int:
        return self._system.monotonic_us() + self._offset_us

    def step(self, seconds: float) -> None:
        self._offset_us += round(seconds * 1_000_000)


def with_calendar(links: Chain, calendar: str) -> Site:
    """cam0 looks at a school's yard, cam1 at its entrance."""
    text = links.site.read_text(encoding="utf-8").replace('"entrance"', '"yard"', 1) + calendar
    links.site.write_text(text, encoding="utf-8")
    return load_site(links.site)


async def reach(reached: Callable[[], bool]) -> None:
    while not reached():  # noqa: ASYNC110 - no event of ours tells it
        await asyncio.sleep(0.05)


class Watched:
    """A recorder in this process and what its state says."""

    def __init__(self, recorder: Recorder, clock: SetClock) -> None:
        self.recorder = recorder
        self.clock = clock

    def sizes(self) -> dict[StreamKey, int]:
        streams = self.recorder.ring.state()["streams"]
        assert isinstance(streams, dict)
        return {key: int(streams[str(key)]["size"]) for key in (*COUR, PORTAIL)}

    async def until(self, utc_us: int) -> None:
        await reach(lambda: self.clock.utc_us() >= utc_us)

    async def grown(self, *keys: StreamKey) -> None:
        """Wait until more of these streams is on disk."""
        before = self.sizes()
        await reach(lambda: all(self.sizes()[key] > before[key] for key in keys))

    def state(self, camera: int = 0) -> dict[str, Any]:
        cameras = self.recorder.state()["cameras"]
        assert isinstance(cameras, list)
        return dict(cameras[camera])


@asynccontextmanager
async def recording(links: Chain, site: Site, clock: SetClock) -> AsyncIterator[Watched]:
    credentials = {name: Credentials(camera.user, camera.right_password) for name, camera in links.cameras.items()}
    recorder, stop = await asyncio.to_thread(Recorder, site, credentials, clock), asyncio.Event()
    task = asyncio.create_task(recorder.run(stop))
    try:
        yield Watched(recorder, clock)
    finally:
        stop.set()
        await task


def files_of_yard(links: Chain) -> dict[Path, tuple[ChunkState, bytes]]:
    """Every file of the disks that holds pictures of the yard: its state and a digest of all its bytes. Blocks."""
    found = {}
    for file in (file for disk in links.disks for file in disk.glob("[0-9a-f][0-9a-f]/*.mp4")):
        with file.open("rb") as stream:
            result = walk(stream.fileno(), links.geometry)
            if result.header is not None and result.header.key in COUR:
                found[file] = (result.state, sha256(stream.read()).digest())
    return found


def told(site: Site) -> list[Line]:
    files = journal_files(journal_folder(site), RECORDER)
    assert verify(files).ok
    return list(read(files))


def said(lines: list[Line], camera: str) -> list[tuple[str, str]]:
    return [(line.kind, str(line.facts["cause"])) for line in lines if line.facts.get("camera") == camera]


@pytest.mark.full  # a minute of a real recorder; the rule itself is a unit test
@pytest.mark.timeout(120)
async def test_while_a_school_is_open_no_byte_of_its_yard_reaches_a_disk(tmp_path: Path) -> None:
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [clips, clips]) as links:
        site = await asyncio.to_thread(with_calendar, links, OPEN_ONE_MINUTE)
        yard = links.cameras["cam0"]
        clock = await asyncio.to_thread(SetClock, OPENS - 7_000_000)
        async with recording(links, site, clock) as seen:
            await reach(lambda: bool(seen.recorder.runners))
            await seen.grown(*COUR, PORTAIL)
            assert seen.state()["next_pause_us"] == OPENS - 2_000_000
            await seen.until(OPENS)
            at_opening = seen.sizes()
            assert yard.counts.teardowns == 2
            sent = len(yard.sent("main"))
            files = await asyncio.to_thread(files_of_yard, links)
            assert len(files) == 2
            assert {state for state, _ in files.values()} == {ChunkState.CLOSED}
            assert seen.state()["pause"]["fr"] == "pause prévue (site ouvert), reprise à 8 h 01"
            await seen.grown(PORTAIL)
            await seen.grown(PORTAIL)
            clock.step(50)  # under a minute: no clock in doubt
            await seen.grown(PORTAIL)
            await seen.until(CLOSES - 500_000)
            during = seen.sizes()
            assert [during[key] for key in COUR] == [at_opening[key] for key in COUR]
            assert during[PORTAIL] > at_opening[PORTAIL]
            assert await asyncio.to_thread(files_of_yard, links) == files, "not a byte, not even of a table"
            assert len(yard.sent("main")) == sent, "the camera was asked for nothing"
            await seen.grown(*COUR)
            assert clock.utc_us() >= CLOSES
            assert seen.state()["pause"] is None
            async with links.client() as client:
                spans = await client.spans("cam0", "main", OPENS - 60_000_000, clock.utc_us())
        assert [tuple(row) for row in spans["pauses"]] == [(OPENS - 2_000_000, CLOSES, "PLANNED")]
        stored = await asyncio.to_thread(links.stored)
        for key in COUR:
            assert not [part for part in stored[key] if OPENS - 2_000_000 <= part.entry.utc_us < CLOSES]
            assert {part.entry.utc_us < OPENS for part in stored[key]} == {True, False}
        lines = said(await asyncio.to_thread(told, site), "cam0")
        assert [line for line in lines if line[0].startswith("pause")] == [
            ("pause-begun", "PLANNED"), ("pause-ended", "PLANNED")
        ]  # fmt: skip
        assert lines.count(("run-ended", "PLANNED")) == 2
        assert lines.count(("run-begun", "PLANNED")) == 2


async def test_a_recorder_that_starts_while_the_site_is_open_does_not_even_meet_the_camera(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [clips, clips]) as links:
        site = await asyncio.to_thread(with_calendar, links, OPEN_ALWAYS)
        service = await links.recorder()
        async with links.client() as client:
            state = await client.state()
            for _ in range(400):
                if state["cameras"][1]["streams"]["main"]["durable_utc_us"]:
                    break
                await asyncio.sleep(0.05)
                state = await client.state()
        assert links.cameras["cam0"].counts.connections == 0
        assert {state["streams"][str(key)]["size"] for key in COUR} == {0}
        assert state["cameras"][0]["pause"]["cause"] == "PLANNED"
        assert await asyncio.to_thread(status, links.site, "fr") == 0
        said_so = capsys.readouterr().out
        assert "cam0 : pause prévue (site ouvert)" in said_so, said_so
        assert await service.stop() == 0
        stored = await asyncio.to_thread(links.stored)
        assert not any(key in stored for key in COUR)
        assert stored[PORTAIL]
        assert said(await asyncio.to_thread(told, site), "cam0") == [("pause-begun", "PLANNED")]


async def test_a_clock_that_jumps_in_the_night_stops_the_yard_and_no_other_camera(tmp_path: Path) -> None:
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [clips, clips]) as links:
        site = await asyncio.to_thread(with_calendar, links, OPEN_ONE_MINUTE)
        clock = await asyncio.to_thread(SetClock, at("2026-11-24T03:00"))
        async with recording(links, site, clock) as seen:
            await reach(lambda: bool(seen.recorder.runners))
            await seen.grown(*COUR, PORTAIL)
            clock.step(2 * 3600)
            await reach(lambda: seen.state()["pause"] is not None)
            assert seen.state()["pause"]["cause"] == "CLOCK_DOUBTFUL"
            assert "heure" in seen.state()["pause"]["fr"]
            await reach(lambda: seen.recorder.runners[COUR[0]].state().state is CaptureState.PAUSED)
            await seen.grown(PORTAIL)
            stopped = seen.sizes()
            await seen.grown(PORTAIL)
            assert [seen.sizes()[key] for key in COUR] == [stopped[key] for key in COUR]
        lines = said(await asyncio.to_thread(told, site), "cam0")
        assert ("pause-begun", "CLOCK_DOUBTFUL") in lines
        assert lines.count(("run-ended", "CLOCK_DOUBTFUL")) == 2


async def test_a_refused_request_is_in_the_journal(tmp_path: Path) -> None:
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [clips]) as links:
        service: Service = await links.recorder()
        for _ in range(40):
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "recorder.sock"))
            writer.write(b'{"v":1,"id":1,"verb":"format"}\n')
            assert json.loads(await reader.readline())["ok"] is False
            writer.close()
        assert await service.stop() == 0
        site = await asyncio.to_thread(load_site, links.site)
        lines = [line.facts for line in await asyncio.to_thread(told, site) if line.kind == "request-refused"]
        assert sum(int(facts["count"]) for facts in lines) == 40
        assert len(lines) < 15
        assert {facts["code"] for facts in lines} == {"bad-request"}
