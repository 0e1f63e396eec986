"""What the viewing lock refuses: opening footage, showing it, and what asks for a second person."""

from appliance.accounts.look import LONGEST_US, Fault, Shut
from appliance.core.units import US_PER_SECOND
from appliance.web.errors import WebError


class LookRefused(WebError):
    """Base: the type of the problem body is the lock's own, so that a page tells it from any other refusal."""

    code = "look-refused"
    fr = "Consultation refusée\u202f: donnez un motif pour ouvrir des images."
    en = "Viewing refused: give a reason to open pictures."
    status = 403
    kind = "urn:temoin:problem:look"


class LookNeeded(LookRefused):
    """Nothing is open for this person."""

    code = "look-needed"
    fr = "Ces images sont fermées\u202f: donnez un motif pour les ouvrir."
    en = "These pictures are closed: give a reason to open them."


class LookOver(LookRefused):
    """The opening that let this through has ended."""

    code = "look-over"
    fr = "La consultation est terminée\u202f: donnez un motif pour ouvrir ces images à nouveau."
    en = "The viewing is over: give a reason to open these pictures again."


class LookOutside(LookRefused):
    """Something is open, this is not in it."""

    code = "look-outside"
    fr = "Ces images ne font pas partie de ce qui est ouvert\u202f: donnez un motif pour les ouvrir aussi."
    en = "These pictures are not part of what is open: give a reason to open them too."


class NotYours(LookRefused):
    """The account does not go that far: role, authorisation or grant."""

    code = "look-not-yours"
    fr = "Votre compte ne donne pas accès à ces images. Demandez-le à un responsable du site."
    en = "Your account does not give access to these pictures. Ask a manager of the site for it."


SHUT: dict[Shut, type[LookRefused]] = {
    Shut.NEEDED: LookNeeded,
    Shut.OVER: LookOver,
    Shut.OUTSIDE: LookOutside,
    Shut.ACCOUNT: NotYours,
}
"""The refusal by the policy's word."""


class ReasonLacks(WebError):
    """The reason is not whole."""

    code = "reason-lacks"
    fr = "Le motif est incomplet\u202f: {what_fr}."
    en = "The reason is not complete: {what_en}."
    status = 400


LACKS: dict[Fault, tuple[str, str]] = {
    Fault.NO_ALERT: ("indiquez l'alerte", "say which alert"),
    Fault.TEXT: (
        "écrivez en 10 à 500 caractères ce que vous cherchez",
        "write in 10 to 500 characters what you look for",
    ),
    Fault.NUMBER_MISSING: ("donnez le numéro de la réquisition", "give the number of the judicial request"),
    Fault.NUMBER_UNWANTED: (
        "un numéro ne va qu'avec une réquisition judiciaire",
        "a number goes with a judicial request only",
    ),
}
"""What is missing, in words."""


def reason_lacks(fault: Fault) -> ReasonLacks:
    """The refusal in words."""
    fr, en = LACKS[fault]
    return ReasonLacks(what_fr=fr, what_en=en)


class NothingToOpen(WebError):
    """No camera of the person's, or an interval that is empty, too long or not recorded yet."""

    code = "nothing-to-open"
    fr = "Rien à ouvrir ainsi\u202f: choisissez des caméras à vous et {hours} h au plus, déjà enregistrées."
    en = "Nothing to open this way: choose cameras of yours and {hours} h at most, already recorded."
    status = 400

    def __init__(self) -> None:
        super().__init__(hours=LONGEST_US // (3600 * US_PER_SECOND))


class LookNotWritten(WebError):
    """The journal takes no line: nothing is opened without its trace."""

    code = "look-not-written"
    fr = "Le journal des consultations ne s'écrit pas\u202f: rien n'est ouvert. Prévenez le technicien."
    en = "The journal of viewings cannot be written: nothing is opened. Call the technician."
    status = 503


class NoSuchLook(WebError):
    """No opening of this number, or somebody else's."""

    code = "no-such-look"
    fr = "Aucune consultation de ce numéro à votre nom ({number}). Voyez celles qui sont ouvertes."
    en = "There is no viewing of this number in your name ({number}). See those that are open."
    status = 404


class NoJournal(WebError):
    """The journal's files cannot be read."""

    code = "no-journal"
    fr = "Le journal ne peut pas être relu pour le moment. Réessayez, puis prévenez le technicien."
    en = "The journal cannot be read at the moment. Try again, then call the technician."
    status = 503


class SecondNeeded(WebError):
    """What one person alone may not do."""

    code = "second-needed"
    fr = "Plus rien ne serait surveillé\u202f: demandez l'accord d'une seconde personne."
    en = "Nothing would be watched any more: ask for a second person's agreement."
    status = 403


class NotASecondPerson(WebError):
    """The asker signs their own request."""

    code = "not-a-second-person"
    fr = "Votre propre demande doit être signée par une autre personne, avec son compte."
    en = "Your own request must be signed by another person, with their account."
    status = 403


class NoWitnesses(WebError):
    """Fewer than two other names."""

    code = "no-witnesses"
    fr = "Nommez deux témoins présents, autres que vous."
    en = "Name two witnesses who are there, other than yourself."
    status = 400


class SecondOver(WebError):
    """No request of this number stands there to be signed or done."""

    code = "second-over"
    fr = "Cette demande n'attend pas cela\u202f: elle est faite, trop ancienne, ou ses dix minutes courent encore."
    en = "This request does not wait for that: it is done, too old, or its ten minutes are still running."
    status = 404
