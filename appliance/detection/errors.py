"""What can go wrong in detection, in words."""

from appliance.core.errors import ApplianceError


class ArmingRefused(ApplianceError):
    """A record by hand lacks what makes it one: who, why, until when."""

    code = "arming-refused"
    fr = (
        "Mise en service ou arrêt de la détection refusé : il faut un nom, un motif de {least} caractères au moins et "
        "une fin, dans {hours} heures au plus."
    )
    en = (
        "Arming or disarming is refused: it needs a name, a reason of {least} characters at least and an end, within "
        "{hours} hours at the most."
    )
