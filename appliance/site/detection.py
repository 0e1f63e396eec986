"""`[camera.detection]`: where and when a camera's pictures are analysed, and what the law asks for before they are.

Places are fractions of the picture's width and height, (0, 0) top left, so that they hold for every stream of the
camera. Heights of objects are fractions of the picture's height. Nothing here can widen what the legal gate allows
(`detection/gate.py`); zones and hours only narrow it.
"""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from appliance.site.table import CameraId, Day, Hours, Reason, Table, Words

Point = tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]]
Polygon = Annotated[tuple[Point, ...], Field(min_length=3, max_length=32)]
Objects = Annotated[tuple[Literal["person", "vehicle"], ...], Field(min_length=1, max_length=2)]
Fraction = Annotated[float, Field(ge=0, le=1)]

MIN_AREA: Final = 0.001
"""Share of the picture: some 230 pixels of 640x360. A smaller zone is a slip of the hand: no foot can stand in it."""

MIN_LINE: Final = 0.05
"""Fraction of the picture. A shorter line is passed beside more often than over."""

DEFAULT_SECONDS: Final = {"intrusion": 1.0, "loitering": 60.0}
"""Seconds in the zone before an alert: five looks for one who must not be there; a minute for one who stays."""


class _Watched(Table):
    """What zones and lines share. `hours`: each day, in the site's time; without them whenever the camera is armed."""

    name: Words
    objects: Objects = ("person",)
    min_height: Fraction = 0.0
    max_height: Fraction = 1.0
    hours: Hours | None = None

    @model_validator(mode="after")
    def _heights_in_order(self) -> Self:
        if self.min_height >= self.max_height:
            raise ValueError("heights")
        return self


class ZoneSettings(_Watched):
    """`[[camera.detection.zone]]`: an object's foot is inside the polygon for `seconds`."""

    rule: Literal["intrusion", "loitering"] = "intrusion"
    polygon: Polygon
    seconds: float | None = Field(default=None, ge=0.4, le=3600)

    @model_validator(mode="after")
    def _a_real_polygon(self) -> Self:
        _check_polygon(self.polygon)
        return self

    @property
    def dwell_s(self) -> float:
        """Seconds inside before the rule speaks."""
        return DEFAULT_SECONDS[self.rule] if self.seconds is None else self.seconds


class LineSettings(_Watched):
    """`[[camera.detection.line]]`: an object's foot passes from one side of the line to the other.

    Left and right are those of somebody who looks along the line from `start` to `end` on the picture.
    """

    start: Point
    end: Point
    direction: Literal["both", "to_left", "to_right"] = "both"

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if abs(self.start[0] - self.end[0]) + abs(self.start[1] - self.end[1]) < MIN_LINE:
            raise ValueError("line-short")
        return self


class IgnoreSettings(Table):
    """`[[camera.detection.ignore]]`: leaves, a flag, a road behind the fence. Nothing that stands there counts."""

    name: Words | None = None
    polygon: Polygon

    @model_validator(mode="after")
    def _a_real_polygon(self) -> Self:
        _check_polygon(self.polygon)
        return self


class DetectionSettings(Table):
    """`[camera.detection]`. Without zone and line, a person anywhere in an armed camera's picture is an intrusion."""

    aipd: Annotated[str, Field(min_length=4, max_length=120)] | None = None
    living_space_reason: Reason | None = None
    living_space_until: Day | None = None
    sensitivity: Literal["low", "normal", "high"] = "normal"
    zone: tuple[ZoneSettings, ...] = Field(default=(), max_length=16)
    line: tuple[LineSettings, ...] = Field(default=(), max_length=8)
    ignore: tuple[IgnoreSettings, ...] = Field(default=(), max_length=16)

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [entry.name for entry in (*self.zone, *self.line)]
        if len(set(names)) < len(names):
            raise ValueError("zone-twice")
        return self

    @model_validator(mode="after")
    def _whole_reason(self) -> Self:
        if (self.living_space_reason is None) != (self.living_space_until is None):
            raise ValueError("living-half")
        return self


def detection_mistakes(
    own: str,
    detection: DetectionSettings,
    linked: tuple[CameraId, ...],
    known: frozenset[str],
    *,
    lawful: bool,
    living: bool,
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Key and name of each mistake that the table alone does not show.

    `own`: the camera's id. `lawful`: its legal zone is `non_public`. `living`: its area is a living space.
    """
    if not lawful and detection != DetectionSettings():
        yield ("detection",), "detection-public"
    if not living and detection.living_space_reason is not None:
        yield ("detection", "living_space_reason"), "living-unused"
    if own in linked or not known.issuperset(linked):
        yield ("linked",), "linked"


def _check_polygon(points: Polygon) -> None:
    """Raises ValueError("polygon") for one that encloses nothing or whose sides cross."""
    sides = list(zip(points, points[1:] + points[:1], strict=True))
    area = abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in sides)) / 2
    crossing = any(
        _cross(*first, *second)
        for index, first in enumerate(sides)
        for second in sides[index + 2 : len(sides) - (index == 0)]
    )
    if area < MIN_AREA or crossing:
        raise ValueError("polygon")


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """True when the segments a-b and c-d cross."""
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


MISTAKES: Final = {
    "detection-public": (
        (
            "aucune analyse d'image n'est permise sur la voie publique ni dans un lieu ouvert au public (Conseil "
            "d'État, 30 janvier 2026, n° 506370) : retirez la table [camera.detection]"
        ),
        (
            "no analysis of pictures is allowed on a public road or in a place open to the public (Conseil d'État, "
            "30 Jan 2026, no. 506370): take the table [camera.detection] out"
        ),
    ),
    "living-half": (
        "une détection dans un lieu de vie s'écrit avec motif et date de fin : living_space_reason, living_space_until",
        "detection in a living space needs both reason and end date: living_space_reason and living_space_until",
    ),
    "living-unused": (
        "ce motif n'existe que pour un lieu de vie (cour, préau, salle...) : retirez-le",
        "this reason is only for a living space (yard, classroom...): take it out",
    ),
    "linked": (
        'écrivez les noms courts d\'autres caméras de ce fichier, par exemple linked = ["cour-thermique"]',
        'write the short names of other cameras of this file, such as linked = ["yard-thermal"]',
    ),
    "heights": (
        "min_height doit être plus petit que max_height : fractions de la hauteur de l'image, par exemple 0.1 et 0.8",
        "min_height must be below max_height: fractions of the picture's height, such as 0.1 and 0.8",
    ),
    "line-short": (
        "ligne trop courte : écrivez deux points éloignés, par exemple start = [0.2, 0.6] et end = [0.8, 0.6]",
        "the line is too short: write two points apart, such as start = [0.2, 0.6] and end = [0.8, 0.6]",
    ),
    "polygon": (
        (
            "ces points n'entourent aucune surface, ou les côtés se croisent : écrivez-les dans l'ordre du tour, par "
            "exemple [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]]"
        ),
        (
            "these points enclose nothing, or the sides cross: write them in the order of the outline, such as "
            "[[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]]"
        ),
    ),
    "zone-twice": (
        "deux zones ou lignes de cette caméra portent le même nom : changez-en un",
        "two zones or lines of this camera have the same name: change one",
    ),
}
"""Name of a mistake: what to write, in French and English."""
