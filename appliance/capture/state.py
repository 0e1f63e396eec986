"""What is known of one stream's capture: plain values for the socket, the page and the probes."""

from dataclasses import dataclass
from enum import StrEnum

from appliance.core.cause import GapCause


class CaptureState(StrEnum):
    """The reconnect state machine. Every failure leads to WAITING, every wait to CONNECTING."""

    IDLE = "idle"  # not started
    CONNECTING = "connecting"  # TCP
    DESCRIBING = "describing"  # DESCRIBE, and the password
    SETTING_UP = "setting_up"
    STARTING = "starting"  # PLAY sent
    WAITING_KEYFRAME = "waiting_keyframe"  # pictures come, none a run may begin with yet
    PLAYING = "playing"  # a run is open
    WAITING = "waiting"  # after a failure, before the next try
    PAUSED = "paused"  # not connected on purpose, until `resume`
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class CameraState:
    """State of one stream. `cause`: why nothing is recorded now, NONE while PLAYING.

    `sentence_fr`, `sentence_en`: the failure in words, empty without one. `fps`, `bitrate` (bits a second): over the
    last seconds. `lost_packets`: RTP packets missing since the start; `reconnects`: sessions after the first.
    `camera_clock_offset_us`: camera wall time minus the appliance's, None while unknown.
    `reader`: "native", or "compatible" when libav reads the camera in a process of its own.
    """

    state: CaptureState
    since_utc_us: int
    cause: GapCause
    sentence_fr: str
    sentence_en: str
    fps: float
    bitrate: int
    width: int
    height: int
    codec: str
    lost_packets: int
    reconnects: int
    audio_offered: bool
    camera_clock_offset_us: int | None
    pictures: int
    runs: int
    reader: str = "native"
