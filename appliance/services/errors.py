"""What keeps a service from starting."""

from appliance.core.errors import ApplianceError


class PortTaken(ApplianceError):
    """Another program listens there."""

    code = "port-taken"
    fr = "Le port {port} est déjà pris par un autre programme. Choisissez-en un autre ; --port 0 en prend un libre."
    en = "Port {port} is taken by another program. Choose another one: --port 0 takes any free one."


class PageNotBuilt(ApplianceError):
    """The page's build is not there."""

    code = "page-not-built"
    fr = "La page n'est pas construite ({path}). Lancez : make page"
    en = "The page is not built ({path}). Run: make page"


class DisksUnusable(ApplianceError):
    """No disk of the site can be recorded on; each one's reason is named."""

    code = "disks-unusable"
    fr = "Rien n'est enregistré, aucun disque n'est utilisable. {why_fr}"
    en = "Nothing is recorded, no disk can be used. {why_en}"


class ServiceStopped(ApplianceError):
    """A child service ended again and again."""

    code = "service-stopped"
    fr = "Le service {service} s'arrête dès son démarrage (code {status}). La raison est écrite au-dessus."
    en = "The service {service} stops as soon as it starts (code {status}). The reason is written above."


class DateUnreadable(ApplianceError):
    """A date and hour that were typed otherwise."""

    code = "date-unreadable"
    fr = "« {text} » n'est pas une date comprise ici : écrivez par exemple 2026-11-25T14:03 (heure du site)."
    en = 'A date is not understood here: "{text}". Write for example 2026-11-25T14:03 (the site\'s time).'


class RecorderRuns(ApplianceError):
    """What is asked may only be done while no recorder has the disks."""

    code = "recorder-runs"
    fr = "L'enregistreur (processus {pid}) utilise les disques : arrêtez-le d'abord, il refait l'index en démarrant."
    en = "The recorder (process {pid}) uses the disks: stop it first; it makes the index again when it starts."


class NothingRecorded(ApplianceError):
    """An export of nothing."""

    code = "nothing-recorded"
    fr = "Aucune image de {camera} entre {start} et {end} : vérifiez la caméra, la date et l'heure."
    en = "No picture of {camera} between {start} and {end}: check the camera, the date and the time."


class FootageUndated(ApplianceError):
    """Footage of a doubtful clock that no recorder has dated: whether it may be shown is not known."""

    code = "footage-undated"
    fr = (
        "Séquences de {camera} qui ne sont pas montrées, faute de connaître leur heure : {count}. "
        "Démarrez l'enregistreur, il les date, puis recommencez."
    )
    en = (
        "Sequences of {camera} that are not shown, since their time is not known: {count}. "
        "Start the recorder, it dates them, then try again."
    )


class ClockUnconfirmed(ApplianceError):
    """Without the recorder nothing can judge the machine's time."""

    code = "clock-unconfirmed"
    fr = (
        "L'enregistreur ne répond pas, et sans lui rien ne prouve que l'heure de cette machine ({now}) est juste : "
        "des images trop anciennes pourraient être montrées. Regardez votre montre et ajoutez la date et l'heure "
        "qu'il est : --confirm-clock {now}"
    )
    en = (
        "The recorder does not answer, and without it nothing proves that this machine's time ({now}) is right: "
        "pictures that are too old might be shown. Look at your watch and add the date and time that it is: "
        "--confirm-clock {now}"
    )


class ConfirmedTooEarly(ApplianceError):
    """The time that was typed has been over for long, as a disk knows."""

    code = "confirmed-too-early"
    fr = "{typed} est passé : un disque a été écrit le {last}. Vérifiez la date et l'heure, puis recommencez."
    en = "{typed} is over: a disk was written at {last}. Check the date and the time, then try again."


class WorkStands(ApplianceError):
    """Threads that did nothing for a whole watchdog period: the service manager is not told that all is alive."""

    code = "work-stands"
    fr = "Le travail n'avance plus ({workers}). Le service est redémarré de lui-même s'il ne reprend pas."
    en = "Work has come to a stand ({workers}). The service is restarted by itself if it does not go on."


class NoPortGiven(ApplianceError):
    """The service manager handed over no port to listen on."""

    code = "no-port-given"
    fr = "Aucun port n'a été confié à ce service : le système le lance avec son port, pas à la main."
    en = "No port was handed to this service: the system starts it with its port, not by hand."


class CameraAddressUnknown(ApplianceError):
    """The site names the camera's machine by a name, not by an address."""

    code = "camera-address-unknown"
    fr = "L'adresse de la caméra {camera} n'est pas écrite en chiffres : donnez-la avec --address."
    en = "The address of the camera {camera} is not written in figures: give it with --address."


class PasswordsDiffer(ApplianceError):
    """A new password was typed twice, not the same."""

    code = "passwords-differ"
    fr = "Les deux mots de passe tapés ne sont pas les mêmes : rien n'est changé, recommencez."
    en = "The two passwords that were typed are not the same: nothing is changed, try again."


class PasswordUnknown(ApplianceError):
    """The file of secrets has no account for this camera, so nothing can be changed with it."""

    code = "password-unknown"
    fr = "Le fichier des secrets {file} n'a pas de compte pour la caméra {camera} : ajoutez-y l'actuel d'abord."
    en = "The file of secrets {file} has no account for the camera {camera}: add the present one first."


class SecretsUnusable(ApplianceError):
    """The file of secrets, or the note beside it, cannot be read or written as needed."""

    code = "secrets-unusable"
    fr = (
        "Le fichier des secrets {file} ne peut pas être changé ({why}). Vérifiez les droits et la place, puis relancez."
    )
    en = "The file of secrets {file} cannot be changed ({why}). Check permissions and free space, then run again."


class SystemDiskFailed(ApplianceError):
    """The appliance's own disk was not laid out or not opened; nothing was half done."""

    code = "system-disk-failed"
    fr = (
        "Le disque de l'appareil ne s'ouvre pas ({program} : {reason}). L'appareil redémarre ; si cela revient, notez "
        "ces mots et appelez le support."
    )
    en = (
        "The appliance's disk does not open ({program}: {reason}). It starts again; if this comes back, note these "
        "words and call support."
    )
