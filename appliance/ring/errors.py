"""Named failures of the ring's bytes."""

from appliance.core.errors import ApplianceError


class ChunkUnreadable(ApplianceError):
    """The header of a chunk does not hold: nothing of the file is believed."""

    code = "chunk-unreadable"
    fr = "Fichier d'enregistrement illisible ({why}) : il est mis de côté, vérifiez le disque."
    en = "Recording file unreadable ({why}): it is set aside, check the disk."


class TableUnreadable(ApplianceError):
    """The part table at a chunk's end is absent or does not hold; the chunk is walked instead."""

    code = "table-unreadable"
    fr = "Table de fin de fichier illisible ({why}) : le fichier est relu en entier."
    en = "Table at the end of the file unreadable ({why}): the whole file is read again."


class HeaderTooLong(ApplianceError):
    """Names or parameter sets too long for a chunk header."""

    code = "chunk-header-too-long"
    fr = "Les noms du site et de la caméra sont trop longs ({size} octets) : raccourcissez-les."
    en = "The names of site and camera are too long ({size} bytes): shorten them."


class CatalogUnreadable(ApplianceError):
    """A disk's catalogue is damaged or lacks lines that were durable: the disk's files are read instead."""

    code = "catalog-unreadable"
    fr = "Journal du disque illisible ({why}) : les fichiers du disque sont relus un par un, rien n'est perdu."
    en = "Catalogue of the disk unreadable ({why}): the disk's files are read one by one, nothing is lost."
