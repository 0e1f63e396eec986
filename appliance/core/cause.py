"""Why video is missing. The number is stored in the first part of the run that ends the gap: never reuse one."""

from enum import IntEnum

from appliance.core.errors import Language


class GapCause(IntEnum):
    """Cause of the gap before a run; its numbers are part of the disk format."""

    NONE = 0  # no gap: the first run ever of a stream
    APPLIANCE_OFF = 1  # the recorder was stopped, killed or restarted
    POWER = 2  # the machine lost power, or stopped without a word (a kernel panic is not told apart)
    UPDATE = 3  # an update of the software
    PLANNED = 4  # the recording calendar asked for it
    DISK = 5  # a disk failed or was too slow
    CLOCK = 6  # the appliance's clock was stepped
    OVERLOAD = 7  # queues were full: whole GOPs dropped, counted
    ERASED = 8  # never stored as a cause: it was recorded, and the ring has reused its place
    CLOCK_DOUBTFUL = 9  # not recorded because the date is in doubt: the recording calendar cannot be applied
    NETWORK = 10  # the camera could not be reached because the recorder's own network was down
    CAMERA_REFUSED = 20  # the camera refused the TCP connection
    CAMERA_UNREACHABLE = 21  # no route, or no answer to the connection
    CAMERA_AUTH = 22  # wrong user or password
    CAMERA_SILENT = 23  # connected, but no picture came any more
    CAMERA_CLOSED = 24  # the camera ended the stream or reset the connection
    CAMERA_PROTOCOL = 25  # an answer that RTSP or SDP do not allow
    CAMERA_NO_STREAM = 26  # the path is unknown to the camera (404)
    CAMERA_CODEC = 27  # a codec that is not recorded
    CAMERA_TIME = 28  # the camera's media time jumped
    PACKET_LOSS = 29  # RTP packets were missing: pictures damaged until the next keyframe
    PARAMETERS = 30  # the camera changed resolution or codec parameters

    def label(self, language: Language) -> str:
        """A few words for a timeline or a summary."""
        return _LABELS[self][0 if language == "fr" else 1]


_LABELS: dict[GapCause, tuple[str, str]] = {
    GapCause.NONE: ("début de l'enregistrement", "start of the recording"),
    GapCause.APPLIANCE_OFF: ("enregistreur arrêté", "recorder stopped"),
    GapCause.POWER: ("coupure de courant ou arrêt brutal", "power cut or sudden stop"),
    GapCause.UPDATE: ("mise à jour", "update"),
    GapCause.PLANNED: ("pause prévue (site ouvert)", "planned pause (site open)"),
    GapCause.DISK: ("panne de disque", "disk failure"),
    GapCause.CLOCK: ("heure de l'enregistreur corrigée", "recorder's clock corrected"),
    GapCause.OVERLOAD: ("enregistreur surchargé", "recorder overloaded"),
    GapCause.ERASED: ("déjà effacé", "erased already"),
    GapCause.CLOCK_DOUBTFUL: ("pause par précaution, heure incertaine", "paused as a precaution, time in doubt"),
    GapCause.NETWORK: ("réseau des caméras coupé", "camera network down"),
    GapCause.CAMERA_REFUSED: ("la caméra refuse la connexion", "the camera refuses the connection"),
    GapCause.CAMERA_UNREACHABLE: ("caméra injoignable", "camera unreachable"),
    GapCause.CAMERA_AUTH: ("mot de passe de la caméra refusé", "camera password refused"),
    GapCause.CAMERA_SILENT: ("la caméra n'envoie plus d'image", "the camera sends no picture"),
    GapCause.CAMERA_CLOSED: ("la caméra a coupé la connexion", "the camera closed the connection"),
    GapCause.CAMERA_PROTOCOL: ("réponse incompréhensible de la caméra", "the camera's answer cannot be understood"),
    GapCause.CAMERA_NO_STREAM: ("flux inconnu de la caméra", "stream unknown to the camera"),
    GapCause.CAMERA_CODEC: ("format vidéo non enregistrable", "video format that cannot be recorded"),
    GapCause.CAMERA_TIME: ("l'horloge vidéo de la caméra a sauté", "the camera's media clock jumped"),
    GapCause.PACKET_LOSS: ("images perdues sur le réseau", "pictures lost on the network"),
    GapCause.PARAMETERS: ("la caméra a changé de réglages vidéo", "the camera changed its video settings"),
}
