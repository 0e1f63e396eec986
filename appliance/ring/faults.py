"""Named failures of disks, of the index and of the recorder's socket."""

from appliance.core.errors import ApplianceError


class DiskNotFormatted(ApplianceError):
    """No `nvr-disk.json`: not a recording disk, nothing is written to it."""

    code = "disk-not-formatted"
    fr = "{path} n'est pas un disque d'enregistrement : est-il monté ? S'il est neuf : « appliance disk format »."
    en = 'No recording disk at {path}: is it mounted? If it is new: "appliance disk format".'


class DiskMissing(ApplianceError):
    """The path is not there at all."""

    code = "disk-missing"
    fr = "Le disque {path} n'existe pas : vérifiez qu'il est branché et monté, et son chemin dans site.toml."
    en = "There is no disk {path}: check that it is plugged in and mounted, and its path in site.toml."


class DiskUnreadable(ApplianceError):
    """`nvr-disk.json` or a chunk's file is damaged or missing."""

    code = "disk-unreadable"
    fr = "Disque {path} illisible ({why}) : il est laissé de côté ; vérifiez-le avant de le reformater."
    en = "Disk {path} unreadable ({why}): it is left aside; check it before formatting it again."


class DiskVersion(ApplianceError):
    """Written by a newer format."""

    code = "disk-version"
    fr = "Disque {path} au format {version}, inconnu ici : mettez l'enregistreur à jour."
    en = "Disk {path} has format {version}, unknown here: update the recorder."


class DiskAlreadyFormatted(ApplianceError):
    """Formatting would destroy recordings."""

    code = "disk-already-formatted"
    fr = "{path} est déjà un disque d'enregistrement : videz-le d'abord si ses images peuvent disparaître."
    en = "{path} already is a recording disk: empty it first if its footage may be lost."


class DiskInUse(ApplianceError):
    """Another recorder writes to it: two writers would overwrite each other's footage."""

    code = "disk-in-use"
    fr = "Un autre enregistreur (processus {pid}) utilise le disque {path} : arrêtez-le avant d'en lancer un autre."
    en = "Another recorder (process {pid}) uses disk {path}: stop it before starting one more."


class IndexUnavailable(ApplianceError):
    """index.db cannot be read or written; recording goes on without it."""

    code = "index-unavailable"
    fr = "L'index {path} est inutilisable ({why}) : l'enregistrement continue ; libérez ou vérifiez le disque système."
    en = "The index {path} cannot be used ({why}): recording goes on; free or check the system disk."


class CatalogFailed(ApplianceError):
    """catalog.log of a disk cannot be written; recording goes on without it."""

    code = "catalog-failed"
    fr = "Le journal du disque {path} ne s'écrit plus ({why}) : l'enregistrement continue ; vérifiez le disque."
    en = "The catalogue of disk {path} cannot be written ({why}): recording goes on; check the disk."


class DiskTooSmall(ApplianceError):
    """Fewer chunks than the streams need to be recorded at all."""

    code = "disk-too-small"
    fr = "Disque {disk_fr} trop petit : {chunks} fichiers, il en faut {needed} pour {streams} flux."
    en = "Disk {disk_en} too small: {chunks} chunks, {needed} are needed for {streams} streams."


class DiskFailed(ApplianceError):
    """A write or a flush failed: the disk takes no more chunks until it is checked."""

    code = "disk-failed"
    fr = "Écriture impossible sur le disque {disk_fr} ({why}) : il est écarté, faites-le vérifier ou remplacer."
    en = "Writing to disk {disk_en} failed ({why}): it is set aside, have it checked or replaced."


class DiskStuck(ApplianceError):
    """A write has not come back for seconds: the disk is given up with its thread."""

    code = "disk-stuck"
    fr = "Le disque {disk_fr} ne répond plus depuis plus de 5 s : il est écarté, faites-le vérifier ou remplacer."
    en = "Disk {disk_en} has not answered for more than 5 s: it is set aside, have it checked or replaced."


class DiskRemoved(ApplianceError):
    """Something else, or nothing, lies where the disk was mounted."""

    code = "disk-removed"
    fr = "Le disque {disk_fr} a été retiré : remettez-le en place, il reprendra seul."
    en = "Disk {disk_en} was removed: put it back in its place, it will go on by itself."


class DiskSilent(ApplianceError):
    """Not even 4 KiB could be read in time: the others do not wait for it."""

    code = "disk-silent"
    fr = "Le disque {path} n'a pas répondu en 3 s : il est laissé de côté, faites-le vérifier ou remplacer."
    en = "Disk {path} has not answered within 3 s: it is left aside, have it checked or replaced."


class PictureTooLarge(ApplianceError):
    """One coded picture that no chunk can hold."""

    code = "picture-too-large"
    fr = "{stream} : image de {size} octets, {limit} au plus : baissez la qualité ou la résolution de la caméra."
    en = "{stream}: a picture of {size} bytes, {limit} at most: lower the camera's quality or resolution."


class NoDisk(ApplianceError):
    """No recording disk is usable."""

    code = "no-disk"
    fr = "Aucun disque d'enregistrement utilisable : rien n'est enregistré, vérifiez les disques."
    en = "No recording disk can be used: nothing is recorded, check the disks."


class ChunkReused(ApplianceError):
    """The footage was freed while it was read."""

    code = "chunk-reused"
    fr = "Ces images viennent d'être effacées par l'anneau : actualisez la frise."
    en = "This footage has just been released by the ring: refresh the timeline."


class TooManyLeases(ApplianceError):
    """More leases than readers can need."""

    code = "too-many-leases"
    fr = "Il y a déjà {limit} réservations : rendez-en, ou attendez une minute."
    en = "There are {limit} leases already: release some, or wait a minute."


class UnknownStream(ApplianceError):
    """No such camera or stream here."""

    code = "unknown-stream"
    fr = "Flux inconnu : {stream}. Vérifiez le nom de la caméra et du flux (appliance status)."
    en = "Unknown stream: {stream}. Check the names of camera and stream (appliance status)."


class UnknownLease(ApplianceError):
    """The lease has ended or never was."""

    code = "unknown-lease"
    fr = "Réservation inconnue ou échue : {lease}."
    en = "Unknown or ended lease: {lease}."


class RecorderUnreachable(ApplianceError):
    """The recorder's socket does not answer."""

    code = "recorder-unreachable"
    fr = "L'enregistreur ne répond pas ({why}) : il redémarre, réessayez."
    en = "The recorder does not answer ({why}): it is restarting, try again."


class RecorderRefused(ApplianceError):
    """The recorder answered with an error; its own sentences are passed on."""

    code = "recorder-refused"
    fr = "{sentence_fr}"
    en = "{sentence_en}"
