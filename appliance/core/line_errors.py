"""Named failures of the sockets by which services talk."""

from appliance.core.errors import ApplianceError


class BadRequest(ApplianceError):
    """A request the socket's protocol does not allow."""

    code = "bad-request"
    fr = "Demande non comprise ({why}) : mettez les services à la même version."
    en = "Request not understood ({why}): bring the services to the same version."


class SocketUnusable(ApplianceError):
    """A service's socket cannot be made where the site file says."""

    code = "socket-unusable"
    fr = "La prise {path} ne peut pas être créée ({why}) : voyez {setting} dans site.toml."
    en = "The socket {path} cannot be made ({why}): see {setting} in site.toml."


class TooManyClients(ApplianceError):
    """More connections than a service takes."""

    code = "too-many-clients"
    fr = "Ce service a déjà {limit} clients : fermez-en, ou réessayez plus tard."
    en = "This service already has {limit} clients: close some, or try again later."


class NotAllowed(ApplianceError):
    """The asking process may not use this verb."""

    code = "not-allowed"
    fr = "Ce programme n'a pas le droit de demander « {verb} » : voyez sous quel compte il tourne."
    en = 'This program may not ask for "{verb}": see which account it runs under.'
