"""`appliance provision`: the office checks a file, the appliance takes it over, once.

A revision of the site's folder is written whole beside the others, then `current` is turned to it by one rename: a
power cut leaves an appliance that is not set up, which takes the file over at its next start, or one that is. What is
sealed lies durable before that. The outcome stays in words for the console; no value of the file is told anywhere.

What reads a file is imported when there is one: recording waits for this at each start, and three quarters of the time
would go into libraries that a start without a file has no use for.
"""

import json
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.core.durable import sync_directory, write_new
from appliance.core.errors import ApplianceError, Language
from appliance.site.errors import Problem, ProvisionInvalid, ProvisionNotWritten, SiteFileMissing

if TYPE_CHECKING:
    from appliance.site.provision import Plan
    from appliance.site.provision_model import Provision

FILE: Final = "provision.json"
"""On the stick, and the name of the credential."""

RECOVERY: Final = Path("/run/appliance-disks/recovery")
"""There at the very first start only: the disks' recovery keys, which the screen shows until the machine restarts."""


@dataclass(frozen=True, slots=True)
class Places:
    """Folders of one appliance; tests have their own."""

    site: Path = Path("/var/lib/appliance/site")
    sealed: Path = Path("/var/lib/appliance/sealed")
    network: Path = Path("/run/systemd/network")
    told: Path = Path("/run/appliance/provision/outcome.json")

    @property
    def current(self) -> Path:
        return self.site / "current"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it, in words. `applied`: the appliance is set up by this file, now."""

    applied: bool
    well: bool
    fr: tuple[str, ...]
    en: tuple[str, ...]

    def lines(self, language: Language) -> tuple[str, ...]:
        return self.fr if language == "fr" else self.en


NOT_SET_UP: Final = Outcome(
    applied=False,
    well=False,
    fr=(f"L'appareil n'est pas encore mis en service : branchez la clé TEMOIN avec {FILE}.",),
    en=(f"The appliance is not set up yet: plug in the TEMOIN stick with {FILE}.",),
)


def read(file: Path) -> tuple[bytes, str]:
    """The file and the site's text that it names. Raises SiteFileMissing, ProvisionInvalid. Blocks."""
    from appliance.site.provision import parse_provision

    data = _bounded(file)
    provision = parse_provision(data, file.name)
    return data, _site_text(provision, file)


def _site_text(provision: "Provision", file: Path) -> str:
    if provision.site_toml is not None:
        return provision.site_toml
    beside = file.parent / str(provision.site_file)
    try:
        return _bounded(beside).decode("utf-8")
    except UnicodeDecodeError:
        problem = Problem(0, beside.name, "enregistrez le fichier en UTF-8", "save the file as UTF-8")
        raise ProvisionInvalid(file.name, (problem,)) from None


def _bounded(file: Path) -> bytes:
    """A plain file, no longer than it may be and one byte: the stick is a stranger's, a device would never end."""
    from appliance.site.provision import MAX_BYTES

    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as source:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise SiteFileMissing(file=str(file), reason="?")
            return source.read(MAX_BYTES + 1)
    except OSError as error:
        raise SiteFileMissing(file=str(file), reason=error.strerror or "?") from error


def planned(file: Path) -> "tuple[Plan, str]":
    """What a file would write, and the site's name. Raises SiteFileMissing, ProvisionInvalid. Blocks."""
    from appliance.site.provision import make_plan, parse_provision

    data, text = read(file)
    whole = sha256(data + b"\0" + text.encode()).hexdigest()
    plan, site = make_plan(parse_provision(data, file.name), text, whole, file.name)
    return plan, site.site.name


def _apply(file: Path, places: Places) -> Outcome:
    if places.current.exists():
        return _second(file, places)
    plan, name = planned(file)
    try:
        _take_over(plan, places)
    except OSError as error:
        raise ProvisionNotWritten(reason=error.strerror or "?") from error
    return Outcome(
        applied=True,
        well=True,
        fr=(f"Mise en service faite : {name}. Retirez la clé et gardez-la sous clef, ou détruisez le fichier.",),
        en=(f"Set up: {name}. Remove the stick and lock it away, or destroy the file.",),
    )


def _second(file: Path, places: Places) -> Outcome:
    """The appliance is set up: nothing is changed, whatever the file is."""
    try:
        plan, _ = planned(file)
        kept = (places.current / "provisioned").read_text(encoding="ascii").strip()
        same = kept[:16] == plan.name
    except (ApplianceError, OSError, ValueError):
        same = False
    if same:
        return Outcome(
            applied=False,
            well=True,
            fr=("Ce fichier de mise en service est déjà appliqué : rien n'a été changé. Retirez la clé.",),
            en=("This provisioning file is applied already: nothing was changed. Remove the stick.",),
        )
    return Outcome(
        applied=False,
        well=False,
        fr=("L'appareil est déjà mis en service : cet autre fichier n'a rien changé. Retirez la clé.",),
        en=("The appliance is set up already: this other file changed nothing. Remove the stick.",),
    )


def _take_over(plan: "Plan", places: Places) -> None:
    """All or nothing, durable when it returns; what an interrupted one left is written over."""
    places.sealed.mkdir(parents=True, exist_ok=True)
    places.site.mkdir(parents=True, exist_ok=True)
    for one in plan.sealed:
        target = places.sealed / one.name
        target.parent.mkdir(exist_ok=True)
        draft = target.with_name(f"{target.name}.new")
        write_new(draft, one.data, one.mode)
        draft.replace(target)
        sync_directory(target.parent)
    sync_directory(places.sealed)
    revision = places.site / plan.name
    for left in (revision, places.site / f"{plan.name}.new"):
        if left.exists():
            shutil.rmtree(left)
    draft = places.site / f"{plan.name}.new"
    draft.mkdir(mode=0o755)
    for one in plan.site:
        (draft / one.name).parent.mkdir(parents=True, exist_ok=True)
        write_new(draft / one.name, one.data, one.mode)
    for folder in (*(path for path in draft.rglob("*") if path.is_dir()), draft):
        folder.chmod(0o755)  # whatever the unit's mask is: services of other users read the site
        sync_directory(folder)
    draft.replace(revision)
    sync_directory(places.site)
    link = places.site / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(plan.name)
    link.replace(places.current)
    sync_directory(places.site)


def install_network(places: Places) -> None:
    """The site's addresses, where networkd reads them at this start: its own folder is part of the sealed system."""
    for file in sorted((places.current / "network").glob("*/site.conf")):
        target = places.network / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.parent.chmod(0o755)
        target.write_bytes(file.read_bytes())
        target.chmod(0o644)


def present(found: tuple[Path, ...], places: Places) -> Outcome:
    """Takes over the first file that is there, else tells how things stand; never raises for what a file holds."""
    for file in found:
        if file.exists():
            try:
                outcome = _apply(file, places)
            except ApplianceError as error:
                problems: tuple[Problem, ...] = getattr(error, "problems", ())
                outcome = Outcome(
                    applied=False,
                    well=False,
                    fr=(error.sentence("fr"), *(problem.sentence("fr") for problem in problems)),
                    en=(error.sentence("en"), *(problem.sentence("en") for problem in problems)),
                )
            break
    else:
        outcome = Outcome(applied=False, well=True, fr=(), en=()) if places.current.exists() else NOT_SET_UP
    install_network(places)
    _tell(outcome, places.told)
    return outcome


def _tell(outcome: Outcome, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o755)
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps({"well": outcome.well, "fr": outcome.fr, "en": outcome.en}), encoding="utf-8")
    draft.chmod(0o644)
    draft.replace(file)


def check(file: Path, language: Language) -> int:
    """0: the appliance would take it over. Raises SiteFileMissing, ProvisionInvalid."""
    plan, name = planned(file)
    names = ", ".join(one.name for one in (*plan.site, *plan.sealed))
    print(f"{name} : rien à redire. Fichiers prévus : {names}" if language == "fr" else f"{name}: fine. Files: {names}")
    return 0


def apply(found: tuple[Path, ...], language: Language, *, restart: bool) -> int:
    """Takes a file over and says what came of it; with `restart` a machine that was set up just now starts again, so
    that cards, addresses and services are as its file says. 1 when a file was refused.
    """
    outcome = present(found, Places())
    if outcome.applied and RECOVERY.exists():  # the screen shows what must be written down first
        outcome = replace(
            outcome,
            well=False,
            fr=(*outcome.fr, "Recopiez la clé de secours, puis redémarrez l'appareil par son bouton."),
            en=(*outcome.en, "Copy the recovery key, then restart the appliance by its button."),
        )
        _tell(outcome, Places().told)
        restart = False
    for line in outcome.lines(language):
        print(line)
    if outcome.applied and restart:
        subprocess.run(["systemctl", "--no-block", "reboot"], check=False, timeout=30)
    return 0 if outcome.well or outcome.applied or outcome is NOT_SET_UP else 1
