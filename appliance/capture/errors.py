"""Why a camera's pictures do not arrive: each failure is named, says what to do, and has the cause of its gap.

`reason` is a technical detail in English, for the log and the English sentence only.
"""

from typing import ClassVar

from appliance.core.cause import GapCause
from appliance.core.errors import ApplianceError


class CaptureError(ApplianceError):
    """Base: one camera cannot be recorded for now. `cause` is written beside the gap."""

    code = "capture"
    fr = "La caméra n'est pas enregistrée. Vérifiez-la."
    en = "The camera is not recorded. Check it."
    cause: ClassVar[GapCause] = GapCause.CAMERA_PROTOCOL


class CameraUrlInvalid(CaptureError):
    """The configured address is no RTSP URL this reader can open."""

    code = "camera-url"
    fr = "Adresse de caméra inutilisable. Écrivez rtsp://ADRESSE:554/CHEMIN."
    en = "Unusable camera address ({reason}). Write rtsp://ADDRESS:554/PATH."


class CameraUnreachable(CaptureError):
    """No route, no name, or no answer to the TCP connection."""

    code = "camera-unreachable"
    fr = "La caméra {host} ne répond pas. Vérifiez son alimentation, son câble et le commutateur."
    en = "The camera {host} does not answer ({reason}). Check its power, its cable and the switch."
    cause = GapCause.CAMERA_UNREACHABLE


class NetworkDown(CaptureError):
    """No camera can be reached, or the recorder's own link has no carrier: not this camera's fault."""

    code = "camera-network"
    fr = "Le réseau des caméras est coupé. Vérifiez le commutateur et le câble de l'enregistreur."
    en = "The camera network is down. Check the switch and the recorder's cable."
    cause = GapCause.NETWORK


class CameraRefused(CaptureError):
    """The TCP connection was refused, or the camera said it is full (453, 503)."""

    code = "camera-refused"
    fr = "La caméra {host} refuse la connexion. Vérifiez le port RTSP et le nombre de clients autorisés."
    en = "The camera {host} refuses the connection ({reason}). Check the RTSP port and how many clients it allows."
    cause = GapCause.CAMERA_REFUSED


class CameraAuthentication(CaptureError):
    """The camera refuses the user and password it was given."""

    code = "camera-auth"
    fr = "La caméra refuse le mot de passe. Corrigez-le ; prochain essai dans une minute ou plus."
    en = "The camera refuses the password. Correct it; the next try is in a minute or more."
    cause = GapCause.CAMERA_AUTH


class CameraPasswordMissing(CameraAuthentication):
    """The camera asks for a password and none is configured."""

    code = "camera-auth-missing"
    fr = "La caméra demande un mot de passe et aucun n'est configuré. Ajoutez-le au fichier des secrets."
    en = "The camera asks for a password and none is configured. Add it to the file of secrets."


class CameraAuthScheme(CameraAuthentication):
    """The camera offers only ways to authenticate that nobody here speaks."""

    code = "camera-auth-scheme"
    fr = "La caméra demande une authentification inconnue. Réglez-la sur Digest (MD5 ou SHA-256)."
    en = "The camera asks for an unknown authentication. Set it to Digest (MD5 or SHA-256)."


class CameraCertificate(CaptureError):
    """An rtsps camera shows another certificate than the one that is believed, or none."""

    code = "camera-certificate"
    fr = (
        "Le certificat de la caméra n'est pas celui attendu. Si elle a été remplacée, écrivez sa nouvelle empreinte ; "
        "sinon, vérifiez qui répond à sa place."
    )
    en = (
        "The camera's certificate is not the expected one ({reason}). If it was replaced write its new fingerprint; "
        "if not, find out who answers in its place."
    )
    cause = GapCause.CAMERA_REFUSED


class CameraSilent(CaptureError):
    """Connected, but no answer or no picture any more."""

    code = "camera-silent"
    fr = "La caméra n'envoie plus rien. Redémarrez-la si cela dure."
    en = "The camera sends nothing any more ({reason}). Restart it if this lasts."
    cause = GapCause.CAMERA_SILENT


class CameraClosed(CaptureError):
    """The camera ended the stream or the connection."""

    code = "camera-closed"
    fr = "La caméra a coupé la connexion. Vérifiez son alimentation et le réseau si cela se répète."
    en = "The camera closed the connection ({reason}). Check its power and the network if this repeats."
    cause = GapCause.CAMERA_CLOSED


class CameraFloods(CaptureError):
    """Far more comes than any video needs: a fault or an attack that must not cost the other cameras anything."""

    code = "camera-floods"
    fr = (
        "La caméra envoie bien plus de données qu'une vidéo n'en demande : elle est laissée de côté un moment. "
        "Redémarrez-la ; si cela recommence, débranchez-la et faites-la contrôler."
    )
    en = (
        "The camera sends far more data than any video needs: it is left alone for a while. Restart it; if this "
        "happens again unplug it and have it checked."
    )


class RtspInvalid(CaptureError):
    """Bytes or an answer that RTSP does not allow. `at`: position in the connection's byte stream."""

    code = "camera-rtsp"
    fr = "Réponse RTSP incompréhensible (octet {at}). Mettez la caméra à jour."
    en = "RTSP answer not understood ({reason}, byte {at}). Update the camera."


class RequestRejected(CaptureError):
    """The camera answered a request with a status that has no name of its own here."""

    code = "camera-request"
    fr = "La caméra refuse {method} (code {status}). Vérifiez le réglage du flux sur la caméra."
    en = "The camera rejects {method} (status {status}). Check the stream's settings on the camera."


class RedirectRefused(CaptureError):
    """The camera sends the recorder to another machine or port: not followed, a camera LAN has fixed addresses."""

    code = "camera-redirect"
    fr = "La caméra renvoie vers une autre adresse. Écrivez l'adresse définitive dans la configuration."
    en = "The camera redirects to another address. Write the final address in the configuration."


class StreamNotFound(CaptureError):
    """404: the path is unknown to the camera."""

    code = "camera-no-stream"
    fr = "La caméra ne connaît pas le flux {path}. Corrigez le chemin RTSP."
    en = "The camera does not know the stream {path}. Correct the RTSP path."
    cause = GapCause.CAMERA_NO_STREAM


class SdpInvalid(CaptureError):
    """The description is not SDP, or has no media (RFC 8866)."""

    code = "camera-sdp"
    fr = "Description SDP illisible. Mettez la caméra à jour."
    en = "Unreadable SDP description ({reason}). Update the camera."


class CodecRefused(CaptureError):
    """No video track, or one that is not recorded."""

    code = "camera-codec"
    fr = "Format vidéo non enregistré : {codec}. Réglez la caméra sur H.264 ou H.265."
    en = "Video format not recorded: {codec}. Set the camera to H.264 or H.265."
    cause = GapCause.CAMERA_CODEC


class TransportRefused(CaptureError):
    """The camera does not send RTP over the RTSP connection (461, or another transport in its answer)."""

    code = "camera-transport"
    fr = "La caméra n'envoie pas la vidéo sur TCP. Autorisez RTP sur RTSP (TCP)."
    en = "The camera does not send video over TCP ({reason}). Allow RTP over RTSP (TCP)."


class NoKeyframe(CaptureError):
    """Pictures arrive, but none that a recording may begin with."""

    code = "camera-no-keyframe"
    fr = "Aucune image clé utilisable depuis {seconds} s. Réglez l'intervalle d'images clés à 2 s."
    en = "No usable keyframe for {seconds} s. Set the keyframe interval to 2 s."


class CompatibleReaderFailed(CaptureError):
    """The compatible reader (libav, a process of its own) could not read the camera, or died."""

    code = "camera-compatible"
    fr = "Le lecteur de compatibilité ne lit pas cette caméra. Réglez-la sur RTP par TCP, en H.264 ou H.265."
    en = "The compatible reader cannot read this camera ({reason}). Set it to RTP over TCP, H.264 or H.265."
