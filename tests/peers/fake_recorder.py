"""A recorder that answers from memory: real chunks of the real format, made with PyAV, without disks or cameras.

Each stream is one *tape*: pictures with the counter of the simulated cameras burnt in, in two runs with a gap of
known cause between them, and a chunk border inside the second run.
"""

import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from typing import Any, Final, Literal

import av
import numpy as np
import numpy.typing as npt

from appliance.core.cause import GapCause
from appliance.core.clock_reason import CONFIRMED, NTP, Reason
from appliance.core.units import TICKS_PER_SECOND, US_PER_SECOND, ticks_to_us
from appliance.media.boxes import init_segment
from appliance.media.part import build_part, part_size
from appliance.media.stream import AccessUnit, ClockState, CodecParameters, StreamName
from appliance.ring.dating.clock_gate import ClockDoubtful
from appliance.ring.faults import ChunkReused, RecorderRefused
from appliance.web.errors import RecorderDown, UnknownCamera
from appliance.web.recorder import Answer
from tests.peers.footage import encode

START_US: Final = 1_795_503_600 * US_PER_SECOND + 123_000
"""UTC us of the first picture: 2026-11-24T07:00:00.123Z, eight o'clock in Paris."""

FIRST_RUN_S: Final = 20
GAP_S: Final = 12
SECOND_RUN_S: Final = 24
CHUNK_BORDER_S: Final = 10
"""Seconds into the second run at which another chunk begins."""

PART_S: Final = 0.4
DISK: Final = "0123456789abcdef0123456789abcdef"
HEVC_TAG: Final = 255
"""Stands in the path of the chunk of `hevc_tape`."""

LENGTH_US: Final = (FIRST_RUN_S + GAP_S + SECOND_RUN_S) * US_PER_SECOND


@dataclass(frozen=True, slots=True)
class Form:
    """How a stream is encoded."""

    width: int
    height: int
    fps: int
    gop: int


FORMS: Final[dict[str, Form]] = {"sub": Form(640, 360, 15, 15), "main": Form(1280, 720, 10, 20)}


def burn(luma: npt.NDArray[np.uint8], counter: int, tag: int) -> None:
    """Draw the block code of appliance/demo/counter.py into a luma plane (rows, columns), in place."""
    height, width = luma.shape
    body = counter.to_bytes(4, "big") + bytes((tag,))
    bits = f"{int.from_bytes(body, 'big'):040b}{binascii.crc_hqx(body, 0) & 0xFFF:012b}"
    blocks, wide = 28, (width // 16) // 28
    top = (-(-height // 16) - 3) * 16
    luma[top : top + 16] = 16
    for line in (0, 1):
        for block, bit in enumerate("01" + bits[line * 26 : line * 26 + 26]):
            if bit == "1":
                for macroblock in range(wide):
                    left = (block * wide + macroblock) * 16
                    luma[top + 8 * line : top + 8 * line + 8, left : left + 12] = 235
    assert blocks * wide * 16 <= width


def _pictures(form: Form, count: int, tag: int) -> Iterator[av.VideoFrame]:
    rows, columns = np.mgrid[0 : form.height, 0 : form.width]
    ground = (64 + 60 * rows / form.height + 20 * np.sin(columns / 40)).astype(np.uint8)
    for counter in range(count):
        luma = ground.copy()
        left = (counter * 7) % (form.width - 60)
        luma[form.height // 3 : form.height // 3 + 60, left : left + 60] = 200
        burn(luma, counter, tag)
        planes = np.concatenate([luma.reshape(-1), np.full(form.width * form.height // 2, 128, np.uint8)])
        frame = av.VideoFrame.from_ndarray(planes.reshape(form.height * 3 // 2, form.width), format="yuv420p")
        frame.pts = counter
        frame.time_base = Fraction(1, form.fps)
        yield frame


@dataclass(slots=True)
class Tape:
    """One stream's chunks as `ranges` tells them, and their bytes."""

    parameters: CodecParameters
    chunks: list[dict[str, Any]] = field(default_factory=list)
    data: dict[int, bytes] = field(default_factory=dict)  # by chunk number


def access_units(form: Form, count: int, tag: int) -> tuple[CodecParameters, list[AccessUnit]]:
    """Encode and repack Annex B as length-prefixed access units, as capture does."""
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = form.width, form.height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, form.fps), Fraction(form.fps, 1)
    codec.gop_size, codec.max_b_frames = form.gop, 0
    codec.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": "26",
        "x264-params": "scenecut=0:keyint_min=1",
    }
    units: list[AccessUnit] = []
    sets: tuple[bytes, ...] = ()
    for frame in [*_pictures(form, count, tag), None]:
        for packet in codec.encode(frame):
            nals = [nal.rstrip(b"\0") for nal in bytes(packet).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if nal]
            sets = sets or tuple(nal for nal in nals if nal[0] & 31 in {7, 8})
            data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
            ticks = int(packet.pts or 0) * TICKS_PER_SECOND // form.fps
            units.append(AccessUnit(data, ticks, ticks, bool(packet.is_keyframe)))
    profile = sets[0][1:4].hex()
    return CodecParameters("h264", sets, form.width, form.height, f"avc1.{profile}"), units


def _parts_of(units: list[AccessUnit]) -> Iterator[list[AccessUnit]]:
    part: list[AccessUnit] = []
    for unit in units:
        if part and (unit.keyframe or unit.dts_ticks - part[0].dts_ticks >= PART_S * TICKS_PER_SECOND):
            yield part
            part = []
        part.append(unit)
    if part:
        yield part


@cache
def tape(stream: StreamName, camera_tag: int) -> Tape:
    """The tape of a stream; encoded once per process."""
    form = FORMS[stream]
    seconds = FIRST_RUN_S + SECOND_RUN_S
    parameters, units = access_units(form, seconds * form.fps, camera_tag)
    return make_tape(parameters, units, form, camera_tag)


def make_tape(parameters: CodecParameters, units: list[AccessUnit], form: Form, tag: int) -> Tape:
    """Both runs of these pictures, in two chunks."""
    made = Tape(parameters)
    first, border = FIRST_RUN_S * form.fps, (FIRST_RUN_S + CHUNK_BORDER_S) * form.fps
    _add_chunk(made, tag, form, [(1, 0, units[:first]), (2, GAP_S, units[first:border])])
    _add_chunk(made, tag, form, [(2, GAP_S, units[border:])])
    return made


@cache
def hevc_tape() -> Tape:
    """The only stream of a camera that records H.265: ten seconds, a keyframe every two."""
    form = Form(320, 180, 25, 50)
    made = encode(10 * form.fps, codec="h265", gop=form.gop, width=form.width, height=form.height)
    first = made.units[0].dts_ticks
    units = [replace(u, dts_ticks=u.dts_ticks - first, pts_ticks=u.pts_ticks - first) for u in made.units]
    found = Tape(made.parameters)
    _add_chunk(found, HEVC_TAG, form, [(1, 0, units)])
    return found


def _add_chunk(made: Tape, tag: int, form: Form, runs: list[tuple[int, int, list[AccessUnit]]]) -> None:
    number = len(made.chunks) + 1
    body = bytearray(init_segment(made.parameters, "Témoin"))
    init_length = len(body)
    body += bytes(4096 - len(body) % 4096)
    base = runs[0][2][0].dts_ticks
    rows: list[list[int]] = []
    sequence = 0
    for run, shift_s, units in runs:
        for at, part in enumerate(_parts_of(units)):
            sequence += 1
            tfdt = part[0].dts_ticks - base + shift_s * TICKS_PER_SECOND * (len(runs) > 1)
            utc = START_US + ticks_to_us(part[0].dts_ticks) + shift_s * US_PER_SECOND
            block = bytearray(part_size(part))
            build_part(
                memoryview(block),
                part,
                offset=len(body),
                generation=number,
                run=run,
                sequence=sequence,
                utc_us=utc,
                monotonic_us=ticks_to_us(part[0].dts_ticks),
                boot_id=bytes(16),
                clock_state=ClockState.VERIFIED,
                starts_run=at == 0 and run != 2,
                cause=GapCause.NONE,
                previous_crc=0,
                tfdt=tfdt,
                last_duration=TICKS_PER_SECOND // form.fps,
            )
            duration = len(part) * TICKS_PER_SECOND // form.fps
            flags = int(part[0].keyframe) | 2 * (at == 0)
            rows.append([len(body), len(block), utc, tfdt, duration, run, sequence, len(part), flags])
            body += block
    made.data[number] = bytes(body)
    made.chunks.append(
        {
            "disk": DISK,
            "path": f"{tag}/{number}",
            "number": number,
            "generation": number,
            "codec": made.parameters.rfc6381,
            "width": form.width,
            "height": form.height,
            "init_length": init_length,
            "base_utc_us": rows[0][2] - ticks_to_us(rows[0][3]),
            "parts": rows,
        }
    )


def _cut(spans: list[dict[str, Any]], from_us: int, to_us: int) -> list[dict[str, Any]]:
    """Spans without [from, to); what follows says that the camera closed the connection."""
    found = []
    for span in spans:
        if span["from_us"] < from_us < span["to_us"]:
            found.append({**span, "to_us": from_us})
            found.append({**span, "from_us": to_us, "run": 9, "cause": GapCause.CAMERA_CLOSED.name})
        else:
            found.append(span)
    return found


class FakeRecorder:
    """Stands where ring.reader.RecorderClient does. `now_us` moves by hand; `down` makes every verb fail."""

    def __init__(self, cameras: Mapping[str, str] | None = None) -> None:
        self.cameras = dict(cameras or {"portail": "Portail", "cour": "Cour"})
        self.now_us = START_US + LENGTH_US
        self.down = False
        self.live: dict[str, Any] = {"state": "recording", "cause": None}
        self.leases: list[tuple[str, str, int, int, int]] = []
        self.released: list[str] = []
        self.freed: set[int] = set()  # numbers of chunks given to newer video, known to all
        self.reused: set[int] = set()  # the same, a moment before `ranges` knows it
        self.main_gap: tuple[int, int] | None = None  # us from the start, whole seconds: main alone was not recorded
        self.disk_error = "", ""  # of the first disk, English and French
        self.reads = 0
        self.lost_from: int | None = None  # from this read of media on, zeros: freed meanwhile
        self.stopped: dict[str, GapCause] = {}  # camera: why
        self.hevc: set[str] = set()  # cameras that record H.265 and have no light stream
        self.compatible: set[str] = set()  # cameras that the compatible reader reads
        self.pauses: dict[str, dict[str, Any]] = {}  # camera: its pause under way, as in the state
        self.past_pauses: dict[str, list[tuple[int, int, str]]] = {}  # camera: earlier ones
        self.next_pause_us: int | None = None
        self.clock: dict[str, object] = {"state": "verified", "since_utc_us": None, "fr": NTP.fr, "en": NTP.en}
        self.retention: list[dict[str, object]] = []
        self.begun: dict[str, object] = {}

    def judged(self, state: str, reason: Reason, since_us: object) -> None:
        """The clock judgement is another one."""
        self.clock = {"state": state, "since_utc_us": since_us, "fr": reason.fr, "en": reason.en}

    async def confirm_time(self) -> Answer:
        if self.down:
            raise RecorderDown
        self.judged("held", CONFIRMED, self.clock["since_utc_us"])
        return {"clock": self.clock}

    def dated(self) -> None:
        """Pictures are refused while the clock is doubtful, as the recorder's socket does it."""
        if self.clock["state"] == "doubtful":
            error = ClockDoubtful(why_fr=str(self.clock["fr"]), why_en=str(self.clock["en"]))
            raise RecorderRefused(
                refusal=error.code, sentence_fr=error.sentence("fr"), sentence_en=error.sentence("en")
            )

    def tape(self, camera: str, stream: str) -> Tape:
        if self.down:
            raise RecorderDown
        if camera not in self.cameras or stream not in FORMS:
            raise UnknownCamera(camera=camera, stream=stream)
        if camera in self.hevc:
            if stream != "main":
                raise UnknownCamera(camera=camera, stream=stream)
            return hevc_tape()
        name: Literal["main", "sub"] = "main" if stream == "main" else "sub"
        return tape(name, 1 + 2 * list(self.cameras).index(camera) + (name == "main"))

    def durable_us(self) -> int:
        return min(START_US + LENGTH_US, self.now_us)

    async def state(self) -> Answer:
        if self.down:
            raise RecorderDown
        return {
            "now_utc_us": self.now_us,
            "cameras": [
                {
                    "id": camera,
                    "name": name,
                    "place": f"Bâtiment {camera[0].upper()}",
                    "recording": "outside_activity" if camera in self.pauses else "permanent",
                    "pause": self.pauses.get(camera),
                    "next_pause_us": self.next_pause_us,
                    "streams": {
                        stream: self._stream_state(camera, stream)
                        for stream in FORMS
                        if stream == "main" or camera not in self.hevc
                    },
                }
                for camera, name in self.cameras.items()
            ],
            "disks": [
                {
                    "path": f"/disques/{letter}",
                    "chunks": 60,
                    "free": 10,
                    "open": 4,
                    "closed": 44,
                    "freed": 2,
                    "backend": "O_DIRECT",
                    "tick_ms": 18.5,
                    "mark_utc_us": self.now_us - 300_000 if letter == "a" else 0,
                    "error": self.disk_error[0] if letter == "a" else "",
                    "error_fr": self.disk_error[1] if letter == "a" else "",
                }
                for letter in "ab"
            ],
            "jobs": [],
            "clock": self.clock,
            "retention": self.retention,
            "begun": self.begun,
        }

    def _stream_state(self, camera: str, stream: str) -> dict[str, Any]:
        form, cause = FORMS[stream], self.stopped.get(camera)
        return {
            "state": "recording" if cause is None else "waiting",
            "since_utc_us": START_US,
            "cause": None if cause is None else cause.name,
            "sentence_fr": "",
            "sentence_en": "",
            "fps": float(form.fps),
            "bitrate": 400_000,
            "width": form.width,
            "height": form.height,
            "codec": "h265" if camera in self.hevc else "h264",
            "reader": "compatible" if camera in self.compatible else "native",
            "durable_utc_us": self.durable_us() if cause is None else self.now_us - 95_000_000,
            "first_utc_us": self._first_us(),
            "lost_packets": 0,
        }

    def _first_us(self) -> int:
        return START_US + (FIRST_RUN_S + GAP_S + CHUNK_BORDER_S) * US_PER_SECOND if 1 in self.freed else START_US

    def _lost(self, stream: str, utc_us: int) -> bool:
        """Is this instant of a recorded stretch not there any more, or never was in main alone?"""
        gap = self.main_gap if stream == "main" else None
        return utc_us < self._first_us() or (gap is not None and gap[0] <= utc_us - START_US < gap[1])

    def _row(self, stream: str, row: list[int]) -> list[int]:
        """A part as told: another run behind the gap of main."""
        if stream != "main" or self.main_gap is None or row[2] - START_US < self.main_gap[1] or row[5] != 1:
            return row
        return [*row[:5], 9, *row[6:]]

    async def spans(self, camera: str, stream: str, from_us: int, to_us: int) -> Answer:
        self.tape(camera, stream)
        second = START_US + (FIRST_RUN_S + GAP_S) * US_PER_SECOND
        spans: list[dict[str, Any]] = [
            {"from_us": START_US, "to_us": START_US + FIRST_RUN_S * US_PER_SECOND, "run": 1, "cause": "NONE"},
            {"from_us": second, "to_us": self.durable_us(), "run": 2, "cause": GapCause.CAMERA_SILENT.name},
        ]
        for span in spans:
            span["from_us"] = max(span["from_us"], self._first_us())
        if stream == "main" and self.main_gap is not None:
            spans = _cut(spans, START_US + self.main_gap[0], START_US + self.main_gap[1])
        return {
            "spans": [
                span for span in spans if span["from_us"] < min(to_us, span["to_us"]) and span["to_us"] > from_us
            ],
            "pauses": self._pauses(camera),
            "durable_us": self.durable_us(),
            "live": self.live,
        }

    def _pauses(self, camera: str) -> list[tuple[int, int, str]]:
        now = self.pauses.get(camera)
        here = [] if now is None else [(now["from_us"], now["until_us"] or self.now_us, now["cause"])]
        return [*self.past_pauses.get(camera, ()), *here]

    async def ranges(
        self, camera: str, stream: str, from_us: int, to_us: int, *, from_keyframe: bool = False
    ) -> Answer:
        self.dated()
        chunks = self.tape(camera, stream).chunks
        start = from_us
        if from_keyframe:
            keyframes = [row[2] for chunk in chunks for row in chunk["parts"] if row[8] & 1 and row[2] <= from_us]
            start = max(keyframes, default=from_us)
        found = []
        for chunk in chunks:
            rows = [
                r for r in chunk["parts"] if r[2] < to_us and r[2] + ticks_to_us(r[4]) > start and r[2] < self.now_us
            ]
            rows = [self._row(stream, r) for r in rows if not self._lost(stream, r[2])]
            if rows:
                base = rows[0][2] - ticks_to_us(rows[0][3])
                found.append({**chunk, "parts": rows, "base_utc_us": base})
        return {"chunks": found, "durable_us": self.durable_us()}

    async def lease(self, camera: str, stream: str, from_us: int, to_us: int, seconds: int) -> Answer:
        self.tape(camera, stream)
        self.leases.append((camera, stream, from_us, to_us, seconds))
        return {"lease": str(len(self.leases)), "until_us": self.now_us + seconds * US_PER_SECOND}

    async def release(self, lease: str) -> None:
        assert 0 < int(lease) <= len(self.leases)
        self.released.append(lease)

    def read(self, chunk: Answer, offset: int, length: int) -> bytes:
        if self.down:
            raise RecorderDown
        self.reads += offset > 0
        if self.lost_from is not None and self.reads >= self.lost_from and offset > 0:
            return bytes(length)
        tag, number = str(chunk["path"]).split("/")
        if int(number) in self.freed | self.reused:
            raise ChunkReused
        if int(tag) == HEVC_TAG:
            return hevc_tape().data[int(number)][offset : offset + length]
        name: Literal["main", "sub"] = "main" if int(tag) % 2 == 0 else "sub"
        return tape(name, int(tag)).data[int(number)][offset : offset + length]
