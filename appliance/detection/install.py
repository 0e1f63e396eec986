"""Which models are there, which one is used, and how one is installed: by its hash, never by its name alone.

A model is a `.tflite` file and a description. Descriptions of known models come with the product (`models/`); a model
of someone's own has its TOML beside it. Looked for in the installed models folder, then in the assets of a developer.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.detection.errors import ModelUnknown
from appliance.detection.model import Model, ModelDescription, read_description

KNOWN: Final = Path(__file__).parent / "models"
"""Descriptions that come with the product."""

ASSETS: Final = "APPLIANCE_ASSETS"


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
    try:
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        beside = file.with_suffix(".toml")
        own = [read_description(beside)] if beside.is_file() else []
        matching = [one for one in (*own, *known) if one.sha256 == digest]
        if not matching:
            raise ModelUnknown(file=str(file), sha256=digest)
        description = matching[0]
        installed.mkdir(parents=True, exist_ok=True)
        _place(installed / description.file, content)
        if own and description is own[0]:
            shutil.copyfile(beside, installed / f"{description.name}.toml")
    except OSError as error:
        raise ModelUnknown(file=str(file), sha256=error.strerror or "?") from error
    return description


def _place(target: Path, content: bytes) -> None:
    fresh = target.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(target)
