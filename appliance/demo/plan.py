"""What goes wrong in a demonstration, and what a sound recorder must say about it. Pure data and functions.

Causes are the recorder's own names (core.cause.GapCause). Return times are what its published waits allow: silence
is seen after 8 s, a refused connection is tried again within seconds, a refused password not before a minute.
"""

from dataclasses import dataclass

from appliance.core.cause import GapCause
from appliance.demo.faults import FaultStep

SETTLE_S = 3.0
"""Seconds that must remain after the last return, for the video after it to be durable and shown."""

CYCLE_S = 100.0
"""Seconds after which an endless demonstration begins its faults again."""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One thing that happens to one camera.

    `at_s`: after the moment everything records. `lasts_s`: how long the camera is ill; `back_s`: seconds after
    that within which pictures must be recorded again (None: not within the demonstration).
    `streams`: whose gap is expected. `sentence`: French, English.
    """

    at_s: float
    camera: str
    step: FaultStep
    cause: GapCause
    lasts_s: float
    back_s: float | None
    streams: tuple[str, ...] = ("main", "sub")
    sentence: tuple[str, str] = ("", "")

    @property
    def over_s(self) -> float:
        """When pictures must be back at the latest."""
        return self.at_s + self.lasts_s + (self.back_s or 0.0)


_ALL = (
    PlannedFault(
        at_s=4,
        camera="portail",
        step=FaultStep(0, "reset"),
        cause=GapCause.CAMERA_CLOSED,
        lasts_s=0,
        back_s=12,
        sentence=(
            "« {name} » coupe la connexion, puis répond de nouveau",
            "'{name}' drops its connection, then answers again",
        ),
    ),
    PlannedFault(
        at_s=10,
        camera="cour",
        step=FaultStep(0, "silence", seconds=14),
        cause=GapCause.CAMERA_SILENT,
        lasts_s=14,
        back_s=14,
        sentence=(
            "« {name} » se tait 14 secondes, puis revient",
            "'{name}' falls silent for 14 seconds, then comes back",
        ),
    ),
    PlannedFault(
        at_s=15,
        camera="couloir",
        step=FaultStep(0, "lose_burst", count=40, stream="main"),
        cause=GapCause.PACKET_LOSS,
        lasts_s=1,
        back_s=5,
        streams=("main",),
        sentence=(
            "le réseau perd 40 paquets de « {name} »",
            "the network loses 40 packets of '{name}'",
        ),
    ),
    PlannedFault(
        at_s=24,
        camera="portail",
        step=FaultStep(0, "refuse", seconds=6),
        cause=GapCause.CAMERA_REFUSED,
        lasts_s=6,
        back_s=14,
        sentence=(
            "« {name} » meurt 6 secondes : elle refuse toute connexion",
            "'{name}' dies for 6 seconds: it refuses every connection",
        ),
    ),
    PlannedFault(
        at_s=38,
        camera="parking",
        step=FaultStep(0, "wrong_password", seconds=20),
        cause=GapCause.CAMERA_AUTH,
        lasts_s=20,
        back_s=None,
        sentence=(
            "quelqu'un change 20 s le mot de passe de « {name} » ; l'enregistreur n'essaie qu'une fois par minute",
            "someone changes the password of '{name}' for 20 s; the recorder tries only once a minute",
        ),
    ),
)


def plan(duration_s: float | None) -> tuple[PlannedFault, ...]:
    """Faults of a demonstration of `duration_s` seconds (None: one cycle of an endless one).

    What could not be over in time is left out; the password fault stays open until the end and needs 12 s to be
    seen.
    """
    if duration_s is None:
        return _ALL
    return tuple(
        fault
        for fault in _ALL
        if (fault.over_s if fault.back_s is not None else fault.at_s + _OPEN_SHOWN_S) + SETTLE_S <= duration_s
    )


_OPEN_SHOWN_S = 12.0
