"""Named failures of alerts."""

from appliance.core.errors import ApplianceError


class UnknownAlert(ApplianceError):
    """No alert of that number, or it has been deleted with its pictures."""

    code = "unknown-alert"
    fr = "Alerte {number} inconnue : elle a peut-être été effacée avec ses images ; actualisez la liste."
    en = "Unknown alert {number}: it may have been deleted with its pictures; refresh the list."


class VerdictUnsigned(ApplianceError):
    """A verdict has a name under it."""

    code = "verdict-unsigned"
    fr = "Un avis porte un nom : écrivez qui le donne."
    en = "A verdict carries a name: write who gives it."


class ReportEmpty(ApplianceError):
    """A fact reported by hand says what was seen and by whom."""

    code = "report-empty"
    fr = "Écrivez en quelques mots ce qui s'est passé, et votre nom."
    en = "Write in a few words what happened, and your name."


class NoSuchCamera(ApplianceError):
    """No such camera on this site."""

    code = "no-such-camera"
    fr = "Caméra inconnue : {camera}. Choisissez une caméra de la liste."
    en = "Unknown camera: {camera}. Choose a camera of the list."


class DetectorUnreachable(ApplianceError):
    """The detector's socket does not answer; recording goes on without it."""

    code = "detector-unreachable"
    fr = "La détection ne répond pas : elle redémarre, l'enregistrement continue. Si cela dure, prévenez le technicien."
    en = "Detection does not answer; recording goes on. It restarts by itself: tell the technician if this lasts."


class DetectorRefused(ApplianceError):
    """The detector answered with an error; its own sentences are passed on."""

    code = "detector-refused"
    fr = "{sentence_fr}"
    en = "{sentence_en}"
