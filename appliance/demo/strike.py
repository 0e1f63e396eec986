"""Blows struck at the running demonstration from another terminal, and the account of what they cost, in words.

`cut` kills the recorder as a power cut would: without a word, at any instant. `lose-disk` takes a disk away and gives
it back. Both look at the demonstration from outside: its file in the work folder, its processes, its page's API.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import psutil

from appliance.core.cause import GapCause
from appliance.core.clock import Clock
from appliance.demo.errors import NoDemonstration, RecorderAnswer, StrikeTooLong
from appliance.demo.staff import STRIKE, sign_in
from appliance.demo.verify import Expected
from appliance.demo.words import Voice

RUNNING: Final = "demo.json"
"""In the work folder: the process that keeps the recorder, and the page's address."""

STRIKES: Final = "strikes.jsonl"
"""In the work folder: what was struck and when, so that the final check expects it."""

STRIKING: Final = "striking"
"""In the work folder while a blow is struck and accounted for: the show begins no fault of its own meanwhile."""

STRIKING_S: Final = 180.0
"""Seconds after which the show takes that file for left behind: a whole account takes 40 s."""

PATIENCE_US: Final = 60_000_000
"""us until everything records before a blow, and again after it."""

AWAY_S: Final = 12.0
"""Seconds a disk stays away: longer than it takes to give it up."""

LOOK_S: Final = 0.25
SETTLE_S: Final = 2.0
"""Seconds after which the first pictures behind a blow are durable and shown."""

PICTURE_US: Final = 200_000
"""us that the last picture kept may last beyond the blow: two of the slowest stream's."""

BACK_US: Final = 20_000_000
"""us after a cut within which every stream must be recorded again."""

DISK: Final = "disk-a"


@dataclass(frozen=True, slots=True)
class Strike:
    """A blow. UTC microseconds."""

    what: str
    utc_us: int


def announce(work: Path, process: int, url: str) -> None:
    """The demonstration runs: whoever wants to strike finds it here. Blocking."""
    (work / RUNNING).write_text(json.dumps({"process": process, "url": url}) + "\n", encoding="utf-8")


def striking(work: Path, now_us: int) -> bool:
    """Is somebody striking now (UTC)? Blocking."""
    try:
        return now_us / 1e6 - (work / STRIKING).stat().st_mtime < STRIKING_S
    except OSError:
        return False


def struck(work: Path) -> list[Strike]:
    """Every blow of this demonstration. Blocking."""
    file = work / STRIKES
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Strike(**json.loads(line)) for line in lines]


def expected_of(strikes: Sequence[Strike]) -> list[Expected]:
    """The gap that each cut causes in each stream; a lost disk causes none."""
    cuts = [strike for strike in strikes if strike.what == "cut"]
    return [Expected(cut.utc_us, cut.utc_us + BACK_US, GapCause.APPLIANCE_OFF.name) for cut in cuts]


class Striker:
    """One command. `run` returns the exit code: 0 when the account is good, 1 when something is missing."""

    def __init__(self, work: Path, voice: Voice, clock: Clock) -> None:
        self._work = work
        self._voice = voice
        self._clock = clock
        self._url = ""
        self._process = 0

    async def run(self, what: str) -> int:
        """`cut` or `lose-disk`. Raises NoDemonstration, RecorderAnswer, StrikeTooLong."""
        await asyncio.to_thread(self._find)
        calm = self._work / STRIKING
        await asyncio.to_thread(calm.touch)
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
                await sign_in(http, self._url, self._work, STRIKE, self._clock)
                for _ in range(2):  # a fault of the show may have begun that nothing shows yet
                    await self._until_recording(http)
                    await asyncio.sleep(SETTLE_S)
                return await (self._cut(http) if what == "cut" else self._lose_disk(http))
        finally:
            await asyncio.to_thread(calm.unlink, missing_ok=True)

    def _find(self) -> None:
        try:
            about = json.loads((self._work / RUNNING).read_text(encoding="utf-8"))
            self._url, self._process = str(about["url"]), int(about["process"])
            if not psutil.pid_exists(self._process):
                raise NoDemonstration(folder=str(self._work))
        except (OSError, ValueError, KeyError) as error:
            raise NoDemonstration(folder=str(self._work)) from error

    async def _cut(self, http: aiohttp.ClientSession) -> int:
        recorder = await asyncio.to_thread(self._recorder)
        at_us = self._clock.utc_us()
        recorder.kill()
        await self._note("cut", at_us)
        self._voice.say("cut_now", process=recorder.pid)
        await asyncio.sleep(SETTLE_S)
        state = await self._until_recording(http)
        await asyncio.sleep(SETTLE_S)
        good = True
        self._voice.say("cut_account")
        for camera in state["cameras"]:
            for stream in camera["streams"]:
                gap = await self._gap(http, camera["id"], stream, at_us)
                if gap is None:
                    self._voice.say("cut_unseen", name=camera["name"], stream=stream)
                    good = False
                    continue
                lost, off = max(0, at_us - gap["from_us"]) / 1e6, max(0, gap["to_us"] - at_us) / 1e6
                cause = self._cause(gap["cause"])
                self._voice.say("cut_line", name=camera["name"], stream=stream, lost=lost, off=off, cause=cause)
        return 0 if good else 1

    async def _lose_disk(self, http: aiohttp.ClientSession) -> int:
        disk = self._work / DISK
        aside = self._work / f"{DISK}-out"
        at_us = self._clock.utc_us()
        before = await self._recorded_s(http, at_us)
        await asyncio.to_thread(disk.rename, aside)
        self._voice.say("disk_out", disk=disk)
        try:
            await self._note("lose-disk", at_us)
            said = await self._disk_issue(http, disk, there=True)
            self._voice.say("disk_said", words=said)
            await asyncio.sleep(AWAY_S)
            without = await self._recorded_s(http, at_us)
        finally:
            await asyncio.to_thread(aside.rename, disk)
        self._voice.say("disk_back", disk=disk)
        await self._disk_issue(http, disk, there=False)
        state = await self._until_recording(http)
        back_us = self._clock.utc_us()
        await asyncio.sleep(SETTLE_S)
        after = await self._recorded_s(http, at_us)
        self._voice.say("disk_account")
        missing = 0.0
        for camera in state["cameras"]:
            for stream in camera["streams"]:
                key = (camera["id"], stream)
                present = await self._missing_s(http, *key, at_us, back_us)
                missing += present
                facts = {"before": before[key], "without": without[key], "after": after[key], "present": present}
                self._voice.say("disk_line", name=camera["name"], stream=stream, **facts)
        self._voice.say("disk_whole" if missing == 0 else "disk_missing", seconds=missing)
        return 0 if missing == 0 else 1

    def _recorder(self) -> psutil.Process:
        """The recording process among those that the demonstration keeps."""
        with suppress(psutil.Error):
            for process in psutil.Process(self._process).children(recursive=True):
                if process.cmdline()[1:4] == ["-m", "appliance", "recorder"]:
                    return process
        raise NoDemonstration(folder=str(self._work))

    async def _note(self, what: str, utc_us: int) -> None:
        line = json.dumps({"what": what, "utc_us": utc_us}) + "\n"

        def write() -> None:
            with (self._work / STRIKES).open("a", encoding="utf-8") as file:
                file.write(line)

        await asyncio.to_thread(write)

    async def _until_recording(self, http: aiohttp.ClientSession) -> Mapping[str, Any]:
        """Wait until every stream records: no other fault of the show is under way."""
        end_us = self._clock.monotonic_us() + PATIENCE_US
        while self._clock.monotonic_us() < end_us:
            with suppress(RecorderAnswer):
                state = await self._get(http, "state")
                streams = [stream for camera in state["cameras"] for stream in camera["streams"].values()]
                if streams and all(stream["status"] == "recording" for stream in streams):
                    return state
            await asyncio.sleep(LOOK_S)
        raise StrikeTooLong(seconds=PATIENCE_US // 1_000_000)

    async def _disk_issue(self, http: aiohttp.ClientSession, disk: Path, *, there: bool) -> str:
        """Wait until the page names the disk, or does not any more; its sentence."""
        end_us = self._clock.monotonic_us() + PATIENCE_US
        while self._clock.monotonic_us() < end_us:
            with suppress(RecorderAnswer):
                issues = (await self._get(http, "state"))["issues"]
                mine = [issue for issue in issues if issue["place"] == str(disk)]
                if bool(mine) == there:
                    return str(mine[0][self._voice.language]) if mine else ""
            await asyncio.sleep(LOOK_S)
        raise StrikeTooLong(seconds=PATIENCE_US // 1_000_000)

    async def _timeline(
        self, http: aiohttp.ClientSession, camera: str, stream: str, from_us: int, to_us: int
    ) -> Mapping[str, Any]:
        query = {"from": str(from_us), "to": str(to_us), "stream": stream}
        return await self._get(http, f"cameras/{camera}/timeline", query)

    async def _gap(self, http: aiohttp.ClientSession, camera: str, stream: str, at_us: int) -> Mapping[str, Any] | None:
        """The gap in which the instant lies, or that begins where its last picture ends: pictures last a while."""
        told = await self._timeline(http, camera, stream, at_us - BACK_US, self._clock.utc_us())
        gaps: list[Mapping[str, Any]] = [
            gap for gap in told["gaps"] if gap["from_us"] - PICTURE_US <= at_us < gap["to_us"]
        ]
        return gaps[0] if gaps else None

    async def _missing_s(
        self, http: aiohttp.ClientSession, camera: str, stream: str, from_us: int, to_us: int
    ) -> float:
        """Seconds of the blow that are not there for a reason that the blow could be."""
        told = await self._timeline(http, camera, stream, from_us, to_us)
        own = {GapCause.DISK.name, GapCause.OVERLOAD.name, GapCause.APPLIANCE_OFF.name, GapCause.ERASED.name}
        gaps = [gap for gap in told["gaps"] if gap["cause"] in own]
        return float(sum(min(gap["to_us"], to_us) - max(gap["from_us"], from_us) for gap in gaps)) / 1e6

    async def _recorded_s(self, http: aiohttp.ClientSession, until_us: int) -> dict[tuple[str, str], float]:
        """Seconds that each stream has of the ten minutes before."""
        found = {}
        for camera in (await self._get(http, "state"))["cameras"]:
            for stream in camera["streams"]:
                told = await self._timeline(http, camera["id"], stream, until_us - 600_000_000, until_us)
                found[camera["id"], stream] = sum(s["to_us"] - s["from_us"] for s in told["spans"]) / 1e6
        return found

    async def _get(
        self, http: aiohttp.ClientSession, path: str, query: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        try:
            async with http.get(f"{self._url}api/v1/{path}", params=query) as answer:
                if answer.status != 200:
                    raise RecorderAnswer(status=answer.status, path=path, why=(await answer.text())[:200])
                told: Mapping[str, Any] = await answer.json()
                return told
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RecorderAnswer(status="-", path=path, why=str(error) or type(error).__name__) from error

    def _cause(self, name: str) -> str:
        return GapCause[name].label(self._voice.language) if name in GapCause.__members__ else name
