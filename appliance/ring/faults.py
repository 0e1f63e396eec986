"""Named failures of disks, of the index and of the recorder's socket."""

from appliance.core.errors import ApplianceError


class DiskNotFormatted(ApplianceError):
    """No `nvr-disk.json`: not a recording disk, nothing is written to it."""

    code = "disk-not-formatted"
    fr = "{path} n'est pas un disque d'enregistrement : est-il monté ? S'il est neuf : « appliance disk format »."
    en = 'No recording disk at {path}: is it mounted? If it is new: "appliance disk format".'


class DiskNew(ApplianceError):
    """A mounted filesystem without `nvr-disk.json`: formatted by a person only."""

    code = "disk-new"
    fr = "Le disque monté sur {path} est neuf, rien n'y est enregistré. Pour l'utiliser : « appliance disk format »."
    en = 'The disk mounted at {path} is new, nothing is recorded on it. To use it: "appliance disk format".'


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
    fr = "{path} est déjà un disque d'enregistrement, sans image. Pour le refaire : ajoutez « --destroy {last} »."
    en = '{path} already is a recording disk, without pictures. To make it again: add "--destroy {last}".'


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


class IndexNotRebuilt(ApplianceError):
    """Without a disk's catalogue the index would lose that disk's rows; a start reads the files themselves."""

    code = "index-not-rebuilt"
    fr = "Le journal du disque {path} manque pour refaire l'index : réessayez dans une minute, sinon redémarrez."
    en = "The catalogue of disk {path} is missing to make the index again: try again in a minute, or else restart."


class CatalogFailed(ApplianceError):
    """catalog.log of a disk cannot be written; recording goes on without it."""

    code = "catalog-failed"
    fr = "Le journal du disque {path} ne s'écrit plus ({why}) : l'enregistrement continue ; vérifiez le disque."
    en = "The catalogue of disk {path} cannot be written ({why}): recording goes on; check the disk."


class BackupFailed(ApplianceError):
    """A database cannot be copied onto a recording disk; the former copies stay."""

    code = "backup-failed"
    fr = "La sauvegarde de {name} a échoué ({why}) : les précédentes restent ; vérifiez les disques."
    en = "The backup of {name} failed ({why}): the former ones stay; check the disks."


class NoBackup(ApplianceError):
    """No disk has a whole copy."""

    code = "no-backup"
    fr = "Aucun disque n'a de sauvegarde entière de {name}."
    en = "No disk has a whole backup of {name}."


class RecordRestored(ApplianceError):
    """A file of the system disk was missing or did not hold, and its last copy was put back."""

    code = "record-restored"
    fr = "{name} manquait ou était abîmé : la copie du {when} est remise ; ce qui a été noté depuis n'y est pas."
    en = "{name} was missing or damaged: the copy of {when} was put back; what was noted since is not in it."


class RecordLost(ApplianceError):
    """A file of the system disk did not hold, and no disk has a copy."""

    code = "record-lost"
    fr = "{name} était abîmé et aucun disque n'en a de copie : il repart vide ; prévenez le responsable du site."
    en = "{name} was damaged and no disk has a copy: it begins empty; tell the manager of the site."


class DiskTooSmall(ApplianceError):
    """Fewer chunks than the streams need to be recorded at all."""

    code = "disk-too-small"
    fr = "Disque {disk_fr} trop petit : {chunks} fichiers, il en faut {needed} pour {streams} flux."
    en = "Disk {disk_en} too small: {chunks} chunks, {needed} are needed for {streams} streams."


class DiskHasNoRoom(ApplianceError):
    """More chunks were asked for than a disk has room for."""

    code = "disk-has-no-room"
    fr = (
        "Pas de place sur le disque {disk_fr} pour {chunks} fichiers : {fit} au plus. "
        "Sans --chunks, tout ce qui tient est pris."
    )
    en = "No room on disk {disk_en} for {chunks} chunks: {fit} at the most. Without --chunks all that fits is taken."


class ListUnwritten(ApplianceError):
    """The list of protected copies of a disk could not be read or made; the disk records on."""

    code = "list-unwritten"
    fr = "Disque {disk_fr} : sa liste des copies protégées ne s'ouvre pas ({why}) ; il enregistre, sans copie protégée."
    en = "Disk {disk_en}: its list of protected copies cannot be opened ({why}); it records, but takes no copy."


class DiskFailed(ApplianceError):
    """A write or a flush failed: the disk takes no more chunks until it is checked."""

    code = "disk-failed"
    fr = "Écriture impossible sur le disque {disk_fr} ({why}) : il est écarté, faites-le vérifier ou remplacer."
    en = "Writing to disk {disk_en} failed ({why}): it is set aside, have it checked or replaced."


class DiskStuck(ApplianceError):
    """A write has not come back for seconds: the disk is given up with its thread."""

    code = "disk-stuck"
    fr = (
        "Le disque {disk_fr} est resté plus de 5 s sans répondre : il est écarté. S'il répond de nouveau il reprendra "
        "seul ; sinon, ou si cela revient, faites-le vérifier ou remplacer."
    )
    en = (
        "Disk {disk_en} has not answered for more than 5 s: it is set aside. If it answers again it will go on by "
        "itself; if not, or if it happens again, have it checked or replaced."
    )


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


class DiskLate(ApplianceError):
    """Others were ready: it is still being read, and joins when it has answered."""

    code = "disk-late"
    fr = (
        "Le disque {disk_fr} tarde à répondre : l'enregistrement va sans lui, il le rejoindra dès qu'il sera lu."
        " Si cela dure plus de 10 min, faites-le vérifier ou remplacer."
    )
    en = (
        "Disk {disk_en} is slow to answer: recording goes on without it, and it joins as soon as it has been read."
        " If that takes more than 10 min, have it checked or replaced."
    )


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


class DiskForeign(ApplianceError):
    """The disk of another appliance: looked at, never written to."""

    code = "disk-foreign"
    fr = (
        "Le disque {disk_fr} vient d'un autre enregistreur (site « {site} », n° …{box}) : il n'est que lu. "
        "Pour le reprendre ici : « appliance disk adopt {path} »."
    )
    en = (
        'Disk {disk_en} comes from another recorder (site "{site}", no. …{box}): it is only read. '
        'To take it over here: "appliance disk adopt {path}".'
    )


class DiskTwin(ApplianceError):
    """Two disks with the same identity: one is a copy, and only one may record."""

    code = "disk-twin"
    fr = "Le disque {disk_fr} est la copie d'un disque en service : il est laissé de côté, retirez l'un des deux."
    en = "Disk {disk_en} is the copy of a disk in service: it is left aside, remove one of the two."


class DiskNotConfigured(ApplianceError):
    """A path that is no disk of the site file."""

    code = "disk-not-configured"
    fr = "{path} n'est pas un disque de site.toml : ajoutez-le à ce fichier, puis redémarrez l'enregistreur."
    en = "{path} is no disk of site.toml: add it to that file, then restart the recorder."


class DiskOwn(ApplianceError):
    """There is nothing to adopt."""

    code = "disk-own"
    fr = "Le disque {disk_fr} appartient déjà à cet enregistreur : il n'y a rien à reprendre."
    en = "Disk {disk_en} belongs to this recorder already: there is nothing to take over."


class NameNotTyped(ApplianceError):
    """What a person typed does not name the disk."""

    code = "disk-name-not-typed"
    fr = "« {typed} » ne désigne pas ce disque : tapez le nom de son site, ou ses quatre derniers signes {last}."
    en = 'The name "{typed}" is not this disk: type the name of its site, or its last four characters {last}.'


class DiskHoldsFootage(ApplianceError):
    """Formatting would destroy recordings, and nobody has said that they may be lost."""

    code = "disk-holds-footage"
    fr = (
        "{path} contient {length_fr} d'images : formater les détruirait. "
        "Si elles peuvent vraiment disparaître : ajoutez « --destroy {last} »."
    )
    en = (
        "{path} holds {length_en} of pictures: formatting would destroy them. "
        'If they may really be lost: add "--destroy {last}".'
    )


class ApplianceIdDamaged(ApplianceError):
    """The file that says which appliance this is does not hold, or is gone."""

    code = "appliance-id-damaged"
    fr = "{path} manque ou est abîmé : démarrez l'enregistreur, il le refait d'après ses disques, puis recommencez."
    en = "{path} is missing or damaged: start the recorder, which makes it again from its disks, then try again."
