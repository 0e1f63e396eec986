"""Named failures of a process's journal."""

from appliance.core.errors import ApplianceError


class JournalInUse(ApplianceError):
    """Another process holds the lock of this journal: two writers would fork the chain."""

    code = "journal-in-use"
    fr = "Le journal {path} est déjà tenu par un autre service : arrêtez celui-ci avant de relancer."
    en = "The journal {path} is already written by another service: stop that one before starting again."


class JournalWriteFailed(ApplianceError):
    """A write or a flush failed. Lines wait in memory, then are lost and counted; writing is tried again."""

    code = "journal-write-failed"
    fr = "Écriture du journal {path} impossible ({why}) : libérez de la place ou vérifiez le disque système."
    en = "The journal {path} cannot be written ({why}): free some space or check the system disk."


class JournalDamaged(ApplianceError):
    """The newest file did not hold at start: it is kept under another name and a new file continues."""

    code = "journal-damaged"
    fr = "Journal altéré, ligne {line} ({why}) : conservé sous le nom {kept}, prévenez le responsable du site."
    en = "Journal altered at line {line} ({why}): kept under the name {kept}, tell the manager of the site."


class JournalLinesLost(ApplianceError):
    """The queue was full because the disk did not follow: actions of this process are missing in its journal."""

    code = "journal-lines-lost"
    fr = "{count} actions n'ont pas pu être inscrites au journal {path} : vérifiez le disque système."
    en = "{count} actions could not be entered in the journal {path}: check the system disk."


class JournalTruncated(ApplianceError):
    """A disk's heartbeat knows a line behind the journal's last one: lines were removed, or the whole journal."""

    code = "journal-truncated"
    fr = (
        "Le journal {path} s'arrête à la ligne {last}, un disque en connaît {known} : "
        "des lignes manquent, prévenez le responsable du site."
    )
    en = (
        "The journal {path} ends at line {last}, a disk knows of {known}: "
        "lines are missing, tell the manager of the site."
    )


class JournalFactsRefused(ApplianceError):
    """Facts that no line can hold: nested, too long, not a number."""

    code = "journal-facts-refused"
    fr = "L'action « {kind} » ne peut pas être inscrite au journal ({reason}) : signalez-le au support."
    en = 'The action "{kind}" cannot be entered in the journal ({reason}): report it to support.'


class JournalUnreadable(ApplianceError):
    """A line that was asked for is not a line of a journal."""

    code = "journal-unreadable"
    fr = "Journal illisible, ligne {line} ({reason}) : faites-le vérifier avant de vous y fier."
    en = "Journal unreadable at line {line} ({reason}): have it verified before trusting it."
