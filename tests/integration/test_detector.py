"""The detector's process beside a recorder that records: alerts come by themselves, the law is kept, and nothing that
befalls the detector is felt by the recording.
"""

import asyncio
import base64
import os
import signal
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from appliance.alerts.client import DetectorClient
from appliance.alerts.errors import DetectorUnreachable
from appliance.core.clock import SystemClock
from appliance.demo.clip import Clip, load
from appliance.demo.clips import ClipOrder, make
from tests.peers.live import CACHE, Chain, Service, chain
from tests.peers.need import EVIDENCE, assets_folder
from tests.peers.watched import may_be_watched

HOUR = 3_600_000_000
CLOCK = SystemClock()


def visited() -> dict[str, Clip]:
    """Somebody walks through the picture: real footage where it is, else the drawn yard. Blocking."""
    folder = assets_folder()
    source = None if folder is None else folder / "videos" / "hall_a_sub.mp4"
    if source is not None:
        EVIDENCE.used["assets"] += 1
    clips: dict[str, Clip] = {}
    for stream, fps, rate in (("main", 25, 700_000), ("sub", 10, 220_000)):
        text = None if source is None else str(source)
        CACHE.mkdir(parents=True, exist_ok=True)
        name = make(ClipOrder("cour", stream, text, 640, 360, (fps, 2 if stream == "main" else 1), rate), CACHE)
        found = load(CACHE, name)
        assert found is not None
        clips[stream] = found
    return clips


@dataclass
class Watched:
    chain: Chain
    recorder: Service
    client: DetectorClient

    def start(self, module: str = "appliance") -> "asyncio.Future[Service]":
        return asyncio.ensure_future(Service.start("detector", "--site", str(self.chain.site), module=module))

    async def ask(self, verb: str, **fields: object) -> dict[str, Any]:
        while True:
            try:
                return await self.client.ask(verb, **fields)
            except DetectorUnreachable:
                await asyncio.sleep(0.05)

    async def armed(self) -> None:
        """Whatever the hour at which this test runs."""
        until = CLOCK.utc_us() + HOUR
        for camera in ("cam0", "cam1"):
            await self.ask("arm", cameras=[camera], armed=True, by="Essai", why="essai de la chaîne", until_us=until)

    async def alert(self, camera: str = "cam0") -> dict[str, Any]:
        """The first alert of a camera, once it is there and its footage is safe."""
        while True:
            now = CLOCK.utc_us()
            for each in (await self.ask("alerts", from_us=0, to_us=now))["alerts"]:
                if each["camera"] == camera and each["protected"] and each["has_picture"]:
                    found: dict[str, Any] = each
                    return found
            await asyncio.sleep(0.1)

    async def pictures(self) -> dict[str, int]:
        async with self.chain.client() as recorder:
            state = await recorder.state()
        for stream in state["streams"].values():
            assert (stream["dropped"], stream["lost"], stream["refused"]) == (0, 0, 0)
        return {camera["id"]: camera["streams"]["sub"]["pictures"] for camera in state["cameras"]}


@asynccontextmanager
async def all_services(folder: Path) -> AsyncIterator[tuple[Watched, psutil.Process]]:
    """Everything under `appliance run`, and its process."""
    clips = await asyncio.to_thread(visited)
    async with chain(folder, [clips, clips], chunks=48) as running:
        await asyncio.to_thread(may_be_watched, running.site, ())
        whole = await Service.start("run", "--site", str(running.site), "--port", "0")
        await running.durable()
        async with DetectorClient(folder / "detector.sock") as client:
            yield Watched(running, whole, client), psutil.Process(whole.process.pid)
        assert await whole.stop() == 0


def child(parent: psutil.Process, name: str) -> psutil.Process | None:
    """The service of that name, if it runs. Blocking."""
    for process in parent.children():
        try:
            if name in process.cmdline()[:4]:
                return process
        except psutil.NoSuchProcess:
            continue
    return None


@asynccontextmanager
async def watched(folder: Path, road: Collection[str] = ("cam1",)) -> AsyncIterator[Watched]:
    clips = await asyncio.to_thread(visited)
    async with chain(folder, [clips, clips], chunks=48) as running:
        await asyncio.to_thread(may_be_watched, running.site, road)
        recorder = await running.recorder()
        await running.durable()
        async with DetectorClient(folder / "detector.sock") as client:
            yield Watched(running, recorder, client)
        await recorder.stop()


@pytest.mark.timeout(120)
async def test_an_alert_comes_by_itself_its_footage_is_safe_and_the_road_is_not_looked_at(tmp_path: Path) -> None:
    async with watched(tmp_path) as rig:
        detector = await rig.start()
        await rig.armed()
        alert = await rig.alert()
        assert (alert["source"], alert["kind"], alert["rules"][0]) == ("rule", "passive", "intrusion")
        assert alert["label"] == "person"
        whole = await rig.ask("alert", number=alert["number"])
        boxes = [seen["box"] for seen in whole["sightings"] if seen["box"]]
        assert boxes
        assert all(0 <= side <= 1 for box in boxes for side in box)
        jpeg = base64.b64decode((await rig.ask("picture", number=alert["number"]))["jpeg"])
        assert jpeg.startswith(b"\xff\xd8")
        async with rig.chain.client() as recorder:
            held = (await recorder.holds())["holds"]
        assert {name.rpartition("/")[0] for name in held[0]["streams"]} == {"cam0"}
        state = await rig.ask("state")
        assert state["cameras"]["cam0"]["bytes_read"] > 10_000
        assert state["cameras"]["cam1"]["bytes_read"] == 0, "not one byte of the public road"
        assert state["cameras"]["cam1"]["watch"] == "statistics"
        statistics = state["cameras"]["cam1"]["statistics"]
        assert statistics["bitrate"] > 10_000
        assert 0.8 < statistics["picture_bytes"] * 8 * statistics["fps"] / statistics["bitrate"] < 1.2
        assert not [each for each in state["jobs"] if each["error"]]
        process = psutil.Process(detector.process.pid)
        assert not await asyncio.to_thread(process.net_connections, "inet"), "no network"
        assert await detector.stop() == 0


@pytest.mark.full  # a socket whose reader stops stands in the quick tier
@pytest.mark.timeout(120)
async def test_stopped_or_killed_the_detector_costs_the_recording_nothing_and_is_back_soon(tmp_path: Path) -> None:
    async with watched(tmp_path) as rig:
        detector = await rig.start()
        await rig.armed()
        detector.process.send_signal(signal.SIGSTOP)
        before = await rig.pictures()
        await asyncio.sleep(6)  # the kernel's and the recorder's buffers are full by then
        during = await rig.pictures()
        assert all(during[camera] - before[camera] >= 6 * 10 - 8 for camera in before)
        detector.process.send_signal(signal.SIGCONT)
        number = (await rig.alert())["number"]
        os.kill(detector.process.pid, signal.SIGKILL)
        await detector.stop(signal.SIGKILL)
        killed = CLOCK.monotonic_us()
        again = await rig.start()
        assert (await rig.ask("alert", number=number))["alert"]["number"] == number
        assert CLOCK.monotonic_us() - killed < 20_000_000  # 2 s on a quiet machine; a busy one must not fail this
        await rig.pictures()
        assert await again.stop() == 0


@pytest.mark.full  # all services
@pytest.mark.timeout(120)
async def test_a_crash_kills_the_detector_alone_and_it_is_started_again(tmp_path: Path) -> None:
    """How soon is `detector-back` in the bench."""
    async with all_services(tmp_path) as (rig, run):
        await rig.armed()
        recorder, first = [await asyncio.to_thread(child, run, name) for name in ("recorder", "detector")]
        assert recorder is not None
        assert first is not None
        await rig.alert()
        before = await rig.pictures()
        first.send_signal(signal.SIGSEGV)
        second = None
        while second is None or second.pid == first.pid:
            await asyncio.sleep(0.05)
            second = await asyncio.to_thread(child, run, "detector")
        state = await rig.ask("state")
        while state["cameras"]["cam0"]["watch"] != "persons":  # as before, once the recorder has told of its clock
            await asyncio.sleep(0.05)
            state = await rig.ask("state")
        assert state["cameras"]["cam0"]["set_aside_until_us"] is None, "once is no pattern"
        during = await rig.pictures()  # and that nothing was lost
        assert all(during[camera] > before[camera] for camera in before)
        still = await asyncio.to_thread(child, run, "recorder")
        assert still is not None
        assert still.pid == recorder.pid


@pytest.mark.full  # four starts of a process with libav and a model
@pytest.mark.timeout(120)
async def test_a_camera_whose_video_kills_the_detector_is_set_aside_and_the_others_are_watched(tmp_path: Path) -> None:
    async with watched(tmp_path, road=()) as rig:
        before = await rig.pictures()
        arming = asyncio.create_task(rig.armed())  # a process that dies may owe an answer: ask the next
        for _ in range(3):
            detector = await rig.start("tests.peers.dying_detector")
            assert await detector.process.wait() == -signal.SIGSEGV
            await detector.stop()
        detector = await rig.start("tests.peers.dying_detector")
        await arming
        state = await rig.ask("state")
        while state["cameras"]["cam1"]["pictures"] < 10:  # another process's state
            await asyncio.sleep(0.1)
            state = await rig.ask("state")
        assert state["cameras"]["cam0"]["bytes_read"] == 0
        assert state["cameras"]["cam0"]["set_aside_until_us"] > CLOCK.utc_us()
        assert state["cameras"]["cam1"]["set_aside_until_us"] is None
        assert any("broke the analysis" in line for line in detector.errors)
        found: list[dict[str, Any]] = []
        while not found:
            await asyncio.sleep(0.1)
            told = (await rig.ask("alerts", from_us=0, to_us=CLOCK.utc_us()))["alerts"]
            found = [each for each in told if each["camera"] == "cam0" and "harmful" in each["rules"]]
        assert found[0]["kind"] == "technical"
        during = await rig.pictures()
        assert during["cam0"] > before["cam0"], "recorded all the while"
        assert await detector.stop() == 0
