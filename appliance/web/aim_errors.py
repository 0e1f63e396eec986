"""What aiming refuses."""

from appliance.web.errors import WebError


class AimNeeded(WebError):
    """Nobody aims this camera with this account, or the time is over."""

    code = "aim-needed"
    fr = "Le réglage du cadrage de cette caméra n'est pas ouvert, ou son temps est écoulé\u202f: ouvrez-le à nouveau."
    en = "The aiming of this camera is not open, or its time is over: open it again."
    status = 403


class AimGoesOn(WebError):
    """The same camera is aimed already."""

    code = "aim-goes-on"
    fr = "Le réglage du cadrage de cette caméra est déjà ouvert\u202f: arrêtez-le, ou attendez sa fin."
    en = "The aiming of this camera is open already: stop it, or wait for its end."
    status = 409


class AimTooSoon(WebError):
    """More than one picture a second was asked for."""

    code = "aim-too-soon"
    fr = "Une seule image par seconde\u202f: attendez la suivante."
    en = "One picture a second only: wait for the next one."
    status = 429


class AimNotWritten(WebError):
    """The journal takes no line: no picture without its trace."""

    code = "aim-not-written"
    fr = (
        "Le réglage n'a pas pu être inscrit au journal\u202f: il reste fermé. Réessayez, et prévenez l'équipe centrale."
    )
    en = "The aiming could not be entered in the journal: it stays closed. Try again, and tell the central team."
    status = 503


class NothingToAim(WebError):
    """No picture of the last seconds."""

    code = "nothing-to-aim"
    fr = "La caméra n'a pas envoyé d'image depuis {seconds} secondes. Vérifiez son câble et son alimentation."
    en = "The camera has sent no picture for {seconds} seconds. Check its cable and its power."
    status = 404
