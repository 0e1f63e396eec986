"""`appliance disk list`, `disk format` and `disk adopt`: what a technician does with recording disks.

Formatting and taking over never stand side by side: a disk with pictures is formatted only by whoever types which one
is to be destroyed, after having been shown what that is.
"""

import asyncio
import os
import shutil
from dataclasses import replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from appliance.core.errors import ApplianceError, Language
from appliance.ring.access.reader import RecorderClient
from appliance.ring.access.report import survey_state
from appliance.ring.chunk import Geometry
from appliance.ring.disks.adoption import TYPED, names
from appliance.ring.disks.claim import holder
from appliance.ring.disks.disk import chunks_that_fit, format_disk
from appliance.ring.disks.identity import IDENTITY, appliance_id, write_identity
from appliance.ring.disks.loss import hours_words
from appliance.ring.disks.naming import look_up
from appliance.ring.disks.survey import Survey, survey
from appliance.ring.faults import (
    DiskAlreadyFormatted,
    DiskFailed,
    DiskHasNoRoom,
    DiskHoldsFootage,
    DiskInUse,
    DiskOwn,
    NameNotTyped,
    RecorderUnreachable,
)
from appliance.services.disk_words import disk_lines, foreign_lines, title
from appliance.site.load import load_site
from appliance.site.model import Site


async def _ask(site: Site, path: Path | None = None, name: str = "") -> dict[str, Any]:
    client = RecorderClient(site.recorder.socket)
    try:
        if path is not None:
            await client.adopt(path, name)
        return dict(await client.state())
    finally:
        await client.close()


def list_disks(file: Path, language: Language) -> int:
    """Print each disk of the site; 0 when all record. Without a recorder: what lies on them."""
    site = load_site(file)
    zone = site.site.zone
    cameras = {camera.id: camera.name for camera in site.camera}
    try:
        disks = asyncio.run(_ask(site))["disks"]
    except RecorderUnreachable:
        return _list_without_recorder(site, language)
    good = True
    for disk in disks:
        well, lines = disk_lines(disk, cameras, zone, language)
        good = good and well
        print(f"{'✔' if well else '✖'} {title(disk, language)}{' :' if language == 'fr' else ':'}")
        print("\n".join(f"    {line}" for line in lines))
    return 0 if good else 1


def _list_without_recorder(site: Site, language: Language) -> int:
    print("L'enregistreur ne tourne pas." if language == "fr" else "The recorder is not running.")
    for disk in site.disk:
        name = look_up(disk.path, disk.bay)
        state = {"path": str(disk.path), "name": name.words("en"), "name_fr": name.words("fr")}
        print(f"- {title(state, language)}{' :' if language == 'fr' else ':'}")
        try:
            lines = foreign_lines(survey_state(survey(disk.path)), site.site.zone, language)
        except ApplianceError as error:
            lines = [error.sentence(language)]
        print("\n".join(f"    {line}" for line in lines))
    return 1


def adopt(file: Path, path: Path, name: str | None, language: Language) -> int:
    """Show whose a disk is; with a `name` typed, the running recorder takes it over. Raises what it refuses with."""
    site = load_site(file)
    path = path.resolve()
    found = survey(path)
    own = appliance_id(site.recorder.index.parent)
    if found.identity.appliance == own:
        raise DiskOwn(**look_up(path).facts)
    _show(path, found, site.site.zone, language)
    last = found.identity.uuid[-TYPED:]
    if name is None:
        print(
            f"\nRien n'a été écrit sur ce disque. Pour le reprendre ici, images et dates comme elles sont :\n"
            f"  appliance disk adopt {path} --site {file} --take-over {last}"
            if language == "fr"
            else f"\nNothing was written to this disk. To take it over, pictures and dates as they are:\n"
            f"  appliance disk adopt {path} --site {file} --take-over {last}"
        )
        return 0
    if not names(found.identity, name):
        raise NameNotTyped(typed=name, last=last)
    try:
        asyncio.run(_ask(site, path, name))
    except RecorderUnreachable:  # it may have no disk yet to start with
        _take_over_alone(site, path, found, own, language)
        return 0
    print(
        "\nLe disque est repris : il enregistre, et ses images sont effacées à leur date."
        if language == "fr"
        else "\nThe disk is taken over: it records, and its pictures are erased at their date."
    )
    return 0


def _take_over_alone(site: Site, path: Path, found: Survey, own: str, language: Language) -> None:
    """Without a recorder: the disk is this appliance's when that starts."""
    pid = holder(path)
    if pid:
        raise DiskInUse(path=str(path), pid=pid)
    try:
        write_identity(path, replace(found.identity, appliance=own, site=site.site.name))
    except OSError as error:
        raise DiskFailed(**look_up(path).facts, why=error.strerror or str(error)) from error
    print(
        "\nL'enregistreur ne tourne pas : le disque sera repris dès qu'il démarre, ses images effacées à leur date."
        if language == "fr"
        else "\nThe recorder is not running: it takes the disk over when it starts, pictures erased at their date."
    )


def format_for(
    path: Path, geometry: Geometry, chunks: int | None, file: Path | None, destroy: str | None, language: Language
) -> int:
    """Prepare an empty disk; one that holds pictures only when they are named to be destroyed.

    `chunks` None: as many as fit. Raises DiskHasNoRoom, DiskHoldsFootage, DiskAlreadyFormatted, NameNotTyped,
    DiskInUse and what format_disk raises.
    """
    site = None if file is None else load_site(file)
    zone = UTC if site is None else site.site.zone
    if (path / IDENTITY).exists():
        _empty(path, destroy, zone, language)
    made = format_disk(
        path,
        geometry,
        _count(path, geometry, chunks),
        appliance="" if site is None else appliance_id(site.recorder.index.parent),
        site="" if site is None else site.site.name,
    )
    size, mib = made.chunks * geometry.chunk_size >> 20, geometry.chunk_size >> 20
    if language == "fr":
        print(f"{path} est prêt : {made.chunks} fichiers de {mib} Mio, {size} Mio en tout.")
    else:
        print(f"{path} is ready: {made.chunks} files of {mib} MiB, {size} MiB in all.")
    return 0


def _count(path: Path, geometry: Geometry, asked: int | None) -> int:
    """How many chunks to make; the disk is empty."""
    there = path if path.exists() else path.parent
    try:
        room = os.statvfs(there)
    except OSError as error:
        raise DiskFailed(**look_up(path).facts, why=error.strerror or str(error)) from error
    fit = chunks_that_fit(room.f_bavail * room.f_frsize, geometry)
    wanted = fit if asked is None else asked
    if not 1 <= wanted <= fit:
        raise DiskHasNoRoom(**look_up(path).facts, chunks=wanted, fit=fit)
    return wanted


def _empty(path: Path, destroy: str | None, zone: tzinfo, language: Language) -> None:
    """Take away what is on a disk, when it was named. First its identity: half emptied, it is no disk."""
    pid = holder(path)
    if pid:
        raise DiskInUse(path=str(path), pid=pid)
    found = survey(path)
    last = found.identity.uuid[-TYPED:]
    _show(path, found, zone, language)
    if destroy is None:
        if not found.streams:
            raise DiskAlreadyFormatted(path=str(path), last=last)
        held = sum(stream.us for stream in found.streams)
        raise DiskHoldsFootage(
            path=str(path), length_fr=hours_words(held, "fr"), length_en=hours_words(held, "en"), last=last
        )
    if not names(found.identity, destroy):
        raise NameNotTyped(typed=destroy, last=last)
    (path / IDENTITY).unlink()
    for entry in path.iterdir():
        if entry.name == "lost+found":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _show(path: Path, found: Survey, zone: tzinfo, language: Language) -> None:
    name = look_up(path)
    state = {"path": str(path), "name": name.words("en"), "name_fr": name.words("fr")}
    print(f"{title(state, language)}{' :' if language == 'fr' else ':'}")
    for line in foreign_lines(survey_state(found), zone, language):
        print(f"    {line}")
