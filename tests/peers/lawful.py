"""A recorder's ring, clock keeper and register on small disks, with the truth beside what the clocks say."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from appliance.core.cause import GapCause
from appliance.core.judgement import Judgement, Ntp
from appliance.media.part import parse_part
from appliance.ring.expiry.expirer import Keeping, Terms
from appliance.ring.walk import walk
from appliance.services.clock import ClockKeeper
from tests.peers.pictures import Camera
from tests.peers.ring_rig import KEY, SMALL, Rig, pictures
from tests.peers.times import Sources

TWO = Ntp(synchronised=True, servers=2)
NO_NTP = Ntp()
DAY_US = 86_400_000_000
DAY_S = 86_400.0


class Lines:
    """A register that remembers. `refuses`: it loses what it is told."""

    def __init__(self) -> None:
        self.lines: list[Mapping[str, str | int | float | bool]] = []
        self.refuses = False

    def tell(self, _kind: str, facts: Mapping[str, str | int | float | bool]) -> bool:
        if not self.refuses:
            self.lines.append(dict(facts))
        return not self.refuses

    async def settled(self) -> None:
        await asyncio.sleep(0)

    async def knows(self, entries: Iterable[str]) -> set[str]:
        return set(entries) & {str(line["sha256"]) for line in self.lines}


class FileLines(Lines):
    """A register in a file: what is settled survives the process."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        if path.exists():
            self.lines += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    async def settled(self) -> None:
        await asyncio.to_thread(self._save)

    def _save(self) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_text("".join(json.dumps(line) + "\n" for line in self.lines), encoding="utf-8")
        draft.replace(self.path)


@dataclass
class Box:
    """An appliance whose kernel clock is `error_us` off. Pictures are remembered with the true time of their taking."""

    base: Path
    terms: Terms = field(default_factory=lambda: Terms(5, 0))
    rig: Rig = field(init=False)
    sources: Sources = field(init=False)
    keeper: ClockKeeper = field(init=False)
    camera: Camera = field(init=False)
    register: Lines = field(default_factory=Lines)
    error_us: int = 0
    taken: list[tuple[int, bytes]] = field(default_factory=list)
    boots: int = 0
    _run: tuple[int, int] = (0, 0)

    async def format(self, disks: int = 2, chunks: int = 32, *, protected: int = 0) -> "Box":
        self.rig = await Rig(self.base).format(disks=disks, chunks=chunks, protected=protected)
        self.sources = Sources(self.base, self.rig.clock, ntp=TWO, rtc_off_us=0)
        return self

    @property
    def true_us(self) -> int:
        return self.rig.clock.utc_us() - self.error_us

    def set_clock(self, error_us: int) -> None:
        """The kernel's clock is set so that it is that far off the truth."""
        self.rig.clock.step_utc((error_us - self.error_us) / 1e6)
        self.error_us = error_us

    def show_rtc(self) -> None:
        """The RTC goes by the truth, plus its own error."""
        self.sources.show_rtc(self.true_us)

    async def start(self) -> None:
        """The recorder starts."""
        self.keeper = self.sources.keeper(*(disk.path for disk in self.rig.disks))
        await asyncio.to_thread(self.show_rtc)
        await self.keeper.open()
        ring = self.rig.new(clock_state=self.keeper.state)
        ring.expirer.keeping = Keeping(ZoneInfo("Europe/Paris"), lambda _camera: self.terms, self.keeper)
        ring.destruction.register = self.register
        self.keeper.on_change.append(self._changed)
        self.camera = self.rig.camera(size=6000)
        self.camera.random.seed(len(self.taken))
        self._run = (0, 0)
        await ring.open()
        await self._changed()

    async def stop(self) -> None:
        """The recorder stops in order."""
        await self.rig.ring.close()

    async def reboot(self, off_s: float = 60, error_us: int = 0) -> None:
        """Power goes, and comes back with a clock that is that far off."""
        await self.stop()
        self.rig.clock.advance(off_s)
        self.boots += 1
        self.rig.clock.reboot(bytes([self.boots]) * 16)
        self.set_clock(error_us)
        await self.start()

    async def _changed(self, _judgement: Judgement | None = None) -> None:
        await self.rig.ring.make_lawful(self.keeper.anchor(), self.keeper.former)

    async def minute(self) -> None:
        """A minute goes by with its jobs."""
        await self.pass_time(60)

    async def pass_time(self, seconds: float) -> None:
        """Time goes by without pictures."""
        self.camera.sink.end_run(GapCause.CAMERA_SILENT)
        self._run = (0, 0)
        self.rig.clock.advance(seconds)
        await asyncio.to_thread(self.show_rtc)
        await self.keeper.judge()
        await self.rig.ring.tick()
        await self.rig.ring.settle()
        await self.rig.ring.keep_lawful(self.keeper.anchor(), self.keeper.former)
        for _ in range(3):
            await self.rig.ring.tick()
            await self.rig.ring.settle()

    async def record(self, ticks: int = 3) -> None:
        """Pictures for `ticks` ticks, in runs as capture makes them."""
        clock = self.rig.clock
        for _ in range(ticks):
            run = (self.keeper.state(), clock.utc_us() - clock.monotonic_us())
            if run != self._run:
                self.camera.start(GapCause.CLOCK, clock_state=run[0])
                self._run = run
            before = len(self.camera.sent)
            await self.rig.record(1, self.camera)
            self.taken += [(self.true_us, data) for data in self.camera.sent[before:]]

    async def day(self) -> None:
        """Some pictures, then a day."""
        await self.record()
        await self.pass_time(DAY_S)

    async def on_disk(self) -> set[bytes]:
        """Every picture taken so far whose bytes are in a chunk's file, whoever may see them."""
        return await asyncio.to_thread(self._on_disk)

    def _on_disk(self) -> set[bytes]:
        found: set[bytes] = set()
        for disk in self.rig.disks:
            for path in disk.path.glob("*/*.mp4"):
                data = path.read_bytes()
                for entry in walk(lambda at, length, data=data: data[at : at + length], SMALL).entries:  # type: ignore[misc]
                    part = parse_part(data, entry.offset)
                    at = part.payload_offset
                    for sample in part.samples:
                        found.add(data[at : at + sample.size])
                        at += sample.size
        return found

    async def shown(self, hours: float = 24 * 400) -> set[bytes]:
        """Every picture that `ranges` gives around the present."""
        now, far = self.rig.clock.utc_us(), round(hours * 3_600_000_000)
        chunks = await self.rig.ring.ranges(KEY, now - far, now + far)
        return set(await asyncio.to_thread(pictures, chunks))

    def taken_between(self, oldest_days: float, newest_days: float) -> set[bytes]:
        """Pictures whose true age now is in [newest, oldest) days."""
        first, last = self.true_us - oldest_days * DAY_US, self.true_us - newest_days * DAY_US
        return {data for at, data in self.taken if first < at <= last}
