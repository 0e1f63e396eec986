"""Recording disks in words, for a console: which one, how it is, what went with it. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from appliance.core.errors import Language
from appliance.ring.disks.identity import NOBODY
from appliance.ring.disks.loss import hours_words

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_STREAMS: Final = {"main": ("pleine définition", "full definition"), "sub": ("flux léger", "light stream")}


def minute(utc_us: int, zone: tzinfo, language: Language) -> str:
    """A date and an hour of the site, to the minute; where no site is known it says that it is UTC."""
    local = (_EPOCH + timedelta(microseconds=utc_us)).astimezone(zone)
    return local.strftime("%d/%m/%Y %H:%M" if language == "fr" else "%Y-%m-%d %H:%M") + (" UTC" if zone is UTC else "")


def title(disk: Mapping[str, Any], language: Language) -> str:
    """«Disque baie 2, WD80EFZX, n° …1A2B (/srv/disk1)»: what stands on the drawer, and where it is mounted."""
    name = str(disk.get("name_fr" if language == "fr" else "name") or disk["path"])
    return f"{'Disque' if language == 'fr' else 'Disk'} {name} ({disk['path']})"


def loss_lines(
    losses: Iterable[Mapping[str, Any]], cameras: Mapping[str, str], zone: tzinfo, language: Language
) -> list[str]:
    """What of the past is missing while a disk is out, a line a camera. `cameras`: name by id."""
    by_camera: dict[str, list[Mapping[str, Any]]] = {}
    for loss in losses:
        by_camera.setdefault(loss["camera"], []).append(loss)
    lines: list[str] = []
    for camera, held in by_camera.items():
        french = language == "fr"
        parts = [
            f"{hours_words(loss['us'], language)} ({_STREAMS[loss['stream']][0 if french else 1]})" for loss in held
        ]
        start = minute(min(loss["from_us"] for loss in held), zone, language)
        end = minute(max(loss["to_us"] for loss in held), zone, language)
        name = cameras.get(camera, camera)
        lines.append(
            f"{name} : il manque {' et '.join(parts)} entre le {start} et le {end}"
            if french
            else f"{name}: {' and '.join(parts)} are missing between {start} and {end}"
        )
    return lines


def disk_lines(
    disk: Mapping[str, Any], cameras: Mapping[str, str], zone: tzinfo, language: Language
) -> tuple[bool, list[str]]:
    """How a disk is, in one line and what is to be known besides. False: somebody has to act."""
    french = language == "fr"
    if not disk["error"]:
        return True, [_healthy(disk, language)]
    said = [str(disk.get("error_fr", disk["error"]) if french else disk["error"])]
    if disk.get("left_utc_us"):
        when = minute(disk["left_utc_us"], zone, language)
        said[0] += f" Absent depuis le {when}." if french else f" Out since {when}."
    lost = loss_lines(disk.get("lost", ()), cameras, zone, language)
    if lost:
        said.append(
            "Tant qu'il est absent, une partie du passé manque ; le présent s'enregistre sur les autres disques :"
            if french
            else "While it is out, part of the past is missing; the present is recorded on the other disks:"
        )
        said += [f"  - {line}" for line in lost]
    if disk.get("foreign"):
        said += foreign_lines(disk["foreign"], zone, language)
    return False, said


def foreign_lines(found: Mapping[str, Any], zone: tzinfo, language: Language) -> list[str]:
    """Whose a disk is and what it holds."""
    french = language == "fr"
    site = found["site"] or ("inconnu" if french else "unknown")
    box = str(found["appliance"])
    lines = [f"Site « {site} », enregistreur n° …{box[-4:]}" if french else f'Site "{site}", recorder no. …{box[-4:]}']
    if box == NOBODY:
        lines = ["Préparé, encore à aucun enregistreur." if french else "Prepared, no recorder's yet."]
    if found["from_us"] is None:
        return [*lines, "Aucune image." if french else "No picture."]
    start, end = minute(found["from_us"], zone, language), minute(found["to_us"], zone, language)
    lines.append(f"Images du {start} au {end}" if french else f"Pictures from {start} to {end}")
    for stream in found["streams"]:
        kind = _STREAMS[stream["stream"]][0 if french else 1]
        colon = " :" if french else ":"
        lines.append(f"  - {stream['camera']} ({kind}){colon} {hours_words(stream['us'], language)}")
    return lines


def none_records(disks: Iterable[Mapping[str, Any]], language: Language) -> str:
    """A sentence when no disk records at all, else ""."""
    errors = [str(disk["error"]) for disk in disks]
    if not all(errors) or not errors:
        return ""
    if language == "fr":
        return "AUCUN DISQUE N'ENREGISTRE : seules les dernières secondes sont en mémoire, remettez un disque."
    return "NO DISK IS RECORDING: only the last seconds are in memory, put a disk back."


def _healthy(disk: Mapping[str, Any], language: Language) -> str:
    held = disk["closed"] + disk["open"]
    pool, used = disk["protected"], disk["protected"] - disk["pool_free"]
    bad = disk.get("suspect", 0)
    if language == "fr":
        kept = f"{used} fichiers protégés sur {pool}" if pool else "pas de réserve protégée"
        out = f", {bad} hors d'usage" if bad else ""
        return f"{held} fichiers d'images sur {disk['chunks']}, {disk['free']} libres{out}, {kept} ({disk['backend']})"
    kept = f"{used} of {pool} protected files in use" if pool else "no protected reserve"
    out = f", {bad} out of use" if bad else ""
    return f"{held} of {disk['chunks']} files hold pictures, {disk['free']} free{out}, {kept} ({disk['backend']})"
