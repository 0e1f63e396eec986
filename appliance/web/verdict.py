"""From the recorder's state to what a tired person needs: all is well, or what is wrong, since when, what to do.

Pure functions. Truth is taken from the result, not from the claim: a stream records when its durable mark
follows the present, whatever its state is called.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from appliance.core.cause import GapCause
from appliance.web.forecast import Filled, room_us
from appliance.web.lawful import ClockTold, RetentionTold, clock_body, clock_issues, floor_issues, retention_issues
from appliance.web.pauses import pause_issues
from appliance.web.timeline import UNKNOWN, cause_name, words

LATE_US: Final = 10_000_000
"""us. A healthy durable mark is under 1 s old; a lost disk may delay it 8 s without losing a picture."""

STARTING_US: Final = 20_000_000
"""us. A camera answers and sends a keyframe within this after a start, else something is wrong."""

NOTED_US: Final = 86_400_000_000
"""us that a power cut stays on the home page: whoever comes in the morning reads of the night."""

Status = Literal["recording", "starting", "stopped", "paused"]


class _Known(BaseModel):
    """Fields of the recorder's answer that the page shows; others are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class StreamState(_Known):
    """One stream, as the recorder tells it."""

    state: str = "unknown"
    since_utc_us: int | None = None
    cause: str | int | None = None
    fps: float | None = None
    bitrate: float | None = None  # bit/s
    width: int | None = None
    height: int | None = None
    codec: str | None = None
    reader: str | None = None
    durable_utc_us: int | None = None
    first_utc_us: int | None = None
    lost_packets: int | None = None


class PauseState(_Known):
    """Why a camera must not be recorded now. `until_us`: when it goes on, None when nobody knows."""

    cause: str
    from_us: int
    until_us: int | None = None
    fr: str = ""
    en: str = ""


class CameraState(_Known):
    """One camera and its streams. `recording`: its rule; `next_pause_us`: when the calendar will pause it."""

    id: str
    name: str
    place: str = ""
    recording: str = "permanent"
    pause: PauseState | None = None
    next_pause_us: int | None = None
    floor: list[dict[str, str]] = []
    streams: dict[str, StreamState]

    def status(self, stream: StreamState, now_us: int) -> Status:
        """What one of its streams really does now."""
        return status_of(stream, now_us) if self.pause is None else "paused"


class DiskState(_Known):
    """One recording disk: chunks by state; UTC up to which its pictures are durable (0: none); why it is out."""

    path: str
    name: str = ""
    name_fr: str = ""
    chunks: int = 0
    free: int = 0
    open: int = 0
    closed: int = 0
    freed: int = 0
    protected: int = 0
    backend: str = ""
    tick_ms: float | None = None
    mark_utc_us: int | None = None
    error: str = ""
    error_fr: str = ""


class BegunState(_Known):
    """How the recorder began: at `at_us`, after a last sign of life at `before_us` (0: none), for what cause."""

    cause: str = GapCause.APPLIANCE_OFF.name
    before_us: int = 0
    at_us: int = 0


class RecorderState(_Known):
    """The whole answer."""

    now_utc_us: int
    cameras: list[CameraState] = []
    disks: list[DiskState] = []
    jobs: list[dict[str, Any]] = []
    journal: dict[str, Any] = {}
    records: list[dict[str, Any]] = []
    clock: ClockTold | None = None
    retention: list[RetentionTold] = []
    begun: BegunState = BegunState()


_CHECK_CABLE: Final = (
    "Vérifiez l'alimentation et le câble de la caméra, puis le port du commutateur.",
    "Check the camera's power and cable, then the switch port.",
)
_REPLACE: Final = (
    "L'enregistrement continue sur un autre disque. Faites remplacer celui-ci, sans le débrancher vous-même.",
    "Recording goes on on another disk. Have this one replaced; do not unplug it yourself.",
)
_NO_DISK: Final = (
    "Plus aucun disque n'enregistre, aucune image n'est gardée\u202f: appelez le technicien tout de suite.",
    "No disk records any more, no picture is kept: call the technician at once.",
)
_CALL: Final = ("Prévenez le technicien.", "Call the technician.")

ADVICE: Final[dict[str, tuple[str, str]]] = {
    GapCause.CAMERA_REFUSED.name: _CHECK_CABLE,
    GapCause.CAMERA_UNREACHABLE.name: _CHECK_CABLE,
    GapCause.CAMERA_SILENT.name: _CHECK_CABLE,
    GapCause.CAMERA_CLOSED.name: (
        "Rien à faire si cela reste rare\u202f: l'enregistreur se reconnecte seul. Sinon redémarrez la caméra.",
        "Nothing to do if it stays rare: the recorder reconnects by itself. Otherwise restart the camera.",
    ),
    GapCause.CAMERA_AUTH.name: (
        "Le mot de passe de la caméra a changé\u202f: faites-le corriger dans les réglages par le technicien.",
        "The camera's password has changed: have the technician correct it in the settings.",
    ),
    GapCause.CAMERA_NO_STREAM.name: (
        "L'adresse du flux n'est pas la bonne\u202f: faites-la corriger par le technicien.",
        "The stream's address is wrong: have the technician correct it.",
    ),
    GapCause.CAMERA_CODEC.name: (
        "Réglez la caméra sur H.264 ou H.265.",
        "Set the camera to H.264 or H.265.",
    ),
    GapCause.PACKET_LOSS.name: (
        "Le réseau des caméras perd des données\u202f: faites vérifier câble et commutateur.",
        "The camera network loses data: have cable and switch checked.",
    ),
    GapCause.DISK.name: (
        "Un disque est en panne ou trop lent\u202f: faites-le remplacer.",
        "A disk has failed or is too slow: have it replaced.",
    ),
    GapCause.NETWORK.name: (
        "Le réseau des caméras est coupé\u202f: vérifiez le commutateur et le câble de l'enregistreur.",
        "The camera network is down: check the switch and the recorder's cable.",
    ),
}


def status_of(stream: StreamState, now_us: int) -> Status:
    """What a stream really does now."""
    if stream.durable_utc_us is not None and now_us - stream.durable_utc_us <= LATE_US:
        return "recording"
    if stream.first_utc_us is None and stream.since_utc_us is not None and now_us - stream.since_utc_us <= STARTING_US:
        return "starting"
    return "stopped"


def build_state(answer: Mapping[str, Any], more: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The body of GET /api/v1/state, the site apart (contract: schema State). `more`: issues that others know of."""
    state = RecorderState.model_validate(answer)
    now = state.now_utc_us
    names = {camera.id: camera.name for camera in state.cameras}
    issues = clock_issues(state.clock)
    issues += [issue for camera in state.cameras for issue in _camera_issues(camera, now)]
    issues += pause_issues([(c.id, c.name, c.pause.model_dump()) for c in state.cameras if c.pause is not None])
    issues += [_disk_issue(disk, state.disks) for disk in state.disks if disk.error]
    issues += retention_issues(state.retention, names)
    issues += floor_issues((camera.id, camera.name, camera.floor) for camera in state.cameras)
    issues += [_told_issue("JOURNAL", fault) for fault in state.journal.get("faults", ())]
    issues += [_told_issue("RECORD", fault) for fault in state.records]
    issues += [_job_issue(job) for job in state.jobs if job.get("late")]
    issues += more
    starting = any(
        camera.status(stream, now) == "starting" for camera in state.cameras for stream in camera.streams.values()
    )
    return {
        "now_utc_us": now,
        "verdict": "attention" if issues else "starting" if starting else "ok",
        "issues": issues,
        "notes": _notes(state),
        "clock": clock_body(state.clock),
        "cameras": [_camera_body(camera, now) for camera in state.cameras],
        "disks": [_disk_body(disk) for disk in state.disks],
        "room_us": _room_us(state),
    }


def _room_us(state: RecorderState) -> int | None:
    """What the disks that record have room for."""
    firsts = [each.first_utc_us for camera in state.cameras for each in camera.streams.values() if each.first_utc_us]
    disks = (Filled(disk.closed, disk.open, disk.free, disk.protected) for disk in state.disks if not disk.error)
    return room_us(min(firsts, default=None), state.now_utc_us, disks)


def _camera_body(camera: CameraState, now_us: int) -> dict[str, Any]:
    return {
        "id": camera.id,
        "name": camera.name,
        "place": camera.place,
        "recording": camera.recording,
        "pause": None if camera.pause is None else camera.pause.model_dump(),
        "next_pause_us": camera.next_pause_us,
        "streams": {
            name: _stream_body(stream, camera.status(stream, now_us)) for name, stream in camera.streams.items()
        },
    }


def _stream_body(stream: StreamState, status: Status) -> dict[str, Any]:
    cause = _stop_cause(stream) if status == "stopped" else None
    fr, en = ("", "") if cause is None else words(cause)
    durable = stream.durable_utc_us or None
    known = stream.model_dump(exclude={"cause", "durable_utc_us"})
    return {**known, "durable_utc_us": durable, "status": status, "cause": cause, "fr": fr, "en": en}


def _disk_body(disk: DiskState) -> dict[str, Any]:
    return {
        **disk.model_dump(exclude={"error", "error_fr", "name", "name_fr", "protected"}),
        "fr": disk.name_fr or disk.path,
        "en": disk.name or disk.path,
        "mark_utc_us": disk.mark_utc_us or None,
    }


def _stop_cause(stream: StreamState) -> str:
    """Why a stream is stopped; a reader that names no cause does not know it."""
    cause = cause_name(stream.cause)
    return UNKNOWN if cause == GapCause.NONE.name else cause


def _camera_issues(camera: CameraState, now_us: int) -> list[dict[str, Any]]:
    """One issue per cause: both streams of a dead camera are one thing to mend."""
    stopped = {name: stream for name, stream in camera.streams.items() if camera.status(stream, now_us) == "stopped"}
    issues: list[dict[str, Any]] = []
    for cause in dict.fromkeys(_stop_cause(stream) for stream in stopped.values()):
        names = [name for name, stream in stopped.items() if _stop_cause(stream) == cause]
        issues.append(_camera_issue(camera, names, cause))
    return issues


def _camera_issue(camera: CameraState, names: Sequence[str], cause: str) -> dict[str, Any]:
    fr, en = words(cause)
    whole = len(names) == len(camera.streams)
    which_fr, which_en = ("", "") if whole else _STREAM_WORDS.get(names[0], ("", ""))
    since = [stream.durable_utc_us or stream.since_utc_us for stream in (camera.streams[name] for name in names)]
    todo_fr, todo_en = ADVICE.get(cause, _CALL)
    return {
        "code": cause,
        "camera": camera.id,
        "place": camera.place,
        "since_us": min((at for at in since if at is not None), default=None),
        "fr": f"{camera.name}{which_fr}\u202f: n'enregistre plus ({fr})",
        "en": f"{camera.name}{which_en}: not recording ({en})",
        "todo_fr": todo_fr,
        "todo_en": todo_en,
    }


_STREAM_WORDS: Final = {
    "main": (", pleine définition", ", full definition"),
    "sub": (", flux léger", ", light stream"),
}


def _notes(state: RecorderState) -> list[dict[str, Any]]:
    """What is over and was not nothing: a power cut leaves a hole that somebody will look for."""
    begun = state.begun
    if begun.cause != GapCause.POWER.name or not 0 < begun.before_us < begun.at_us:
        return []
    if not 0 <= state.now_utc_us - begun.at_us < NOTED_US:
        return []
    return [
        {
            "code": begun.cause,
            "from_us": begun.before_us,
            "to_us": begun.at_us,
            "fr": "Coupure de courant ou arrêt brutal\u202f: rien n'a été enregistré pendant ce temps",
            "en": "Power cut or sudden stop: nothing was recorded meanwhile",
            "todo_fr": "Rien à faire, l'enregistrement a repris. Si cela se répète, faites vérifier l'onduleur.",
            "todo_en": "Nothing to do, recording goes on. If it comes again, have the UPS checked.",
        }
    ]


def _disk_issue(disk: DiskState, disks: Sequence[DiskState]) -> dict[str, Any]:
    """A disk without open chunks has an old mark and is well: only the recorder can tell that a disk is out."""
    todo_fr, todo_en = _REPLACE if any(not other.error for other in disks) else _NO_DISK
    return {
        "code": GapCause.DISK.name,
        "camera": None,
        "place": disk.path,
        "since_us": disk.mark_utc_us or None,
        "fr": f"Disque {disk.name_fr or disk.path}\u202f: n'enregistre plus ({disk.error_fr or disk.error})",
        "en": f"Disk {disk.name or disk.path}: not recording ({disk.error})",
        "todo_fr": todo_fr,
        "todo_en": todo_en,
    }


def _told_issue(code: str, fault: Mapping[str, Any]) -> dict[str, Any]:
    """A fault that the recorder tells in words: its journal lacks lines, a file of the system disk was put back.

    Recording goes on.
    """
    return {
        "code": code,
        "camera": None,
        "place": "",
        "since_us": None,
        "fr": str(fault.get("fr", "")),
        "en": str(fault.get("en", "")),
        "todo_fr": _CALL[0],
        "todo_en": _CALL[1],
    }


def _job_issue(job: Mapping[str, Any]) -> dict[str, Any]:
    name, error = str(job.get("name", "?")), job.get("error")
    why = f" ({error})" if error else ""
    return {
        "code": "JOB",
        "camera": None,
        "place": "",
        "since_us": None,
        "fr": f"Tâche interne «\u202f{name}\u202f» en retard{why}",
        "en": f'Internal job "{name}" is late{why}',
        "todo_fr": _CALL[0],
        "todo_en": _CALL[1],
    }
