"""The clock and the days that pictures are kept, in a person's words: on the page and on the console. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000

_CLOCK_TODO: Final = (
    " Un responsable ou le technicien le fait ici\u202f: page «\u202fHeure\u202f».",
    " A manager of the site or the technician does so here: page 'Time'.",
)


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ClockTold(_Told):
    """The clock judgement as the recorder tells it. `since_utc_us`: since when nobody has verified the time."""

    state: str
    fr: str = ""
    en: str = ""
    since_utc_us: int | None = None


class RetentionTold(_Told):
    """A camera whose pictures are kept too long, or not long enough. Microseconds, 0: as it should be."""

    camera: str
    longer_us: int = 0
    shorter_us: int = 0


def clock_body(clock: ClockTold | None) -> dict[str, Any] | None:
    """As in the contract's schema Clock; None when the recorder does not judge it."""
    if clock is None:
        return None
    return {"state": clock.state, "since_us": clock.since_utc_us, "fr": clock.fr, "en": clock.en}


def clock_issues(clock: ClockTold | None) -> list[dict[str, Any]]:
    """A doubtful clock is a thing to do; a held one is said, and mends itself when the network is back."""
    if clock is None or clock.state in {"verified", "held"}:
        return []
    return [
        _issue(
            "CLOCK",
            None,
            clock.since_utc_us,
            ("Heure non vérifiée\u202f: les images ne sont pas montrées, l'enregistrement continue",
             "Time not verified: pictures are not shown, recording goes on"),
            (clock.fr + _CLOCK_TODO[0], clock.en + _CLOCK_TODO[1]),
        )
    ]  # fmt: skip


def retention_issues(told: Iterable[RetentionTold], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Both alarms of each camera. `names`: for people, by camera."""
    issues: list[dict[str, Any]] = []
    for each in told:
        name = names.get(each.camera, each.camera)
        if each.longer_us:
            issues.append(_issue("KEPT_LONGER", each.camera, None, longer(name, each.longer_us), _LONGER_TODO))
        if each.shorter_us:
            issues.append(_issue("KEPT_SHORTER", each.camera, None, shorter(name, each.shorter_us), _SHORTER_TODO))
    return issues


def floor_issues(told: Iterable[tuple[str, str, Iterable[Mapping[str, str]]]]) -> list[dict[str, Any]]:
    """What the law asks and stored video does not give: (camera, its name, shortfalls as the recorder tells them)."""
    return [
        _issue(
            lack["code"],
            camera,
            None,
            (f"{name}\u202f: {lack['fr']}", f"{name}: {lack['en']}"),
            (lack["todo_fr"], lack["todo_en"]),
        )
        for camera, name, lacks in told
        for lack in lacks
    ]


_LONGER_TODO: Final = (
    "Elles ne sont plus montrées et sont en cours d'effacement. Si cela dure plus d'un jour, prévenez le technicien.",
    "They are shown to nobody and are being erased. If it lasts for over a day, call the technician.",
)
_SHORTER_TODO: Final = (
    "Les disques sont trop petits\u202f: faites-en ajouter un, ou réduire la durée de conservation.",
    "The disks are too small: have one added, or the days of keeping reduced.",
)


def longer(name: str, us: int) -> tuple[str, str]:
    """A camera whose pictures are there after their time, French and English."""
    fr, en = _length(us)
    return (
        f"{name}\u202f: des images sont gardées {fr} de trop",
        f"{name}: pictures are {en} over the time they may be kept",
    )


def shorter(name: str, us: int) -> tuple[str, str]:
    """A camera whose pictures went before their time, French and English."""
    fr, en = _length(us)
    return (
        f"{name}\u202f: images gardées moins longtemps que demandé, il manque {fr}",
        f"{name}: pictures are kept for less than required, {en} missing",
    )


def _length(us: int) -> tuple[str, str]:
    """A length of time as a person says it."""
    days, hours = round(us / DAY_US), max(1, round(us / HOUR_US))
    if us >= DAY_US:
        return f"{days} jour{'s' if days > 1 else ''}", f"{days} day{'s' if days > 1 else ''}"
    return f"{hours} h", f"{hours} h"


def _issue(
    code: str, camera: str | None, since_us: int | None, what: tuple[str, str], todo: tuple[str, str]
) -> dict[str, Any]:
    return {
        "code": code,
        "camera": camera,
        "place": "",
        "since_us": since_us,
        "fr": what[0],
        "en": what[1],
        "todo_fr": todo[0],
        "todo_en": todo[1],
    }
