"""The recorder's process: cameras into the ring, and the socket by which the others read."""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from appliance import __version__
from appliance.capture.camera import CameraRunner
from appliance.capture.entrance import Entrance
from appliance.capture.floor import shortfalls
from appliance.capture.gate import Gate
from appliance.capture.measure import StoredMeter
from appliance.capture.network import Network, read_links
from appliance.capture.rtsp import open_connection
from appliance.capture.tls import Trust
from appliance.capture.url import Credentials
from appliance.core.cause import GapCause
from appliance.core.chain_errors import JournalTruncated
from appliance.core.clock import Clock, SystemClock
from appliance.core.collector import CollectorPauses
from appliance.core.errors import ApplianceError
from appliance.core.loop_lag import LoopLag
from appliance.core.supervise import Supervisor
from appliance.core.timesource import host_source
from appliance.media.stream import ClockState, StreamKey, StreamSink
from appliance.ring.access.server import serve
from appliance.ring.disks.claim import holder
from appliance.ring.disks.disk import Heartbeat
from appliance.ring.disks.identity import id_of_recorder
from appliance.ring.faults import NoDisk
from appliance.ring.recording import Ring
from appliance.services.access import OF_RECORDER, allowed, uid_of
from appliance.services.clock import JUDGE_S, RECORD_FILE, ClockKeeper
from appliance.services.devices import BlockDevices
from appliance.services.errors import DisksUnusable
from appliance.services.journal import (
    RECORDER,
    begin,
    end,
    journal_folder,
    journal_state,
    make_journal,
    telling,
    truncation,
)
from appliance.services.journal_anchors import ANCHOR_S, JournalAnchors
from appliance.services.journal_lines import LINES_S, DiskLines, RefusalLines, RunLines
from appliance.services.last_stop import Sign, last_heartbeats, leave_mark, read_mark, sign_of, start_cause, take_mark
from appliance.services.process import (
    die_with_parent,
    granted_folder,
    say_ready,
    say_stopping,
    start_logs,
    stop_event,
)
from appliance.services.recording_calendar import CALENDAR_S, RecordingCalendar
from appliance.services.records import OWNERS, restore_clock, restored
from appliance.services.register import JournalRegister
from appliance.services.retention import RETENTION_S, RetentionKeeper
from appliance.services.watchdog import keep_watchdog
from appliance.site.load import load_credentials, load_site
from appliance.site.model import CameraSettings, Site

log = logging.getLogger(__name__)

MAIN_PRIORITY = 1
SUB_PRIORITY = 2
"""The sub-stream is kept longest when memory is short: it is a tenth of the bytes and what pages play."""

FORMER_US = 3_000_000
"""Microseconds a starting recorder waits for the former one to leave the disks; a stop takes under 1 s."""

NETWORK_S = 2.0
"""Seconds between looks at the camera network: well under the time in which silence is noticed."""

SHOWN_US = 86_400_000_000
"""Microseconds for which it is shown that a record was put back; the journal has it for good."""


class Recorder:
    """All of one recorder: the ring and a runner per stream. `run` returns when `stop` is set. Made before the event
    loop, or in a thread: it reads who it is.

    `tell` enters a line in `journal` at any time, before the journal has begun too.
    """

    def __init__(self, site: Site, credentials: dict[str, Credentials], clock: Clock) -> None:
        self.site = site
        self.clock = clock
        self.supervisor = Supervisor(clock)
        self.lag = LoopLag(clock)
        self.collector = CollectorPauses(clock)
        self.journal = make_journal(site, RECORDER, clock, self.clock_word)
        self.tell = telling(self.journal)
        source = host_source(clock) if site.recorder.clock == "host" else None
        disks = [disk.path for disk in site.disk]
        self._appliance = id_of_recorder(site.recorder.index.parent, disks)
        self.keeper = ClockKeeper(clock, site.recorder.index.parent, disks, source=source, tell=self.tell)
        self.ring = Ring(
            site.disk,
            clock,
            site.recorder.index,
            site_name=site.site.name,
            appliance=self._appliance,
            quarantine_s=site.recorder.quarantine_s,
            supervisor=self.supervisor,
            clock_state=self.keeper.state,
            expiry_us=self.keeper.expiry_now_us,
            zone=site.site.zone,
            tell=self.tell,
            anchor=self._anchor,
        )
        self.ring.backups.add(RECORD_FILE, site.recorder.index.parent / RECORD_FILE)
        self.ring.backups.keep_us = site.site.authorised_days * 86_400_000_000
        for name, owner in OWNERS.items():
            uid = uid_of(owner)
            self.ring.backups.accept(name, frozenset() if uid is None else frozenset({uid}))
        self.ring.backups.given = lambda name, utc_us: self._put_back(restored(name, utc_us))
        self._records: list[tuple[int, ApplianceError]] = []  # what of the system disk was put back or lost, and when
        self.calendar = RecordingCalendar(site, clock, lambda: self.keeper.state() == ClockState.DOUBTFUL, self.tell)
        self.runs = RunLines(clock, self.tell)
        self.refusals = RefusalLines(clock, self.tell)
        self._disk_lines = DiskLines(self.tell)
        self._anchors = JournalAnchors(journal_folder(site), RECORDER, self.tell)
        register = JournalRegister(self.journal, self.tell, journal_folder(site), RECORDER)
        self.retention = RetentionKeeper(site, self.ring, self.keeper, register)
        self.network = Network(clock)
        self.first_cause = GapCause.APPLIANCE_OFF
        self.begun: dict[str, object] = {}
        self._truncated: JournalTruncated | None = None
        self._credentials = credentials
        self.runners: dict[StreamKey, CameraRunner] = {}
        self.meters: dict[StreamKey, StoredMeter] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Record until `stop`. The last pictures are durable when it returns.

        Raises DisksUnusable, DiskTooSmall, SocketUnusable.
        """
        sinks = {
            key: self.ring.stream(key, f"{self.site.site.name} · {camera.name}", priority)
            for camera in self.site.camera
            for key, priority in self._streams(camera)
        }
        await self._wait_for_former()
        disks = [disk.path for disk in self.site.disk]
        beats = await last_heartbeats(disks)
        mark = await asyncio.to_thread(read_mark, self._folder)
        self.first_cause = start_cause(self.clock.boot_id.hex(), __version__, map(sign_of, beats), mark)
        await begin(self.journal)
        self._tell_start(beats)
        if (found := await restore_clock(self._folder, disks, self._appliance)) is not None:
            self._put_back(found)
        await self.keeper.open()
        try:
            await self._record(stop, sinks)
        finally:
            self.runs.close()
            self.refusals.close()
            self.tell("service-stopped", {"version": __version__})
            await end(self.journal)

    async def _record(self, stop: asyncio.Event, sinks: dict[StreamKey, StreamSink]) -> None:
        try:
            await self.ring.open()
        except NoDisk as error:
            raise DisksUnusable(why_fr=self._why("error_fr"), why_en=self._why("error")) from error
        try:
            await asyncio.to_thread(take_mark, self._folder)
            self._meet_cameras(sinks)
            await self.retention.start()
            _ = self.supervisor.supervise("clock", JUDGE_S, self.keeper.judge)
            _ = self.supervisor.supervise("retention", RETENTION_S, self.retention.run)
            _ = self.supervisor.supervise("anchors of journals", ANCHOR_S, self._anchors.once)
            _ = self.supervisor.keep("event loop's lateness", self.lag.run)
            _ = self.supervisor.keep("block devices", self._watch_devices)
            await self.calendar.learn(journal_folder(self.site), RECORDER)
            server = await serve(
                self.ring,
                self.site.recorder.socket,
                self.state,
                await asyncio.to_thread(allowed, OF_RECORDER),
                clock=self.keeper,
                pauses=self.calendar.pauses,
                refused=self.refusals.refused,
            )
            keep_watchdog(self.supervisor, self.ring.turns)
            self.collector.settle()
            say_ready("recorder")
            await stop.wait()
            say_stopping()
            await server.close()
        finally:
            await self.supervisor.close()
            await self.ring.close()
            now = Sign(self.clock.boot_id.hex(), self.clock.utc_us(), self.clock.monotonic_us())
            await asyncio.to_thread(leave_mark, self._folder, now, __version__)

    def _meet_cameras(self, sinks: Mapping[StreamKey, StreamSink]) -> None:
        """A runner for each stream, behind its gate; those that may not record now meet no camera."""
        entrance = Entrance(self.clock)
        for camera in self.site.camera:
            for key, _ in self._streams(camera):
                self.meters[key] = StoredMeter(sinks[key])
                gate = Gate(key, self.meters[key], self.runs.of(key))
                self.runners[key] = CameraRunner(
                    key,
                    camera.main if key.stream == "main" else camera.sub or "",
                    self._credentials.get(camera.id),
                    gate,
                    self.clock,
                    connect=partial(open_connection, trust=self._trust(camera)),
                    clock_state=self.keeper.state,
                    first_cause=self.first_cause,
                    explain=partial(self.network.explain, self._host(camera)),
                    reader=camera.reader,
                    turn=entrance.turn,
                )
                self.calendar.add(camera, gate, self.runners[key])
        self.calendar.enforce()
        for key, runner in self.runners.items():
            self.ring.before_tick.append(runner.drain)
            _ = self.supervisor.keep(f"camera {key}", runner.run)
        _ = self.supervisor.supervise("camera network", NETWORK_S, self._look_at_network)
        _ = self.supervisor.supervise("recording calendar", CALENDAR_S, self.calendar.run)
        _ = self.supervisor.supervise("journal lines", LINES_S, self._enter_lines)

    async def _look_at_network(self) -> None:
        """Which cameras send, and whether the links that lead to them have a carrier."""
        hosts = {camera.id: self._host(camera) for camera in self.site.camera}
        for key, runner in self.runners.items():
            if runner.paused:
                self.network.forget(hosts[key.camera])
            elif runner.playing:
                self.network.alive(hosts[key.camera])
        self.network.links(await asyncio.to_thread(read_links, set(hosts.values())))

    def _trust(self, camera: CameraSettings) -> Trust:
        pinned = None if camera.fingerprint is None else bytes.fromhex(camera.fingerprint)
        return Trust(pinned, self.site.authority)

    @staticmethod
    def _host(camera: CameraSettings) -> str:
        return urlsplit(camera.main).hostname or ""

    async def _enter_lines(self) -> None:
        self.runs.due()
        self.refusals.due()
        self._disk_lines.look(self.ring.disk_states())

    async def _watch_devices(self) -> None:
        """Look at the disks as soon as the system says that one came or went."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        devices = BlockDevices(lambda: loop.call_soon_threadsafe(changed.set))
        await asyncio.to_thread(devices.start)
        try:
            while True:
                await changed.wait()
                changed.clear()
                await self.ring.look()
        finally:
            devices.close()

    def clock_word(self) -> str:
        """The judgement on UTC in a word, for the journal; called from its thread too."""
        return self.keeper.word()

    @property
    def _folder(self) -> Path:
        """What the recorder keeps on the system disk."""
        return self.site.recorder.index.parent

    def _anchor(self) -> str:
        """The journal's last durable line, for the disks to keep."""
        head = self.journal.head()
        return str(head) if head.sequence else ""

    def _tell_start(self, beats: Sequence[Heartbeat]) -> None:
        """Why nothing was recorded before, and whether the journal has all lines that the disks know of."""
        last_us = max((beat.utc_us for beat in beats), default=0)
        cause = self.first_cause.name
        self.begun = {"cause": cause, "before_us": last_us, "at_us": self.clock.utc_us()}
        self.tell(
            "service-started", {"version": __version__, "pid": os.getpid(), "cause": cause, "seen_utc_us": last_us}
        )
        self._truncated = truncation(self.journal, (beat.journal for beat in beats))
        if self._truncated is not None:
            log.error("%s", self._truncated)
            self.tell("lines-missing", self._truncated.facts)
        counts = {"cameras": len(self.site.camera), "disks": len(self.site.disk)}
        self.tell("configuration-loaded", {"sha256": self.site.fingerprint, **counts})

    def _put_back(self, fault: ApplianceError) -> None:
        log.error("%s", fault)
        self._records.append((self.clock.monotonic_us(), fault))
        self.tell(fault.code, fault.facts)

    def _told_records(self) -> list[dict[str, str]]:
        since_us = self.clock.monotonic_us() - SHOWN_US
        shown = [fault for at_us, fault in self._records if at_us > since_us]
        return [{"code": f.code, "fr": f.sentence("fr"), "en": f.sentence("en")} for f in shown]

    async def _wait_for_former(self) -> None:
        """A recorder that is being stopped makes its last pictures durable: its disks are free in a moment."""
        until_us = self.clock.monotonic_us() + FORMER_US
        while self.clock.monotonic_us() < until_us:
            if not any([await asyncio.to_thread(holder, disk.path) for disk in self.site.disk]):
                return
            await asyncio.sleep(0.1)

    def _why(self, field: str) -> str:
        return " ".join(str(disk[field]) for disk in self.ring.disk_states())

    def state(self) -> dict[str, object]:
        """The cameras and jobs for the socket's `state`; the ring adds streams and disks."""
        return {
            "clock": self.keeper.status(),
            "begun": self.begun,
            "cameras": [
                {
                    "id": camera.id,
                    "name": camera.name,
                    "place": camera.place,
                    **self.calendar.state(camera.id),
                    "floor": self._floor(camera),
                    "streams": {key.stream: self._stream_state(key) for key, _ in self._streams(camera)},
                }
                for camera in self.site.camera
            ],
            "jobs": [
                {"name": job.name, "late": job.late(self.clock.monotonic_us()), "error": job.last_error}
                for job in self.supervisor.jobs.values()
            ],
            "loop": self.lag.state(),
            "collector": self.collector.state(),
            "journal": journal_state(self.journal, self._truncated),
            "records": self._told_records(),
        }

    def _stream_state(self, key: StreamKey) -> dict[str, object]:
        state = self.runners[key].state()
        return {
            "state": state.state.value,
            "since_utc_us": state.since_utc_us,
            "cause": state.cause.name,
            "sentence_fr": state.sentence_fr,
            "sentence_en": state.sentence_en,
            "fps": state.fps,
            "bitrate": state.bitrate,
            "width": state.width,
            "height": state.height,
            "codec": state.codec,
            "reader": state.reader,
            "lost_packets": state.lost_packets,
            "reconnects": state.reconnects,
            "pictures": state.pictures,
            "runs": state.runs,
            "audio_offered": state.audio_offered,
            "camera_clock_offset_us": state.camera_clock_offset_us,
            "stored": None if (stored := self.meters[key].stored) is None else asdict(stored),
        }

    def _floor(self, camera: CameraSettings) -> list[dict[str, str]]:
        """What the law asks of the camera and its stored video does not give."""
        stored = self.meters[StreamKey(camera.id, "main")].stored
        if stored is None:
            return []
        return [asdict(each) for each in shortfalls(stored, narrow=camera.view == "narrow", fast_flow=camera.fast_flow)]

    @staticmethod
    def _streams(camera: CameraSettings) -> list[tuple[StreamKey, int]]:
        main = (StreamKey(camera.id, "main"), MAIN_PRIORITY)
        return [main] if camera.sub is None else [main, (StreamKey(camera.id, "sub"), SUB_PRIORITY)]


async def _serve(recorder: Recorder) -> None:
    await recorder.run(stop_event())


def main(file: Path) -> int:
    """`appliance recorder`: returns 0 after SIGTERM or SIGINT."""
    die_with_parent()
    start_logs()
    site = load_site(file)
    secrets = load_credentials(site, granted_folder())
    credentials = {name: Credentials(value.user, value.password) for name, value in secrets.items()}
    recorder = Recorder(site, credentials, SystemClock())
    recorder.collector.watch()
    asyncio.run(_serve(recorder))
    return 0
