"""What can go wrong between a coded picture and its JPEG, in words."""

from appliance.core.errors import ApplianceError


class StillsUnreachable(ApplianceError):
    """The process that makes pictures is not there, or does not answer."""

    code = "stills-unreachable"
    fr = "Les images ne peuvent pas être préparées pour l'instant. Réessayez dans quelques secondes."
    en = "Pictures cannot be prepared at the moment. Try again in a few seconds."


class StillUnreadable(ApplianceError):
    """What was recorded is no picture that can be decoded within the limits."""

    code = "still-unreadable"
    fr = "Cette image ne peut pas être lue ({reason}). L'enregistrement continue ; essayez un autre instant."
    en = "This picture cannot be read ({reason}). Recording goes on; try another instant."
