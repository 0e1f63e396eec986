"""Cameras that record and see nothing: covered, blurred, turned away, frozen. From the detector's open alerts. Pure.

Recording does not depend on it: without a detector nothing is said here, and the alerts' page says why.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

WORDS: Final[dict[str, tuple[tuple[str, str], tuple[str, str]]]] = {
    "covered": (
        ("la caméra est masquée, elle ne voit plus rien", "the camera is covered and sees nothing"),
        (
            "Allez ôter ce qui la couvre. S'il y fait seulement noir, répondez à l'alerte que c'en est une fausse.",
            "Go and take away what covers it. If the place is only dark, answer the alert as a false one.",
        ),
    ),
    "defocused": (
        ("l'image est devenue floue", "the picture has become blurred"),
        (
            "Nettoyez la vitre de la caméra. Si l'image reste floue, prévenez le technicien.",
            "Clean the camera's glass. If the picture stays blurred, call the technician.",
        ),
    ),
    "moved": (
        ("la caméra ne regarde plus au même endroit", "the camera no longer looks at the same place"),
        (
            "Remettez-la comme elle était, ou prévenez le technicien.",
            "Turn it back as it was, or call the technician.",
        ),
    ),
    "frozen": (
        ("l'image est figée, la caméra envoie toujours la même", "the picture is frozen, always the same one"),
        (
            "Coupez l'alimentation de la caméra, puis remettez-la.",
            "Cut the camera's power, then switch it on again.",
        ),
    ),
}
"""By rule: what is so, and what to do; French and English."""


def sight_issues(alerts: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """One issue per camera and rule that still holds; an alert that a person has called false is none.

    `alerts`: as the detector lists them, newest first. `names`: of cameras, for people.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for alert in alerts:
        camera, rule = str(alert["camera"]), str(alert["rule"])
        words = WORDS.get(rule)
        answer = alert["answer"]
        if words is None or alert["closed_us"] is not None or (answer is not None and answer["verdict"] == "false"):
            continue
        (fr, en), (todo_fr, todo_en) = words
        name = names.get(camera, camera)
        found[camera, rule] = {
            "code": f"SIGHT_{rule.upper()}",
            "camera": camera,
            "place": "",
            "since_us": alert["opened_us"],
            "fr": f"{name}\u202f: {fr}",
            "en": f"{name}: {en}",
            "todo_fr": todo_fr,
            "todo_en": todo_en,
        }
    return list(found.values())
