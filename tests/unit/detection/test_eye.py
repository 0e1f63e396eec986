"""One camera in the detector's process: parts bring several pictures, and the model answers later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from appliance.detection.decode import Picture
from appliance.detection.eye import MAX_PICTURES, Eye, Job, Offered
from appliance.detection.gate import Watch
from appliance.detection.model import Model
from appliance.detection.pipeline import Pipeline
from appliance.detection.rules import Event
from appliance.detection.shapes import Box, Detection, Kind
from appliance.site.detection import DetectionSettings, ZoneSettings
from tests.peers.views import STEP_US, noisy, picture, walk, with_boxes, yard

PARIS = ZoneInfo("Europe/Paris")
LAWN = DetectionSettings(zone=(ZoneSettings(name="pelouse", polygon=((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))),))


@dataclass
class Decoder:
    """In the place of libav: the pictures that a part's number stands for."""

    parts: Sequence[Sequence[Picture]]
    refused: int = 0

    def pictures(self, data: bytes) -> Iterable[Picture]:
        return self.parts[int(data)]


class Seeing(Eye):
    """With a model that finds what the test says."""

    found: Sequence[Detection] = ()

    def _find(self, job: Job, model: Model | None) -> list[Detection]:
        return list(self.found)


@dataclass
class Scene:
    """Somebody walks across the yard after three quiet seconds; the model, `conclude`, is right about him."""

    per_part: int
    events: list[Event] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        self.boxes: list[Box | None] = [None] * 16 + list(walk(0.1, 0.8, 30))
        self.shots = [
            picture(noisy(with_boxes(yard(), [box] if box else []), n), n * STEP_US) for n, box in enumerate(self.boxes)
        ]
        parts = [self.shots[n : n + self.per_part] for n in range(0, len(self.shots), self.per_part)]
        self.count = len(parts)
        self.eye = Seeing("cour", Pipeline(LAWN, PARIS), armed_zones=True, watch=Watch.PERSONS)
        self.eye._decoder = Decoder(parts)  # type: ignore[assignment]

    def part(self, number: int) -> None:
        self.eye.offer(Offered(b"", str(number).encode(), number))
        self.events += self.eye.digest()

    def model(self) -> None:
        """One look."""
        job = self.eye.take()
        assert job is not None
        self.looks += 1
        box = self.boxes[job.work.time_us // STEP_US]
        self.eye.found = [Detection(box, Kind.PERSON, 0.8)] if box else []
        self.events += self.eye.conclude(job, None)[0]

    def play(self) -> None:
        for number in range(self.count):
            self.part(number)
            while self.eye.has_work():
                self.model()


def by_file() -> tuple[list[Event], int]:
    """The same through the pipeline as `appliance detect` does it, picture by picture."""
    scene, pipeline, events, looks = Scene(1), Pipeline(LAWN, PARIS), [], 0
    for shot, box in zip(scene.shots, scene.boxes, strict=True):
        found, work = pipeline.prepare(shot, Watch.PERSONS)
        events += found
        if work is not None:
            looks += 1
            events += pipeline.conclude(work, [Detection(box, Kind.PERSON, 0.8)] if box else [], work.time_us)
    return events, looks


def test_parts_of_several_pictures_are_looked_at_as_a_file_is() -> None:
    events, looks = by_file()
    assert [event.rule for event in events] == ["intrusion"]
    for per_part in (1, 2, 5):
        scene = Scene(per_part)
        scene.play()
        assert scene.events == events
        assert scene.looks == looks
        assert scene.eye.lost_looks == 0


def test_a_model_that_is_behind_looks_at_the_newest() -> None:
    scene = Scene(2)
    for number in range(10):
        scene.part(number)
        while scene.eye.has_work() and number < 8:
            scene.model()
    first = scene.eye._job
    assert first is not None, "he walks since picture 16"
    for number in range(10, 10 + MAX_PICTURES):
        scene.part(number)
    assert scene.eye.lost_looks >= 1
    assert len(scene.eye._pictures) <= MAX_PICTURES
    newest = scene.eye.take()
    assert newest is not None
    assert newest.work.time_us >= (2 * (10 + MAX_PICTURES) - MAX_PICTURES - 2) * STEP_US


def test_pictures_wait_while_the_model_looks_and_go_with_the_gate() -> None:
    scene = Scene(2)
    for number in range(10):
        scene.part(number)
        if scene.eye.has_work():
            break
    job = scene.eye.take()
    assert job is not None
    scene.part(number + 1)
    assert not scene.eye.has_work(), "not before it has answered"
    scene.eye.watch = Watch.STATISTICS
    assert scene.eye.conclude(job, None) == ([], [])
    assert not scene.eye._pictures
    assert not scene.eye.has_work()


def test_a_stream_that_describes_no_video_is_counted_and_raises_nothing() -> None:
    eye = Eye("cour", Pipeline(LAWN, PARIS), armed_zones=True, watch=Watch.PERSONS)
    for number in range(3):
        eye.offer(Offered(b"no init segment", b"", number))
    assert eye.digest() == []
    assert eye.refused == 3
    assert not eye.has_work()
