"""Which models are there, which one is used, and how one is installed: by its hash, never by its name alone.

A model is a `.tflite` file and a description. Descriptions of known models come with the product (`models/`); a model
of someone's own has its TOML beside it. Looked for in the installed models folder, then in the assets of a developer.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.detection.errors import ModelUnknown, ModelUnreachable
from appliance.detection.model import Model, ModelDescription, read_description

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

KNOWN: Final = Path(__file__).parent / "models"
"""Descriptions that come with the product."""

DEMO: Final = KNOWN / "demo"
"""The demonstration's model, file and description: a folder for installed models of a site that only shows scenes."""

ASSETS: Final = "APPLIANCE_ASSETS"

FETCH_S: Final = 30
MOST_BYTES: Final = 64 << 20
"""The longest wait for an answer, and the largest model: what is longer is cut, and its hash is then wrong."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model that is there: what it is and the folder of its file. Its hash is checked when it is loaded."""

    description: ModelDescription
    folder: Path


def known_models(folder: Path = KNOWN) -> list[ModelDescription]:
    """Descriptions in a folder, by name. Raises ModelDescriptionWrong."""
    return [read_description(file) for file in sorted(folder.glob("*.toml"))]


def folders(installed: Path, environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Where models may lie, the installed ones first."""
    assets = environment.get(ASSETS, "")
    return [installed, *([Path(assets) / "models"] if assets else [])]


def models_in(places: Iterable[Path], known: Iterable[ModelDescription]) -> list[Found]:
    """Models whose files are there, best first: real ones before the demonstration's, then by rank.

    A folder's own descriptions go before the product's. Raises ModelDescriptionWrong.
    """
    found: dict[str, Found] = {}
    for place in places:
        for description in (*known_models(place), *known):
            if description.name not in found and (place / description.file).is_file():
                found[description.name] = Found(description, place)
    return sorted(found.values(), key=lambda one: (one.description.demo, -one.description.rank, one.description.name))


def load_best(places: Iterable[Path], known: Iterable[ModelDescription]) -> Model | None:
    """The best model that is there, loaded; None without any: motion rules only. Raises ModelDamaged and others."""
    found = models_in(places, known)
    return Model(found[0].description, found[0].folder) if found else None


def install(file: Path, installed: Path, known: Iterable[ModelDescription]) -> ModelDescription:
    """Copy a model file into the installed models, whole or not at all; returns what it is.

    It is told by its sha256: one of the known models, or one whose TOML lies beside it. Raises ModelUnknown.
    """
    beside = file.with_suffix(".toml")
    try:
        content = file.read_bytes()
        own = [read_description(beside)] if beside.is_file() else []
        description = _put(content, str(file), installed, [*own, *known])
        if description in own:
            shutil.copyfile(beside, installed / f"{description.name}.toml")
    except OSError as error:
        raise ModelUnknown(file=str(file), sha256=error.strerror or "?") from error
    return description


def address(description: ModelDescription) -> str | None:
    """Where the origin can be fetched from: `OWNER/NAME @ COMMIT : PATH` of GitHub; None for another form."""
    found = re.fullmatch(r"([\w.-]+/[\w.-]+) @ ([0-9a-f]{40}) : (\S+)", description.origin)
    return None if found is None else f"https://raw.githubusercontent.com/{found[1]}/{found[2]}/{found[3]}"


def fetch(description: ModelDescription, installed: Path, opener: "OpenerDirector") -> None:
    """Fetch a known model from its pinned origin and install it. Raises ModelUnreachable, ModelUnknown (hash)."""
    url = address(description)
    if url is None:
        raise ModelUnreachable(name=description.name, reason="origin")
    try:
        with opener.open(url, timeout=FETCH_S) as answer:
            content = answer.read(MOST_BYTES)
    except OSError as error:
        raise ModelUnreachable(name=description.name, reason=str(error)) from error
    try:
        _put(content, url, installed, [description])
    except OSError as error:
        raise ModelUnreachable(name=description.name, reason=error.strerror or "?") from error


def _put(content: bytes, name: str, installed: Path, known: Sequence[ModelDescription]) -> ModelDescription:
    digest = hashlib.sha256(content).hexdigest()
    matching = [one for one in known if one.sha256 == digest]
    if not matching:
        raise ModelUnknown(file=name, sha256=digest)
    installed.mkdir(parents=True, exist_ok=True)
    _place(installed / matching[0].file, content)
    return matching[0]


def _place(target: Path, content: bytes) -> None:
    fresh = target.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(target)
