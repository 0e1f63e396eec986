"""`appliance detect` and `appliance model`: detection on a file, for tuning on site, and the models it uses."""

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any, Final

from appliance.core.clock import Clock
from appliance.core.errors import Language
from appliance.core.units import US_PER_SECOND
from appliance.detection.decode import decode_file
from appliance.detection.errors import DetectionRefused
from appliance.detection.gate import CameraRecord, GateReason, Watch, gate, sentence
from appliance.detection.install import fetch, folders, install, known_models, load_best, models_in
from appliance.detection.model import Model
from appliance.detection.pipeline import Input, Pipeline
from appliance.detection.rules import Event
from appliance.site.detection import DetectionSettings
from appliance.site.load import load_site
from appliance.site.model import CameraSettings, Site

NEVER: Final = frozenset({GateReason.PUBLIC_PLACE, GateReason.NO_HOURS, GateReason.NO_AIPD, GateReason.LIVING_SPACE})
"""Why a camera's pictures may not be analysed at any hour: nor are those of a file of it."""


def line_of(event: Event) -> dict[str, Any]:
    """An event as a line of JSON: seconds from the file's start, fractions of the picture."""
    facts: dict[str, Any] = {"time": round(event.time_us / US_PER_SECOND, 2), "rule": str(event.rule)}
    if event.box is None:
        return facts | {"state": "ends" if event.ended else "begins"}
    return facts | {
        "zone": event.zone,
        "class": str(event.kind),
        "box": [round(value, 4) for value in event.box],
        "score": event.score,
        "track": event.track,
    }


def lawful_camera(site: Site, name: str, utc_us: int) -> CameraSettings:
    """The camera named, if its pictures may be analysed at some hour. Raises DetectionRefused."""
    for camera in site.camera:
        if camera.id == name:
            verdict = gate(CameraRecord.of(site, camera), None, utc_us, clock_certain=True)
            if verdict.reason in NEVER:
                fr, en = sentence(verdict, "fr"), sentence(verdict, "en")
                raise DetectionRefused(camera=name, sentence_fr=fr, sentence_en=en)
            return camera
    known = ", ".join(camera.id for camera in site.camera)
    raise DetectionRefused(
        camera=name,
        sentence_fr=f"Aucune caméra du site ne porte ce nom ; il y a : {known}.",
        sentence_en=f"No camera of the site has this name; there are: {known}.",
    )


def without_hours(settings: DetectionSettings) -> DetectionSettings:
    """The same zones and lines at any hour: a file may be of any time of day."""
    return settings.model_copy(
        update={
            "zone": tuple(zone.model_copy(update={"hours": None}) for zone in settings.zone),
            "line": tuple(line.model_copy(update={"hours": None}) for line in settings.line),
        }
    )


def detect(file: Path, name: str, site_file: Path, clock: Clock, language: Language) -> int:
    """Print the events of a file as lines of JSON, as if its camera were armed; what is used, on standard error.

    Returns 0. Raises DetectionRefused, PicturesUnreadable and what a site file or a model may be wrong with.
    """
    site = load_site(site_file)
    camera = lawful_camera(site, name, clock.utc_us())
    camera = camera.model_copy(update={"detection": without_hours(camera.detection)})
    model = load_best(folders(site.detector.models), known_models())
    print(used(model, camera, language), file=sys.stderr)
    pipeline = Pipeline.of(site, camera, model)
    for picture in decode_file(file):
        if model is None:
            events = pipeline.look(picture, Watch.PERSONS, None, None)
        else:
            events = pipeline.look(picture, Watch.PERSONS, model.find, Input.of(model.description))
        for event in events:
            print(json.dumps(line_of(event), ensure_ascii=False), flush=True)
    return 0


def used(model: Model | None, camera: CameraSettings, language: Language) -> str:
    """Which model looks, in words; loud when it is none, or the demonstration's."""
    french = language == "fr"
    if camera.spectrum == "thermal":
        return "Caméra thermique : mouvement et taille seuls." if french else "Thermal camera: motion and size only."
    if model is None:
        return (
            "ATTENTION : aucun modèle installé. Tout ce qui bouge compte, personne ou non."
            if french
            else "WARNING: no model is installed. Whatever moves counts, a person or not."
        )
    words = f"{'Modèle :' if french else 'Model:'} {model.description.name} ({model.runtime})"
    if model.description.demo:
        words += (
            ". MODÈLE DE DÉMONSTRATION, appris sur des dessins : il ne prouve rien."
            if french
            else ". DEMONSTRATION MODEL, trained on drawings: it proves nothing."
        )
    if model.fell_back:
        words += ". Moteur de calcul prévu absent." if french else ". The runtime that was scored is missing."
    return words


def install_model(what: str, site_file: Path, language: Language) -> int:
    """Install a model from a file, or a known one by name from its pinned origin. Returns 0."""
    site, known = load_site(site_file), known_models()
    named = [one for one in known if one.name == what]
    if named:
        fetch(named[0], site.detector.models, urllib.request.build_opener())
        description = named[0]
    else:
        description = install(Path(what), site.detector.models, known)
    if language == "fr":
        print(f"{description.name} est installé dans {site.detector.models} (licence : {description.licence}).")
    else:
        print(f"{description.name} is installed in {site.detector.models} (licence: {description.licence}).")
    return 0


def list_models(site_file: Path, language: Language) -> int:
    """Print each known model: whether it is there, which one is used, its licence and origin. Returns 0."""
    site, known, french = load_site(site_file), known_models(), language == "fr"
    there = models_in(folders(site.detector.models), known)
    for place, found in enumerate(there):
        state = ("utilisé" if french else "used") if place == 0 else ("installé" if french else "installed")
        demo = (" (démonstration)" if french else " (demonstration)") if found.description.demo else ""
        print(f"{found.description.name}{demo}: {state}, {found.folder}")
    names = {found.description.name for found in there}
    for one in known:
        if one.name not in names:
            print(f"{one.name}: {'absent' if french else 'not here'}")
        print(f"    {one.licence}\n    {one.origin}")
    return 0
