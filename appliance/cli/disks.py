"""Recording disks and the ring that lies on them."""

import argparse
from pathlib import Path
from typing import Final

from appliance.cli.verb import SITE, Argument, Verb, count
from appliance.core.errors import Language


def _disk_format(options: argparse.Namespace, language: Language) -> int:
    from appliance.ring.disks.disk import DEMO_GEOMETRY, FIELD_GEOMETRY
    from appliance.services.disks import format_for

    geometry = {64: FIELD_GEOMETRY, 4: DEMO_GEOMETRY}[options.chunk_mib]
    return format_for(options.path, geometry, options.chunks, options.site, options.destroy, language)


def _disk_list(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.disks import list_disks

    return list_disks(options.site, language)


def _disk_adopt(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.disks import adopt

    return adopt(options.site, options.path, options.take_over, language)


def _ring_status(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.ring_words import status

    return status(options.site, language)


def _ring_check(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.ring_words import check_disks

    return check_disks(options.site, deep=options.deep, language=language)


def _ring_rebuild(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.ring_words import rebuild

    return rebuild(options.site, language)


def _ring_export(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.ring_export import export

    asked = (options.camera, options.stream, getattr(options, "from"), options.to)
    return export(options.site, asked, options.out, options.confirm_clock or "", language, options.disk)


def _stream(text: str) -> str:
    if text not in ("main", "sub"):
        raise ValueError(text)
    return text


def _chunk_mib(text: str) -> int:
    if text not in ("4", "64"):
        raise ValueError(text)
    return int(text)


_OPTIONAL_SITE: Final = Argument(
    "--site", Path, ("le fichier du site, dont le nom est écrit sur le disque", "the site file, to name the disk by")
)


VERBS: Final = (
    Verb(
        "disk format",
        (
            "prépare un disque vide pour l'enregistrement ; montre et garde les images qui s'y trouvent",
            "prepares an empty disk for recording; shows and keeps the pictures that lie on it",
        ),
        "appliance disk format /srv/disk1 --site site.toml",
        (
            Argument("path", Path, ("le point de montage du disque", "the disk's mount point")),
            Argument(
                "--chunks",
                count,
                (
                    "nombre de fichiers à réserver ; sans cela, tout ce qui tient",
                    "number of files to reserve; without it, all that fits",
                ),
            ),
            Argument(
                "--chunk-mib",
                _chunk_mib,
                ("taille d'un fichier en Mio : 64, ou 4 pour un essai", "size of a file in MiB: 64, or 4 for a trial"),
                64,
            ),
            _OPTIONAL_SITE,
            Argument(
                "--destroy",
                str,
                (
                    "détruit les images du disque que ces quatre signes, ou le nom de son site, désignent",
                    "destroys the pictures of the disk that these four characters, or its site's name, mean",
                ),
            ),
        ),
        _disk_format,
    ),
    Verb(
        "disk list",
        (
            "dit quel disque est où, comment il va, et ce qui manque sans lui",
            "says which disk is where, how it is, and what is missing without it",
        ),
        "appliance disk list --site site.toml",
        (SITE,),
        _disk_list,
    ),
    Verb(
        "disk adopt",
        (
            "montre ce qu'il y a sur le disque d'un autre enregistreur, et le reprend ici si on le nomme",
            "shows what lies on another recorder's disk, and takes it over here when it is named",
        ),
        "appliance disk adopt /srv/disk1 --site site.toml",
        (
            Argument("path", Path, ("le point de montage du disque", "the disk's mount point")),
            SITE,
            Argument(
                "--take-over",
                str,
                (
                    "reprend le disque que ces quatre signes, ou le nom de son site, désignent",
                    "takes over the disk that these four characters, or its site's name, mean",
                ),
            ),
        ),
        _disk_adopt,
    ),
    Verb(
        "ring status",
        (
            "dit ce que chaque disque contient, depuis quand, même sans l'enregistreur",
            "tells what each disk holds and since when, with or without the recorder",
        ),
        "appliance ring status --site site.toml",
        (SITE,),
        _ring_status,
    ),
    Verb(
        "ring check",
        (
            "compare chaque disque à son journal, sans rien changer",
            "compares each disk with its catalogue and changes nothing",
        ),
        "appliance ring check --site site.toml --deep",
        (
            SITE,
            Argument("--deep", None, ("relit aussi toutes les images (des heures)", "reads all pictures too (hours)")),
        ),
        _ring_check,
    ),
    Verb(
        "ring rebuild",
        (
            "refait l'index à partir des disques, sans arrêter l'enregistreur",
            "makes the index again from the disks, without stopping the recorder",
        ),
        "appliance ring rebuild --site site.toml",
        (SITE,),
        _ring_rebuild,
    ),
    Verb(
        "ring export",
        (
            "écrit des images en fichiers MP4, même sans l'enregistreur ; heures du site",
            "writes footage as MP4 files, with or without the recorder; the site's time",
        ),
        "appliance ring export --camera cour --from 2026-11-25T14:00 --to … --out dossier --site …",
        (
            SITE,
            Argument("--camera", str, ("la caméra", "the camera"), required=True),
            Argument("--stream", _stream, ("main ou sub", "main or sub"), "main"),
            Argument("--from", str, ("début", "beginning"), required=True),
            Argument("--to", str, ("fin", "end"), required=True),
            Argument("--out", Path, ("le dossier où écrire", "the folder to write to"), required=True),
            Argument(
                "--disk",
                Path,
                (
                    "un disque d'un autre enregistreur, lu sans y écrire",
                    "a disk of another recorder, read and not written to",
                ),
            ),
            Argument(
                "--confirm-clock",
                str,
                (
                    "sans l'enregistreur : la date et l'heure qu'il est, à votre montre",
                    "without the recorder: the date and time that it is, by your watch",
                ),
            ),
        ),
        _ring_export,
    ),
)
