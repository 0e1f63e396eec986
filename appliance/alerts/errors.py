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
