"""Why the clock is believed or not: the closed set of reasons of the clock judgement, in the operator's words."""

from typing import Final, NamedTuple

from appliance.core.errors import Language


class Reason(NamedTuple):
    """Why: a stable code for logs and API, and a sentence for the operator."""

    code: str
    fr: str
    en: str

    def sentence(self, language: Language) -> str:
        """What it means, and what to do."""
        return self.fr if language == "fr" else self.en


_CONFIRM_FR: Final = "Comparez l'heure affichée à une heure sûre, et confirmez-la si elle est juste."
_CONFIRM_EN: Final = "Compare the time shown with one you trust, and confirm it if it is right."

NTP: Final = Reason("ntp", "Heure vérifiée par le réseau.", "Time verified by the network.")
CONTINUOUS: Final = Reason(
    "continuous", "Heure tenue sans le réseau depuis la dernière vérification.", "Time held since last verified."
)
RTC: Final = Reason(
    "rtc",
    "Heure reprise de l'horloge interne, d'accord avec les disques.",
    "Time taken from the built-in clock, in agreement with the disks.",
)
CONFIRMED: Final = Reason("confirmed", "Heure confirmée par une personne.", "Time confirmed by a person.")
STEPPED: Final = Reason(
    "stepped", f"L'heure a sauté pendant la marche. {_CONFIRM_FR}", f"The time jumped while running. {_CONFIRM_EN}"
)
IMPOSSIBLE: Final = Reason(
    "impossible",
    f"L'heure est antérieure à cet appareil. {_CONFIRM_FR}",
    f"The time is earlier than this appliance. {_CONFIRM_EN}",
)
BEFORE_NEWEST: Final = Reason(
    "before-newest",
    f"L'heure est antérieure au dernier enregistrement. {_CONFIRM_FR}",
    f"The time is earlier than the last recording. {_CONFIRM_EN}",
)
DISAGREE: Final = Reason(
    "sources-disagree",
    f"Le réseau, l'horloge interne et les disques ne sont pas d'accord. {_CONFIRM_FR}",
    f"Network, built-in clock and disks disagree on the time. {_CONFIRM_EN}",
)
OFF_TOO_LONG: Final = Reason(
    "off-too-long",
    f"L'appareil serait resté éteint plus de trois jours, une seule horloge le dit. {_CONFIRM_FR}",
    f"The appliance would have been off for over three days, by one clock alone. {_CONFIRM_EN}",
)
ONE_SOURCE: Final = Reason(
    "one-source", f"Une seule source donne l'heure. {_CONFIRM_FR}", f"Only one source tells the time. {_CONFIRM_EN}"
)
NO_SOURCE: Final = Reason(
    "no-source", f"Aucune source ne confirme l'heure. {_CONFIRM_FR}", f"No source confirms the time. {_CONFIRM_EN}"
)
HELD_TOO_LONG: Final = Reason(
    "held-too-long",
    f"L'heure n'a pas été vérifiée depuis plus de 30 jours. {_CONFIRM_FR}",
    f"The time has not been verified for over 30 days. {_CONFIRM_EN}",
)
