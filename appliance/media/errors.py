"""Named failures of reading and writing media bytes."""

from appliance.core.errors import ApplianceError


class CodecNotRecorded(ApplianceError):
    """The stream's codec, or its parameter sets, cannot be described in the file format."""

    code = "codec-not-recorded"
    fr = "Ce flux {codec} ne peut pas être enregistré : réglez la caméra sur H.264 ou H.265 (profils courants)."
    en = "This {codec} stream cannot be recorded: set the camera to H.264 or H.265 (common profiles)."


class BoxUnreadable(ApplianceError):
    """Bytes that are no box of ISO/IEC 14496-12, or a box that is not there."""

    code = "box-unreadable"
    fr = "Structure MP4 illisible à l'octet {offset} : le fichier est abîmé, lancez une vérification du disque."
    en = "MP4 structure unreadable at byte {offset}: the file is damaged, run a check of the disk."


class PartUnreadable(ApplianceError):
    """Bytes that are no part of ours, or a part whose header does not hold."""

    code = "part-unreadable"
    fr = "Partie illisible à l'octet {offset} ({why}) : l'enregistrement s'arrête avant elle, vérifiez le disque."
    en = "Part unreadable at byte {offset} ({why}): the recording ends before it, check the disk."


class TimelineBroken(ApplianceError):
    """Decoding times that do not rise: a part written so would not play."""

    code = "timeline-broken"
    fr = "Les temps de décodage reculent ({before} puis {after}) : la caméra doit être reconnectée."
    en = "Decoding times go backwards ({before} then {after}): the camera must be reconnected."
