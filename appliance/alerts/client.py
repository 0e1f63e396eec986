"""Asks the detector's socket; its verbs are those of `alerts.protocol`."""

from pathlib import Path

from appliance.alerts.errors import DetectorRefused, DetectorUnreachable
from appliance.core.lines import ASK_S, LineClient


class DetectorClient(LineClient):
    """One connection, kept, made again after an error. Every call raises DetectorUnreachable or DetectorRefused."""

    def __init__(self, path: Path, *, answer_s: float = ASK_S) -> None:
        super().__init__(path, unreachable=DetectorUnreachable, refused=DetectorRefused, answer_s=answer_s)
