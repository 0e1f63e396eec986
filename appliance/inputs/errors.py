"""What can be wrong when a camera is asked by ONVIF. No fact holds a password; what a camera wrote is cleaned first."""

from appliance.core.errors import ApplianceError


class OnvifError(ApplianceError):
    """Base: this camera cannot be asked by ONVIF. Recording goes on, it needs no ONVIF."""

    code = "onvif"
    fr = "La caméra ne peut pas être interrogée par ONVIF. Elle s'enregistre quand même."
    en = "The camera cannot be asked by ONVIF. It is recorded all the same."


class OnvifAddressRefused(OnvifError):
    """Not an address of a private IPv4 network."""

    code = "onvif-address"
    fr = "« {address} » n'est pas une adresse du réseau des caméras. Écrivez par exemple 10.20.0.11 ou 10.20.0.11:8080."
    en = 'No address of the camera network: "{address}". Write for instance 10.20.0.11 or 10.20.0.11:8080.'


class OnvifUnreachable(OnvifError):
    """No connection, or it broke."""

    code = "onvif-unreachable"
    fr = "Pas de réponse ONVIF de {address}. Vérifiez l'alimentation, le câble, et qu'ONVIF est activé dans la caméra."
    en = (
        "No ONVIF answer from {address} ({reason}). Check power and cable, and that ONVIF is switched on in the camera."
    )


class OnvifSlow(OnvifError):
    """The answer did not come in time."""

    code = "onvif-slow"
    fr = "La caméra {address} n'a pas fini de répondre en {seconds} s. Réessayez ; redémarrez-la si cela dure."
    en = "The camera {address} did not finish its answer within {seconds} s. Try again; restart it if this lasts."


class OnvifTooLong(OnvifError):
    """More bytes than any honest answer has."""

    code = "onvif-too-long"
    fr = "La caméra {address} envoie une réponse démesurée (plus de {limit} octets), refusée. Est-ce bien une caméra ?"
    en = "The camera {address} sends an outsized answer (over {limit} bytes), refused. Is it a camera at all?"


class OnvifXmlRefused(OnvifError):
    """XML that is not well-formed, or that may not be: a document type, entities, too deep, too many elements."""

    code = "onvif-xml"
    fr = "La caméra envoie une réponse XML refusée. Mettez à jour son logiciel ; isolez-la si cela se répète."
    en = "The camera sends XML that is refused ({reason}). Update its firmware; take it off the network if it repeats."


class OnvifNotSpoken(OnvifError):
    """HTTP, but no SOAP: another device, another port, or ONVIF is off."""

    code = "onvif-not-spoken"
    fr = "{address} répond (code {status}), mais pas en ONVIF. Activez ONVIF dans la caméra, ou donnez son autre port."
    en = "{address} answers (status {status}), but no ONVIF. Switch ONVIF on in the camera, or give its other port."


class OnvifPasswordMissing(OnvifError):
    """The camera wants user and password, and none were given."""

    code = "onvif-password-missing"
    fr = "La caméra demande un compte ONVIF. Donnez-le avec --user ; le mot de passe est demandé ensuite."
    en = "The camera asks for an ONVIF account. Give it with --user; the password is asked for then."


class OnvifPasswordRefused(OnvifError):
    """The camera refuses this user and password. It is not tried again: cameras lock accounts."""

    code = "onvif-password"
    fr = "La caméra refuse ce compte ONVIF. Vérifiez nom et mot de passe, et que ce compte existe dans son menu ONVIF."
    en = "The camera refuses this ONVIF account. Check name and password, and that its ONVIF menu has this account."


class OnvifAuthScheme(OnvifError):
    """Only ways to log in that would show the password, or that nobody here speaks."""

    code = "onvif-auth-scheme"
    fr = "La caméra ne propose pas d'identification sûre. Réglez-la sur Digest."
    en = "The camera offers no safe way to log in. Set it to Digest."


class OnvifFault(OnvifError):
    """The camera refused a call by a SOAP fault. `reason`: its own words, cleaned and cut."""

    code = "onvif-fault"
    fr = "La caméra refuse la demande {call}. Faites ce réglage dans sa propre page."
    en = "The camera refuses the call {call} ({reason}). Make this setting on its own page."


class OnvifAnswerIncomplete(OnvifError):
    """An answer without what the call is for."""

    code = "onvif-incomplete"
    fr = "La réponse de la caméra à {call} est incomplète. Mettez à jour son logiciel, ou réglez-la par sa page."
    en = "The camera's answer to {call} is incomplete. Update its firmware, or set it by its own page."


class OnvifNoLightStream(OnvifError):
    """Nothing to set: no profile for a light stream."""

    code = "onvif-no-light-stream"
    fr = "La caméra n'a pas de flux léger à régler. Créez un second profil dans sa page, en H.264, 640 × 360."
    en = "The camera has no light stream to set. Make a second profile on its page, in H.264, 640 × 360."


class PasswordWeak(OnvifError):
    """The new password is not one to give to a camera."""

    code = "password-weak"
    fr = "Nouveau mot de passe refusé : il en faut un de {least} à {most} caractères imprimables, différent du nom."
    en = "New password refused: write {least} to {most} printable characters, other than the user's name."


class PasswordNotTaken(OnvifError):
    """The camera said yes to the new password and does not let it in; it has the old one again, or still."""

    code = "password-not-taken"
    fr = "La caméra n'ouvre pas avec le nouveau mot de passe : l'ancien a été remis, rien n'est changé."
    en = "The camera does not open with the new password: the old one was put back, nothing is changed."


class PasswordStreamSeparate(OnvifError):
    """The account of the streams is another one than that of ONVIF; the old password was put back."""

    code = "password-stream-separate"
    fr = (
        "Cette caméra a un compte à part pour ses images : l'ancien mot de passe ONVIF a été remis. "
        "Changez-le dans sa page, puis dans le fichier des secrets."
    )
    en = (
        "This camera has an account of its own for its pictures: the old ONVIF password was put back. "
        "Change it on its page, then in the file of secrets."
    )


class PasswordNobodyAsked(OnvifError):
    """The camera answers everybody: no login can be tried, so no password be known to work."""

    code = "password-nobody-asked"
    fr = "La caméra répond à tout le monde, sans mot de passe. Activez d'abord son identification ONVIF dans sa page."
    en = "The camera answers everybody, without a password. Switch its ONVIF authentication on first, on its page."


class PasswordStreamUntried(OnvifError):
    """The stream did not answer, so nobody knows whether it opens with the new password; the old one was put back."""

    code = "password-stream-untried"
    fr = "Les images de la caméra n'ont pas répondu pour l'essai : l'ancien mot de passe a été remis. Réessayez."
    en = "The camera's pictures did not answer for the trial: the old password was put back. Try again."


class PasswordInDoubt(OnvifError):
    """Which of both passwords the camera has is not known; both are kept."""

    code = "password-in-doubt"
    fr = (
        "La caméra n'a pas dit si elle a pris le nouveau mot de passe ; les deux sont gardés. "
        "Quand elle répond, relancez : appliance camera set-password"
    )
    en = (
        "The camera did not tell whether it took the new password; both are kept. "
        "When it answers, run again: appliance camera set-password"
    )


class InterfaceMissing(OnvifError):
    """The camera network's interface is not on this machine."""

    code = "inputs-interface"
    fr = "La carte réseau des caméras, « {interface} », est introuvable : voyez interface, table [inputs] de site.toml."
    en = "The camera network's interface, {interface}, is not here: see interface in the table [inputs] of site.toml."


class DiscoveryFailed(OnvifError):
    """The question to all cameras could not be sent."""

    code = "inputs-discovery"
    fr = "La recherche sur le réseau des caméras n'a pas pu partir. Vérifiez le câble de la carte « {interface} »."
    en = "The search could not be sent on the camera network ({reason}). Check that the cable of {interface} is in."


class InputsBusy(OnvifError):
    """As many cameras are being asked as may be at a time."""

    code = "inputs-busy"
    fr = "Des caméras sont déjà interrogées ({limit} à la fois). Réessayez dans quelques secondes."
    en = "Cameras are being asked already ({limit} at a time). Try again in a few seconds."


class InputsUnreachable(ApplianceError):
    """The service that asks cameras does not answer; recording does not need it."""

    code = "inputs-unreachable"
    fr = "Le service « inputs » (caméras, ONVIF) ne répond pas ({why}). Démarrez-le ; l'enregistrement continue."
    en = "The service `inputs`, which asks cameras, does not answer ({why}). Start it; recording goes on."


class InputsRefused(ApplianceError):
    """It answered with an error of its own, told as it is."""

    code = "inputs-refused"
    fr = "{sentence_fr}"
    en = "{sentence_en}"
