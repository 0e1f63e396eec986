"""The demonstration itself: cameras, recorder, faults, check, summary."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance.core.cause import GapCause
from appliance.core.clock import Clock, SystemClock
from appliance.demo.clips import assets_folder, make_all, orders
from appliance.demo.errors import PortTaken
from appliance.demo.plan import CYCLE_S, PlannedFault, plan
from appliance.demo.recorder import Recorder
from appliance.demo.rig import CameraRig
from appliance.demo.site import CAMERAS, PASSWORD, USER, format_disks, fresh_folder, write_site
from appliance.demo.staff import PEOPLE, PHRASE, SHOW, STRIKE, make_staff
from appliance.demo.strike import Strike, announce, expected_of, striking, struck
from appliance.demo.verify import TOLERANCE_US, Evidence, Expected, Gap, Sent, Verdict, judge
from appliance.demo.words import Voice

ALL_RECORD_S = 30.0
"""Seconds within which every stream must record after the start."""

PORTS_TRIED = 20

CHECK_SPAN_US = 600_000_000
"""The check looks at the last ten minutes: a longer run has lapped the ring by then."""

DURABLE_S = 1.5
"""Seconds after which a picture must be safe on disk and shown: a tick, a flush and the network, with room."""

FIRST_ALERT_US = 50_000_000
"""us within which somebody has walked through a watched picture: every clip is shorter."""

ALERTS_SHOWN = 8
"""Alerts that the summary tells, the first ones."""

LAST_FAULT_US = 3_000_000
"""us before the end within which a fault need not show: it may not have been noticed."""


@dataclass(frozen=True, slots=True)
class ShowOptions:
    """`duration_s` None: until Ctrl-C."""

    duration_s: float | None
    port: int
    work: Path
    cache: Path
    use_assets: bool


@dataclass(frozen=True, slots=True)
class DoneFault:
    """A fault of the plan and when it was done."""

    planned: PlannedFault
    utc_us: int


def free_port(first: int) -> int:
    """The first free TCP port on loopback from `first` on. Raises PortTaken."""
    for port in range(first, first + PORTS_TRIED):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise PortTaken(first=first, last=first + PORTS_TRIED - 1)


class Show:
    """One demonstration. `run` returns the exit code."""

    def __init__(self, options: ShowOptions, voice: Voice, clock: Clock | None = None) -> None:
        self._options = options
        self._voice = voice
        self._clock = clock or SystemClock()
        self._stop = asyncio.Event()
        self._done: list[DoneFault] = []
        self._drawn = True
        self._strikes: list[Strike] = []

    async def run(self) -> int:
        """Everything, from the clips to the summary; no child is left behind."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        options = self._options
        try:
            ours = await asyncio.to_thread(fresh_folder, options.work)
        except FileExistsError:
            self._voice.say("foreign_folder", folder=options.work)
            return 2
        try:
            return await self._run()
        finally:
            os.close(ours)

    async def _run(self) -> int:
        options = self._options
        wanted = await self._clips()
        if self._stop.is_set():
            return 0
        self._voice.say("disks", folder=options.work)
        try:
            await asyncio.to_thread(format_disks, options.work)
        except subprocess.CalledProcessError as error:
            self._voice.say("format_failed", why=(error.stderr or "").strip()[-400:])
            return 1
        async with self._cameras(wanted) as rig:
            return await self._record(rig)

    async def _clips(self) -> dict[str, dict[str, str]]:
        folder = assets_folder() if self._options.use_assets else None
        self._drawn = folder is None
        wanted = orders(folder)
        key = "clips_footage" if folder else "clips_drawn"

        def progress(done: int, total: int) -> None:
            if done < total:
                self._voice.say(key, done=done, total=total)

        await asyncio.to_thread(make_all, wanted, self._options.cache, progress)
        names: dict[str, dict[str, str]] = {}
        for order in wanted:
            names.setdefault(order.scene, {})[order.stream] = await asyncio.to_thread(order.key)
        return names

    @contextlib.asynccontextmanager
    async def _cameras(self, wanted: dict[str, dict[str, str]]) -> AsyncIterator[CameraRig]:
        rig = CameraRig(self._options.cache, wanted, USER, PASSWORD)
        try:
            await rig.start()
            self._voice.say("cameras")
            yield rig
        finally:
            await rig.stop()

    async def _record(self, rig: CameraRig) -> int:
        options = self._options
        port = await asyncio.to_thread(free_port, options.port)
        site = await asyncio.to_thread(self._site, rig, port)
        await make_staff(options.work, [camera.scene for camera in CAMERAS], self._clock)
        log = options.work / "recorder.log"
        recorder = Recorder(site, log, port, self._clock, assets=not self._drawn)
        problems: list[str] = []
        try:
            await recorder.start()
            await asyncio.to_thread(announce, options.work, os.getpid(), recorder.url)
            self._voice.say("ready", url=recorder.url)
            self._voice.say("staff", password=PHRASE)
            for name, person, function, _ in PEOPLE:
                if name not in {SHOW, STRIKE}:
                    self._voice.line(f"    {name:<8} {person}, {function}")
            self._voice.say("staff_code")
            problems += await self._watch(rig, recorder)
            problems += await self._check(rig, recorder)
        finally:
            code = await recorder.stop()
        if code not in {0, None}:
            problems.append(self._voice.text("stop_code", code=code, log=log))
        if problems:
            self._voice.say("unsound")
            for problem in problems:
                self._voice.line(f"  - {problem}")
            return 0 if self._stop.is_set() else 1  # stopped in the middle of a fault nothing is proven
        self._voice.say("sound")
        return 0

    def _site(self, rig: CameraRig, port: int) -> Path:
        today = datetime.fromtimestamp(self._clock.utc_us() / 1e6, UTC).date()
        return write_site(self._options.work, rig.ports, port, today, drawn=self._drawn)

    async def _watch(self, rig: CameraRig, recorder: Recorder) -> list[str]:
        """Wait until all streams record, then run the plan until the end. What went wrong, in words."""
        waited = 0.0
        while not self._stop.is_set():
            good, bad = await recorder.recording()
            if good and not bad:
                break
            if waited >= ALL_RECORD_S:
                return [self._voice.text("not_recording", seconds=waited, streams=", ".join(bad) or "-")]
            waited += 0.5
            await self._pause(0.5)
        self._voice.say("recording")
        loop = asyncio.get_running_loop()
        start = loop.time()
        duration = self._options.duration_s
        end = None if duration is None else start + duration
        if end is None:
            self._voice.say("endless", seconds=CYCLE_S)
        cycle = start
        while not self._stop.is_set():
            for fault in plan(duration):
                if await self._until(cycle + fault.at_s, recorder) or await self._struck_meanwhile(recorder):
                    break
                await self._do(rig, fault)
            cycle += CYCLE_S
            if await self._until(end or cycle, recorder) or end is not None:
                break
        return [] if recorder.alive else [self._voice.text("died", log=self._options.work / "recorder.log")]

    async def _do(self, rig: CameraRig, fault: PlannedFault) -> None:
        name = next(camera.name for camera in CAMERAS if camera.scene == fault.camera)
        at = datetime.fromtimestamp(self._clock.utc_us() / 1e6, UTC).astimezone().strftime("%H:%M:%S")
        self._voice.line(f"{at}  {self._voice.pick(fault.sentence).format(name=name)}")
        self._done.append(DoneFault(fault, self._clock.utc_us()))
        await rig.fault(fault.camera, fault.step)

    async def _until(self, when: float, recorder: Recorder) -> bool:
        """Wait until the loop's time `when`; True when it is all over before."""
        loop = asyncio.get_running_loop()
        while loop.time() < when and not self._stop.is_set() and recorder.alive:
            await self._pause(min(1.0, max(0.0, when - loop.time())))
        return self._stop.is_set() or not recorder.alive

    async def _struck_meanwhile(self, recorder: Recorder) -> bool:
        """Wait while somebody strikes: one fault at a time can be accounted for. True when it is all over before."""
        while await asyncio.to_thread(striking, self._options.work, self._clock.utc_us()):
            if await self._until(asyncio.get_running_loop().time() + 0.5, recorder):
                return True
        return False

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _check(self, rig: CameraRig, recorder: Recorder) -> list[str]:
        if not recorder.alive:
            return []
        cpu_s = recorder.cpu_s()
        self._strikes = await asyncio.to_thread(struck, self._options.work)
        self._voice.say("check")
        end_us = self._clock.utc_us()
        await asyncio.sleep(DURABLE_S)
        sent, cameras_cpu_s, audio = await rig.truth()
        started = min((rows[0].utc_us for rows in sent.values() if rows), default=end_us)
        problems = []
        self._voice.say("table")
        for camera in CAMERAS:
            for stream in ("main", "sub"):
                rows = sent[f"{camera.scene}/{stream}"]
                verdict = judge(await self._evidence(recorder, camera.scene, stream, rows, end_us))
                self._show(camera.name, verdict)
                problems += [f"{camera.name} ({stream}) : {self._voice.pick(p)}" for p in verdict.problems]
        wall = (end_us - started) / 1e6
        percent = 100 * cpu_s / max(wall, 1.0)
        self._voice.say("cpu", recorder=cpu_s, wall=wall, percent=percent, cameras=cameras_cpu_s)
        problems += await self._alerts(recorder, started, end_us)
        if audio:
            problems.append(self._voice.text("audio", count=audio))
        return problems

    async def _alerts(self, recorder: Recorder, started_us: int, end_us: int) -> list[str]:
        """What the detector told by itself; none within a minute is a problem."""
        found = (await recorder.get("alerts", **{"from": str(started_us), "to": str(end_us + 1)}))["alerts"]
        names = {camera.scene: camera.name for camera in CAMERAS}
        self._voice.say("alerts", count=len(found))
        for alert in reversed(found[-ALERTS_SHOWN:]):
            after = (alert["opened_us"] - started_us) / 1e6
            what = self._voice.text(f"alert_{alert['label'] or 'something'}")
            self._voice.say("alert", camera=names[alert["camera"]], after=after, what=what, score=alert["score"])
        unlawful = {camera.scene for camera in CAMERAS if camera.legal_zone != "non_public"}
        unseen = [names[alert["camera"]] for alert in found if alert["camera"] in unlawful]
        problems = [self._voice.text("alert_unlawful", camera=name) for name in unseen]
        if not found and end_us - started_us > FIRST_ALERT_US:
            problems.append(self._voice.text("alert_none"))
        return problems

    async def _evidence(
        self, recorder: Recorder, camera: str, stream: str, sent: Sequence[Sent], end_us: int
    ) -> Evidence:
        oldest = sent[0].utc_us - 2_000_000 if sent else end_us - CHECK_SPAN_US
        from_us = max(end_us - CHECK_SPAN_US, oldest)
        query = {"from": str(from_us), "to": str(end_us), "stream": stream}
        timeline = await recorder.get(f"cameras/{camera}/timeline", **query)
        first = timeline["first_us"] or end_us
        judged_us = min(
            (done.utc_us - TOLERANCE_US for done in self._under_way(camera, stream, end_us)), default=end_us
        )
        spans = [(span["from_us"], span["to_us"]) for span in timeline["spans"]]
        gaps = [
            Gap(gap["from_us"], gap["to_us"], gap["cause"])
            for gap in timeline["gaps"]
            if gap["to_us"] > first and gap["cause"] != "NOT_YET" and first <= gap["from_us"] < judged_us
        ]
        start = max(first, from_us)
        expected = [e for e in self._expected(camera, stream, end_us) if e.from_us > start + 1_000_000]
        if spans:
            found = await recorder.read_back(camera, stream, spans[0][0], spans[-1][1])
            counters, burnt, errors = found.found, found.burnt, found.decode_errors
        else:
            counters, burnt, errors = [], [], 0
        evidence = Evidence(
            *(camera, stream, start, end_us, sent, spans, gaps, expected, counters, burnt, errors),
            asked_us=timeline["now_us"],
        )
        # kept beside the log: whoever doubts a verdict finds here what it was made of
        text = json.dumps({"timeline": timeline, "evidence": asdict(evidence)})
        await asyncio.to_thread((self._options.work / f"{camera}-{stream}.json").write_text, text, "utf-8")
        return evidence

    def _expected(self, camera: str, stream: str, end_us: int) -> list[Expected]:
        found = []
        under_way = self._under_way(camera, stream, end_us)
        for done in self._done:
            fault = done.planned
            if fault.camera != camera or stream not in fault.streams or done in under_way:
                continue
            back = None if fault.back_s is None else done.utc_us + int((fault.lasts_s + fault.back_s) * 1e6)
            found.append(Expected(done.utc_us, back, fault.cause.name))
        return found + expected_of(self._strikes)

    def _under_way(self, camera: str, stream: str, end_us: int) -> list[DoneFault]:
        """Faults that were not over when somebody stopped the show: nothing is asked of what follows them."""
        return [
            done
            for done in self._done
            if done.planned.camera == camera and stream in done.planned.streams and done.utc_us > end_us - LAST_FAULT_US
        ]

    def _show(self, name: str, verdict: Verdict) -> None:
        gaps = f"{len(verdict.gaps)} ({verdict.matched}/{verdict.expected})"
        self._voice.line(
            f"{name:<10} {verdict.stream:<6} {verdict.seconds:8.1f} s {verdict.pictures:9d}   {gaps}"
            + ("" if not verdict.problems else "  !")
        )
        for gap, known in verdict.gaps:
            cause = gap.cause
            if cause in GapCause.__members__:
                cause = GapCause[cause].label(self._voice.language)
            mark = self._voice.text("gap_expected") if known else ""
            self._voice.say("gap", seconds=(gap.to_us - gap.from_us) / 1e6, cause=cause, mark=mark)
