"""Named refusals and failures of holds: protected sequences."""

from appliance.core.errors import ApplianceError


class HoldPoolFull(ApplianceError):
    """The protected pool has no room for the sequence."""

    code = "hold-pool-full"
    fr = (
        "La réserve protégée est pleine, il manque {missing} Mo : rendez une séquence gardée devenue inutile "
        "(« appliance hold list », « appliance hold release »), puis redemandez."
    )
    en = (
        "The protected reserve is full, {missing} MB are missing: give back a kept sequence that is no longer needed "
        '("appliance hold list", "appliance hold release"), then ask again.'
    )


class NoProtectedPool(ApplianceError):
    """No disk here was formatted with a protected pool."""

    code = "hold-no-pool"
    fr = "Aucun disque présent n'a de réserve protégée : exportez la séquence, ou ajoutez un disque préparé ici."
    en = "No disk here has a protected reserve: export the sequence, or add a disk that was prepared here."


class TooManyHolds(ApplianceError):
    """As many sequences are kept as a disk's list has room for."""

    code = "hold-too-many"
    fr = "Trop de séquences gardées ({limit}) : rendez celles qui sont devenues inutiles."
    en = "Too many sequences are kept ({limit}): give back those that are no longer needed."


class HoldNothing(ApplianceError):
    """Nothing is recorded in that time."""

    code = "hold-nothing"
    fr = "Aucune image enregistrée entre ces deux heures : vérifiez la caméra, la date et l'heure."
    en = "No footage is recorded between these two times: check camera, date and time."


class HoldTooLong(ApplianceError):
    """A hold is for a sequence, not for a day's recording."""

    code = "hold-too-long"
    fr = "Séquence trop longue : {hours} h au plus par demande. Limitez-la aux images utiles."
    en = "Sequence too long: {hours} h at most in one request. Keep it to the footage that is needed."


class HoldTimes(ApplianceError):
    """Begin, end and expiry do not follow each other."""

    code = "hold-times"
    fr = "Les dates ne se suivent pas : le début doit précéder la fin, et l'échéance être à venir."
    en = "The dates do not follow each other: begin before end, and expiry in the future."


class HoldExpiryTooLate(ApplianceError):
    """CSI L252-5: one calendar month, unless a judicial procedure lifts the destruction."""

    code = "hold-expiry-too-late"
    fr = "Échéance trop tardive : au plus tard le {latest} pour ce motif (un mois de date à date, sauf procédure)."
    en = "Expiry too late: {latest} at the latest for this reason (one calendar month, except for a procedure)."


class HoldNeedsProcedure(ApplianceError):
    """A judicial hold names its procedure."""

    code = "hold-needs-procedure"
    fr = "Motif judiciaire : indiquez le numéro de la procédure et le service qui la demande."
    en = "Judicial reason: give the number of the procedure and the service that asks for it."


class HoldNeedsWords(ApplianceError):
    """Who asks and why must be said."""

    code = "hold-needs-words"
    fr = "Indiquez qui demande et pourquoi ({limit} caractères au plus)."
    en = "Say who asks and why ({limit} characters at most)."


class UnknownHold(ApplianceError):
    """No such hold, or it has ended."""

    code = "hold-unknown"
    fr = "Séquence gardée inconnue, ou déjà rendue : {hold}."
    en = "Kept sequence unknown, or given back already: {hold}."


class HoldInterrupted(ApplianceError):
    """The disk that took the copy failed, or the recorder stops."""

    code = "hold-interrupted"
    fr = "La copie protégée a été interrompue ; elle reprend d'elle-même. Vérifiez les disques."
    en = "The protected copy was interrupted; it goes on by itself. Check the disks."
