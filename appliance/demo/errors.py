"""Named errors of the simulated cameras and of the demonstration."""

from appliance.core.errors import ApplianceError


class ClipUnusable(ApplianceError):
    """A clip cannot be served: not H.264, or coded in a way the counter strip does not allow."""

    code = "demo-clip-unusable"
    fr = "Le clip {clip} ne peut pas servir de caméra simulée : {why}. Choisir un clip H.264 sans images B."
    en = "Clip {clip} cannot serve as a simulated camera: {why}. Choose an H.264 clip without B pictures."


class EncoderMissing(ApplianceError):
    """PyAV has no H.264 encoder."""

    code = "demo-encoder-missing"
    fr = "PyAV ne contient pas l'encodeur libx264 : installer la roue officielle « av »."
    en = "PyAV holds no libx264 encoder: install the official 'av' wheel."


class PortTaken(ApplianceError):
    """No TCP port could be bound on loopback."""

    code = "demo-port-taken"
    fr = "Aucun port libre entre {first} et {last} sur 127.0.0.1 : arrêter l'autre démonstration ou donner --port."
    en = "No free port between {first} and {last} on 127.0.0.1: stop the other demonstration or give --port."


class RecorderDidNotStart(ApplianceError):
    """The recorder's process ended or stayed mute."""

    code = "demo-recorder-not-ready"
    fr = "L'enregistreur n'a pas démarré ({why}). Lire {log}, puis relancer make demo."
    en = "The recorder did not start ({why}). Read {log}, then run make demo again."


class RecorderAnswer(ApplianceError):
    """The recorder's HTTP API answered something unusable."""

    code = "demo-recorder-answer"
    fr = "L'enregistreur a répondu {status} à {path} : {why}."
    en = "The recorder answered {status} to {path}: {why}."


class DemonstrationRuns(ApplianceError):
    """Another demonstration runs in the work folder: emptying it would take its disks away."""

    code = "demo-running"
    fr = "Une démonstration tourne déjà dans {folder} : l'arrêter par Ctrl-C dans sa fenêtre, puis recommencer."
    en = "A demonstration runs in {folder} already: stop it with Ctrl-C in its window, then begin again."


class NoDemonstration(ApplianceError):
    """No demonstration runs in the work folder."""

    code = "demo-not-running"
    fr = "Aucune démonstration ne tourne dans {folder} : lancer « make demo » dans une autre fenêtre."
    en = "No demonstration runs in {folder}: start 'make demo' in another window."


class StrikeTooLong(ApplianceError):
    """Not everything records, or the page does not say what it should."""

    code = "demo-not-well"
    fr = "Après {seconds} s, la démonstration n'est pas dans l'état attendu : regarder la page, elle dit pourquoi."
    en = "After {seconds} s the demonstration is still not as expected: look at the page, it says why."
