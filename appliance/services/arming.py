"""What is watched now: the legal gate, fed with the site file, people's words and the recorder's word on the clock."""

from typing import Any

from appliance.alerts.store import AlertStore, ArmingWord
from appliance.core.chain import Facts, Tell, untold
from appliance.core.clock import Clock
from appliance.detection.gate import ArmingRecord, CameraRecord, Verdict, gate, sentence
from appliance.site.model import Site


class WatchKeeper:
    """Answers "what may be done with this camera's pictures" at any time; keeps what people said in events.db.

    `clock_certain`: set from the recorder's state; False until it was asked.
    """

    def __init__(self, site: Site, store: AlertStore, clock: Clock, tell: Tell = untold) -> None:
        self._records = {camera.id: CameraRecord.of(site, camera) for camera in site.camera}
        self._store = store
        self._clock = clock
        self._tell = tell
        self._words: dict[str, ArmingRecord] = {}
        self.clock_certain = False

    async def load(self) -> None:
        """Words said in an earlier life."""
        for camera, word in (await self._store.arming()).items():
            self._words[camera] = ArmingRecord(word.armed, word.by, word.why, word.from_us, word.until_us)

    def verdict(self, camera: str) -> Verdict:
        """The gate's answer now."""
        now = self._clock.utc_us()
        return gate(self._records[camera], self._words.get(camera), now, clock_certain=self.clock_certain)

    def message(self) -> list[dict[str, Any]]:
        """Each camera: watched or not, why, until when, by whose word while it holds."""
        now = self._clock.utc_us()
        found: list[dict[str, Any]] = []
        for camera in self._records:
            verdict, word = self.verdict(camera), self._words.get(camera)
            said = None
            if word is not None and word.holds(now):
                said = {
                    "armed": word.armed,
                    "by": word.by,
                    "why": word.why,
                    "from_us": word.from_us,
                    "until_us": word.until_us,
                }
            found.append(
                {
                    "camera": camera,
                    "watch": verdict.watch.value,
                    "reason": verdict.reason.value,
                    "fr": sentence(verdict, "fr"),
                    "en": sentence(verdict, "en"),
                    "until_us": verdict.until_us,
                    "word": said,
                }
            )
        return found

    async def arm(self, cameras: list[str], *, armed: bool, by: str, why: str, until_us: int) -> None:
        """A person's word from now on. Raises ArmingRefused without name, reason or a near end."""
        now = self._clock.utc_us()
        record = ArmingRecord(armed, by.strip(), why.strip(), now, until_us)
        for camera in cameras:
            await self._store.arm(ArmingWord(camera, armed, record.by, record.why, now, until_us))
            self._words[camera] = record
            facts: Facts = {"camera": camera, "by": record.by, "why": record.why, "until_us": until_us}
            self._tell("watch-armed" if armed else "watch-disarmed", facts)
