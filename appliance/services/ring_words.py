"""`appliance ring status|check|rebuild`: the disks' recordings, with or without the recorder, in words."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError, Language
from appliance.ring.access.checking import Checked, Finding, check
from appliance.ring.access.offline import DiskFiles, true_times
from appliance.ring.access.reader import RecorderClient
from appliance.ring.backup_files import FOLDER, copies_of
from appliance.ring.disks.claim import holder
from appliance.ring.faults import RecorderUnreachable
from appliance.services.clock_words import instant
from appliance.services.errors import RecorderRuns
from appliance.site.load import load_site
from appliance.site.model import Site

DAY_US: Final = 86_400_000_000

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "catalogue": ("journal du disque non valable : {why}", "catalogue does not hold: {why}"),
    "file": ("fichier {number} illisible ({why})", "file {number} cannot be read ({why})"),
    "damaged": ("fichier {number} abîmé ({why})", "file {number} is damaged ({why})"),
    "not-free": (
        "fichier {number} dit libre, il contient des images",
        "file {number} is said to be free and holds pictures",
    ),
    "other": ("fichier {number} : d'autres images que celles annoncées", "file {number}: other footage than was told"),
}


def sentence(finding: Finding, language: Language) -> str:
    """One finding in words."""
    french, english = WORDS[finding.what]
    return (french if language == "fr" else english).format(number=finding.number, why=finding.why)


def checked_lines(checked: Checked, language: Language) -> list[str]:
    """A disk and what was found on it. Pure."""
    lines = [f"  {sentence(finding, language)}" for finding in checked.found]
    sign = "✖" if checked.found else "✔"
    if language == "fr":
        head = f"{sign} {checked.path} : {checked.closed} fichiers d'images complets, {checked.open} ouverts,"
        head += f" {checked.pool} de séquences protégées,"
        return [f"{head} {len(lines)} défaut(s)", *lines]
    head = f"{sign} {checked.path}: {checked.closed} complete files of pictures, {checked.open} open,"
    head += f" {checked.pool} of kept sequences,"
    return [f"{head} {len(lines)} fault(s)", *lines]


def check_disks(file: Path, *, deep: bool, language: Language) -> int:
    """Print what each disk holds and what is wrong with it: 0 nothing, 1 something."""
    logging.disable(logging.ERROR)  # each finding is said once, in words
    try:
        return _check_disks(file, deep=deep, language=language)
    finally:
        logging.disable(logging.NOTSET)


def _check_disks(file: Path, *, deep: bool, language: Language) -> int:
    well = True
    for disk in load_site(file).disk:
        try:
            checked = check(disk.path, deep=deep)
        except (ApplianceError, OSError) as error:
            words = error.sentence(language) if isinstance(error, ApplianceError) else str(error)
            print(f"✖ {disk.path}: {words}")
            well = False
            continue
        print("\n".join(checked_lines(checked, language)))
        well = well and not checked.found
    return 0 if well else 1


def status(file: Path, language: Language) -> int:
    """Print how each disk stands: 0 all well, 1 otherwise."""
    site = load_site(file)
    now_us = SystemClock().utc_us()
    lines = [line for disk in site.disk for line in disk_lines(disk.path, site, now_us, language)]
    try:
        state: Mapping[str, Any] = asyncio.run(_state(site))
    except RecorderUnreachable:
        words = ("✖ L'enregistreur ne répond pas", "✖ The recorder does not answer")
    else:
        words = ("✔ L'enregistreur fonctionne", "✔ The recorder runs")
        if state.get("rebuilding"):
            words = ("✔ L'enregistreur fonctionne et refait son index", "✔ The recorder runs and rebuilds its index")
    lines.append(words[0] if language == "fr" else words[1])
    lines += backup_lines([disk.path for disk in site.disk], site, language)
    print("\n".join(lines))
    return 0 if not any(line.startswith("✖") for line in lines) else 1


def backup_lines(disks: Sequence[Path], site: Site, language: Language) -> list[str]:
    """When each copied file was copied last. Blocks."""
    names = sorted({file.stem for disk in disks for file in (disk / FOLDER).glob("*.json")})
    lines = []
    for name in names:
        last = max((copy.utc_us for disk in disks for copy in copies_of(disk / FOLDER, name)), default=0)
        when = instant(last, site.site.zone, language)
        lines.append(f"  {name} : dernière copie {when}" if language == "fr" else f"  {name}: last copy {when}")
    return lines


async def _state(site: Site) -> Mapping[str, Any]:
    client = RecorderClient(site.recorder.socket)
    try:
        return dict(await client.state())
    finally:
        await client.close()


def disk_lines(path: Path, site: Site, now_us: int, language: Language) -> list[str]:
    """One disk by its catalogue. Blocks."""
    french = language == "fr"
    try:
        disk = DiskFiles.at(path)
        found = disk.catalog()
        dated = map(true_times([disk.path for disk in site.disk]).held, disk.held(found, found.closed[:1]))
        oldest = next((row for row, _ in dated), None)
    except (ApplianceError, OSError) as error:
        return [f"✖ {path}: {error.sentence(language) if isinstance(error, ApplianceError) else error}"]
    opened = sum(kind == "OPEN" for kind, _ in found.special.values())
    suspect = sum(kind == "SUSPECT" for kind, _ in found.special.values())
    days = 0.0 if oldest is None else max(0, now_us - oldest.first_us) / DAY_US
    since = "-" if oldest is None else instant(oldest.first_us, site.site.zone, language)
    head, sign, closed = found.head, "✖" if suspect else "✔", len(found.closed)
    about = (head.epoch, found.lines, found.beginning.why, head.sha[:16])
    if french:
        files = f"{closed} fichiers d'images complets, {opened} ouverts, {suspect} mis de côté"
        lines = [f"{sign} {path} : {files}, sur {disk.identity.chunks}", f"  images depuis {since} ({days:.1f} jours)"]
        return [*lines, "  journal n° {} : {} lignes ({}), empreinte {}".format(*about)]
    files = f"{closed} complete files of pictures, {opened} open, {suspect} set aside"
    lines = [f"{sign} {path}: {files}, of {disk.identity.chunks}", f"  pictures since {since} ({days:.1f} days)"]
    return [*lines, "  catalogue no. {}: {} lines ({}), head {}".format(*about)]


def rebuild(file: Path, language: Language) -> int:
    """Have the recorder make its index again; without one: delete it, the recorder makes it again when it starts.

    Raises RecorderRuns when a recorder has the disks and does not answer, RecorderRefused.
    """
    site = load_site(file)
    try:
        asyncio.run(_rebuild(site))
    except RecorderUnreachable:
        return _delete_index(site, language)
    print(
        "L'enregistreur refait son index à partir des disques, sans cesser d'enregistrer : « appliance ring status » "
        "dit quand c'est fini. D'ici là, les images plus anciennes manquent sur la frise."
        if language == "fr"
        else 'The recorder makes its index again from the disks and goes on recording: "appliance ring status" tells '
        "when it is done. Until then older pictures are missing on the timeline."
    )
    return 0


async def _rebuild(site: Site) -> None:
    async with RecorderClient(site.recorder.socket) as client:
        await client.rebuild_index()


def _delete_index(site: Site, language: Language) -> int:
    for disk in site.disk:
        if process := holder(disk.path):
            raise RecorderRuns(pid=process)
    index = site.recorder.index
    for suffix in ("", "-wal", "-shm"):
        index.with_name(index.name + suffix).unlink(missing_ok=True)
    print(
        "L'index est supprimé : l'enregistreur le refait à partir des disques à son démarrage."
        if language == "fr"
        else "The index is deleted: the recorder makes it again from the disks when it starts."
    )
    return 0
