"""What can go wrong in detection, in words."""

from appliance.core.errors import ApplianceError


class ArmingRefused(ApplianceError):
    """A record by hand lacks what makes it one: who, why, until when."""

    code = "arming-refused"
    fr = (
        "Mise en service ou arrêt de la détection refusé : il faut un nom, un motif de {least} caractères au moins et "
        "une fin, dans {hours} heures au plus."
    )
    en = (
        "Arming or disarming is refused: it needs a name, a reason of {least} characters at least and an end, within "
        "{hours} hours at the most."
    )


class PicturesUnreadable(ApplianceError):
    """libav cannot read this video."""

    code = "pictures-unreadable"
    fr = "Les images de {file} ne peuvent pas être lues ({reason}). Vérifiez que c'est une vidéo H.264 ou H.265."
    en = "The pictures of {file} cannot be read ({reason}). Check that it is an H.264 or H.265 video."


class CameraSetAside(ApplianceError):
    """A camera's pictures made the detector's process die again and again."""

    code = "camera-set-aside"
    fr = (
        "Les images de la caméra {camera} ont fait échouer l'analyse plusieurs fois : elle est enregistrée, mais n'est "
        "plus analysée pendant une heure. Redémarrez-la, ou remplacez-la si cela revient."
    )
    en = (
        "The pictures of the camera {camera} broke the analysis several times: it is recorded, but not analysed for an "
        "hour. Restart it, or replace it if this comes back."
    )


class ModelDescriptionWrong(ApplianceError):
    """A model's TOML cannot be used."""

    code = "model-description-wrong"
    fr = "La description du modèle {file} ne convient pas ({reason}). Réinstallez-le : appliance model install"
    en = "The model's description {file} cannot be used ({reason}). Install it again: appliance model install"


class ModelDamaged(ApplianceError):
    """A model file is not what its description says."""

    code = "model-damaged"
    fr = "Le modèle {file} est illisible ou n'est pas le bon ({reason}). Réinstallez-le : appliance model install"
    en = "The model {file} is unreadable or not the expected one ({reason}). Install it again: appliance model install"


class InterpreterMissing(ApplianceError):
    """Neither runtime for models is installed."""

    code = "interpreter-missing"
    fr = "Aucun moteur de calcul pour les modèles n'est installé : seule la détection de mouvement fonctionne."
    en = "No runtime for models is installed: only the detection of motion works."


class ModelUnknown(ApplianceError):
    """A file that no description names by its hash."""

    code = "model-unknown"
    fr = (
        "{file} n'est aucun des modèles connus ({sha256}). Vérifiez que la copie est complète, ou placez sa "
        "description à côté de lui."
    )
    en = (
        "{file} is none of the known models ({sha256}). Check that the copy is complete, or put its description beside "
        "it."
    )


class ModelUnreachable(ApplianceError):
    """A model's origin gave nothing."""

    code = "model-unreachable"
    fr = (
        "Le modèle {name} n'a pas pu être téléchargé ({reason}). Copiez-le depuis une clé, puis : "
        "appliance model install"
    )
    en = "The model {name} could not be fetched ({reason}). Copy it from a stick, then: appliance model install"


class DetectionRefused(ApplianceError):
    """Pictures that the law does not let us analyse, or a camera that the site does not have."""

    code = "detection-refused"
    fr = "Les images de la caméra {camera} ne sont pas analysées. {sentence_fr}"
    en = "Pictures of the camera {camera} are not analysed. {sentence_en}"
