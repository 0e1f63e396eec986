"""The detector's process: sub-streams where the law lets it, to alerts. No network, and nothing depends on it.

One task feeds parts to the eyes, one thread decodes, one thread per model looks (cores less one), the camera whose
zones are armed and that waits longest first. A slow model drops work, never memory, never recordings; hostile video
can kill this process alone, and it is back in a second.
"""

import asyncio
import logging
import os
import resource
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from appliance.alerts.desk import AlertDesk
from appliance.alerts.life import Book
from appliance.alerts.model import PRESENCE, Signal, Source
from appliance.alerts.model import Box as AlertBox
from appliance.alerts.model import Kind as AlertKind
from appliance.alerts.server import AlertServer
from appliance.alerts.store import AlertStore
from appliance.core.clock import Clock, SystemClock
from appliance.core.errors import ApplianceError
from appliance.core.supervise import Supervisor
from appliance.detection.errors import CameraSetAside
from appliance.detection.eye import Eye, Offered, Seen
from appliance.detection.gate import Watch
from appliance.detection.in_hand import InHand, after_crash, aside, load_record, save_record
from appliance.detection.install import folders, known_models, load_best
from appliance.detection.jpeg import encode
from appliance.detection.model import Model
from appliance.detection.pipeline import Pipeline
from appliance.detection.rules import Event
from appliance.detection.shapes import Box, Kind
from appliance.media.stream import StreamKey
from appliance.ring.access.reader import RecorderClient
from appliance.services.access import OF_DETECTOR, allowed
from appliance.services.arming import WatchKeeper
from appliance.services.database_copies import COPY_S, WITHOUT_PICTURES, DatabaseCopies
from appliance.services.hold import RecorderProtector
from appliance.services.journal import DETECTOR, begin, end, make_journal, telling
from appliance.services.process import die_with_parent, say_ready, say_stopping, start_logs, stop_event
from appliance.services.records import EVENTS
from appliance.services.watchdog import ThreadPulse, keep_watchdog
from appliance.site.load import load_site
from appliance.site.model import CameraSettings, Site

log = logging.getLogger(__name__)

ASK_RECORDER_S: Final = 2.0
"""Seconds between two looks at the recorder's state: its clock and what gated cameras send."""

GATE_S: Final = 1.0
"""Seconds between two looks at the gate: hours end on the minute, a person who disarms waits for it."""

SAFEGUARD_S: Final = 0.5
"""Seconds between two looks at what is to be protected: the ring has minutes, the operator's page has not."""

RETRY_S: Final = 1.0
"""Seconds before the recorder is asked again after it did not answer."""

TRUTH_S: Final = 5.0
"""Seconds between two signals of a camera truth that lasts (covered for an hour is one alert, not many)."""

NEAR_US: Final = 3_000_000
"""A picture shows an alert when it is within three seconds of its first sight."""

DELAYS_KEPT: Final = 2000
"""Delays between a part's arrival and what was concluded from it, for the state's p95."""

MEMORY_LIMIT: Final = 1 << 30
"""Bytes of data this process may have: three models and 64 decoders take 300 MB; hostile video meets a wall."""


HARMFUL: Final = "harmful"
"""The camera truth of one whose pictures made this process die again and again."""

STATISTICS: Final = ("state", "bitrate", "fps", "lost_packets", "reconnects")
"""What is known of a stream that may not be looked at: the recorder's own figures."""


class Detector:
    """All of one detector. `run` returns when `stop` is set."""

    def __init__(self, site: Site, clock: Clock, models: Sequence[Model]) -> None:
        """`models`: one for each thread that may look; none: motion and size rules only, and said so."""
        self.site = site
        self.clock = clock
        self.supervisor = Supervisor(clock)
        self.journal = make_journal(site, DETECTOR, clock)
        self.tell = telling(self.journal)
        self._models = list(models)
        self._recorder = RecorderClient(site.recorder.socket)
        store = AlertStore(site.detector.events)
        self._copies = DatabaseCopies(store.database, EVENTS, site.recorder.socket, self.tell, without=WITHOUT_PICTURES)
        self.watch = WatchKeeper(site, store, clock, self.tell)
        linked = {camera.id: camera.linked for camera in site.camera}
        self._protector = RecorderProtector(site.recorder.socket, site)
        self.desk = AlertDesk(store, Book(linked), clock, self._protector, self._snapshot, self.tell)
        self.eyes = {camera.id: self._eye(camera) for camera in site.camera}
        self._in_hand, self._aside = self._crashed()
        self._truths: dict[str, set[str]] = {name: set() for name in self.eyes}
        self._decoding = ThreadPoolExecutor(1, "decode")
        self._looking = [ThreadPoolExecutor(1, f"model-{i}") for i in range(max(1, len(self._models)))]
        self._delays: deque[int] = deque(maxlen=DELAYS_KEPT)
        self._parts_here = asyncio.Event()
        self._work_here = asyncio.Event()
        self._busy: set[str] = set()
        self._keys: frozenset[StreamKey] = frozenset()
        self._feed: asyncio.Task[None] | None = None
        self._streams: dict[str, Any] = {}
        self._fault = ""

    def _crashed(self) -> tuple[InHand, dict[str, int]]:
        """The note of what is in hand, and cameras that are set aside because of what the processes before died of."""
        folder, now = self.site.detector.events.parent, self.clock.utc_us()
        note = InHand(folder / "in-hand", self.clock.boot_id, 1 + max(1, len(self._models)))
        file = folder / "crashes.json"
        record = load_record(file)
        if left := note.left & self.eyes.keys():
            log.error("the process before died while it had pictures of %s in hand", ", ".join(sorted(left)))
            record = after_crash(record, left, now)
            save_record(file, record)
        found = aside(record, now)
        return note, {camera: until for camera, until in found.items() if camera in self.eyes}

    def _eye(self, camera: CameraSettings) -> Eye:
        pipeline = Pipeline.of(self.site, camera, self._models[0] if self._models else None)
        return Eye(camera.id, pipeline, armed_zones=bool(camera.detection.zone or camera.detection.line))

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop`. Raises DatabaseUnusable, SocketUnusable."""
        await self.desk.open()
        await self.watch.load()
        await begin(self.journal)
        may = await asyncio.to_thread(allowed, OF_DETECTOR)
        server = AlertServer(self.desk, self.watch, frozenset(self.eyes), self.clock, self.state, may)
        await server.start(self.site.detector.socket)
        jobs = self.supervisor
        _ = jobs.supervise("recorder's state", ASK_RECORDER_S, self._ask_recorder)
        _ = jobs.supervise("gate", GATE_S, self._judge_gate)
        _ = jobs.supervise("alerts", 1.0, self.desk.tick)
        _ = jobs.supervise("copies of alerts", SAFEGUARD_S, self.desk.safeguard)
        _ = jobs.supervise("camera truths", TRUTH_S, self._truths_last)
        _ = jobs.supervise("copy of events", COPY_S, self._copies.once)
        _ = jobs.supervise("expiry of alerts", 3600.0, self._expire)
        _ = jobs.keep("decoding", self._decode)
        for number in range(len(self._looking)):
            _ = jobs.keep(f"model {number}", partial(self._look, number))
        self.tell("service-started", self._described())
        for camera, until_us in sorted(self._aside.items()):
            log.error("%s", CameraSetAside(camera=camera))
            self.tell("camera-set-aside", {"camera": camera, "until_utc_us": until_us})
            self._truths[camera].add(HARMFUL)
        pulses = {"decoding": ThreadPulse(self._decoding)}
        pulses |= {f"model {number}": ThreadPulse(pool) for number, pool in enumerate(self._looking)}
        keep_watchdog(jobs, lambda: {name: pulse.turn() for name, pulse in pulses.items()})
        say_ready("detector")
        await stop.wait()
        say_stopping()
        if self._feed is not None:
            self._feed.cancel()
        await jobs.close()
        await server.close()
        await self._recorder.close()
        await self._protector.close()
        await self.desk.close()
        for pool in (self._decoding, *self._looking):
            pool.shutdown(wait=False)
        self.tell("service-stopped", {})
        await end(self.journal)

    # what may be looked at

    async def _ask_recorder(self) -> None:
        """The recorder's word on the clock, and the statistics of streams that are not looked at."""
        state = await self._recorder.ask("state")
        self.watch.clock_certain = state.get("clock", {}).get("state") != "doubtful"
        self._streams = {camera["id"]: camera["streams"] for camera in state.get("cameras", ())}

    async def _judge_gate(self) -> None:
        """Who may be looked at now: what may not is not even asked for from the recorder."""
        wanted: set[StreamKey] = set()
        for name in [name for name, until_us in self._aside.items() if self.clock.utc_us() >= until_us]:
            del self._aside[name]
            self._truths[name].discard(HARMFUL)
        for camera in self.site.camera:
            eye, watch = self.eyes[camera.id], self.watch.verdict(camera.id).watch
            if watch is not eye.watch:
                eye.watch = watch
                if watch is Watch.STATISTICS:
                    await asyncio.to_thread(eye.forget)
                    self._truths[camera.id].clear()
            if watch is not Watch.STATISTICS and camera.id not in self._aside:
                wanted.add(StreamKey(camera.id, "main" if camera.sub is None else "sub"))
        if wanted != self._keys or self._feed is None or self._feed.done():
            self._keys = frozenset(wanted)
            if self._feed is not None:
                self._feed.cancel()
            self._feed = asyncio.create_task(self._follow(self._keys), name="feed") if wanted else None

    async def _follow(self, keys: frozenset[StreamKey]) -> None:
        """Parts of these streams to their eyes, for ever."""
        inits: dict[StreamKey, bytes] = {}
        while True:
            try:
                async for part in self._recorder.subscribe(keys):
                    if part.init is not None:
                        inits[part.key] = part.init
                    eye = self.eyes[part.key.camera]
                    if part.key in inits and eye.watch is not Watch.STATISTICS:
                        eye.offer(Offered(inits[part.key], part.data, self.clock.monotonic_us()))
                        self._parts_here.set()
            except ApplianceError as error:
                self._say_once(f"{error.code}: {error}")
            await asyncio.sleep(RETRY_S)

    def _say_once(self, words: str) -> None:
        if words != self._fault:
            log.warning("%s", words)
        self._fault = words

    # looking

    async def _decode(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._parts_here.wait()
            self._parts_here.clear()
            for eye in self.eyes.values():
                if eye.waiting:
                    digest = partial(self._in_hand.holding, 0, eye.camera, eye.digest)
                    for event in await loop.run_in_executor(self._decoding, digest):
                        await self._event(eye, event)
                if eye.has_work():
                    self._work_here.set()

    async def _look(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        model = self._models[number] if self._models else None
        while True:
            eye = self._next_eye()
            if eye is None:
                self._work_here.clear()
                await self._work_here.wait()
                continue
            job = eye.take()
            if job is None:
                continue
            self._busy.add(eye.camera)  # two threads must not conclude one camera's pictures out of order
            try:
                conclude = partial(self._in_hand.holding, 1 + number, eye.camera, eye.conclude, job, model)
                events, seen = await loop.run_in_executor(self._looking[number], conclude)
            finally:
                self._busy.discard(eye.camera)
            self._delays.append(self.clock.monotonic_us() - job.arrived_us)
            for event in events:
                await self._event(eye, event)
            await self._present(eye, seen)

    def _next_eye(self) -> Eye | None:
        ready = [eye for eye in self.eyes.values() if eye.has_work() and eye.camera not in self._busy]
        return min(ready, key=lambda eye: (not eye.armed_zones, eye.age_us()), default=None)

    # what was seen

    async def _event(self, eye: Eye, event: Event) -> None:
        if event.kind is None:
            truths = self._truths[eye.camera]
            (truths.discard if event.ended else truths.add)(event.rule)
            if not event.ended:
                await self.desk.signal(_truth(eye.camera, event.rule, event.time_us))
            return
        await self.desk.signal(
            Signal(
                event.time_us,
                eye.camera,
                Source.RULE,
                AlertKind.PASSIVE,
                event.rule,
                event.zone,
                _label(event.kind),
                event.score,
                box=_box(event.box),
                track=event.track,
            )
        )

    async def _present(self, eye: Eye, seen: Sequence[Seen]) -> None:
        """Who is still there keeps the alert open and is drawn when it is played."""
        signals = [
            Signal(
                each.time_us,
                eye.camera,
                Source.RULE,
                AlertKind.PASSIVE,
                PRESENCE,
                label=_label(each.kind),
                score=min(1.0, each.score),
                box=_box(each.box),
                track=each.track,
            )
            for each in seen
        ]
        if signals:
            await self.desk.present(signals)

    async def _truths_last(self) -> None:
        now = self.clock.utc_us()
        for camera, rules in self._truths.items():
            for rule in sorted(rules):
                await self.desk.signal(_truth(camera, rule, now))

    async def _snapshot(self, camera: str, utc_us: int) -> bytes | None:
        picture = await asyncio.to_thread(self.eyes[camera].picture_near, utc_us, NEAR_US)
        return None if picture is None else await asyncio.to_thread(encode, picture)

    async def _expire(self) -> None:
        """What is kept of alerts goes with the protected copies: within the authorised days, a month at most."""
        if self.watch.clock_certain:
            await self.desk.store.expire(self.clock.utc_us() - self.site.site.authorised_days * 86_400_000_000)

    # questions

    async def state(self) -> dict[str, Any]:
        """How detection is, as plain values."""
        delays = sorted(self._delays)
        return {
            "model": self._described(),
            "delay_p95_us": delays[len(delays) * 95 // 100] if delays else None,
            "looks": sum(eye.pipeline.counts.looks for eye in self.eyes.values()),
            "fault": self._fault,
            "records": self._copies.faults(),
            "cameras": {name: self._of(eye) for name, eye in self.eyes.items()},
            "jobs": [
                {"name": job.name, "late": job.late(self.clock.monotonic_us()), "error": job.last_error}
                for job in self.supervisor.jobs.values()
            ],
        }

    def _described(self) -> dict[str, Any]:
        if not self._models:
            return {"name": "", "demo": False, "interpreter": "", "fell_back": False, "sha256": ""}
        model = self._models[0]
        d = model.description
        return {
            "name": d.name,
            "demo": d.demo,
            "interpreter": model.runtime,
            "fell_back": model.fell_back,
            "sha256": d.sha256,
        }

    def _of(self, eye: Eye) -> dict[str, Any]:
        streams = self._streams.get(eye.camera, {})
        stream = streams.get("sub") or streams.get("main") or {}
        return {
            "watch": eye.watch.value,
            "bytes_read": eye.bytes_read,
            "pictures": eye.pipeline.counts.pictures,
            "refused": eye.refused,
            "lost_parts": eye.lost_parts,
            "lost_looks": eye.lost_looks,
            "truths": sorted(self._truths[eye.camera]),
            "set_aside_until_us": self._aside.get(eye.camera),
            "statistics": {name: stream.get(name) for name in STATISTICS} | {"picture_bytes": _picture_bytes(stream)},
        }


def _picture_bytes(stream: Mapping[str, Any]) -> int | None:
    """Mean size of the coded pictures of the last seconds, from the recorder's figures; None while none come."""
    bitrate, fps = stream.get("bitrate"), stream.get("fps")
    return round(bitrate / 8 / fps) if bitrate and fps else None


def _truth(camera: str, rule: str, utc_us: int) -> Signal:
    return Signal(utc_us, camera, Source.CAMERA, AlertKind.TECHNICAL, str(rule))


def _label(kind: Kind) -> str:
    return kind.value if kind in {Kind.PERSON, Kind.VEHICLE} else ""


def _box(box: Box | None) -> AlertBox | None:
    if box is None:
        return None
    cut = box.cut()
    return AlertBox(cut.left, cut.top, cut.width, cut.height)


def load_models(installed: Path, count: int) -> list[Model]:
    """The best model that is there, once for each thread; none: an empty list. Raises ModelDamaged and others."""
    places, known = folders(installed), known_models()
    found = [load_best(places, known) for _ in range(count)]
    return [model for model in found if model is not None]


def main(file: Path) -> int:
    """`appliance detector`: returns 0 after SIGTERM or SIGINT."""
    die_with_parent()
    start_logs()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))
    site = load_site(file)
    models = load_models(site.detector.models, max(1, (os.cpu_count() or 1) - 1))
    clock = SystemClock()

    async def serve() -> None:
        await Detector(site, clock, models).run(stop_event())

    asyncio.run(serve())
    return 0
