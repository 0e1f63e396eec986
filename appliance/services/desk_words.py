"""What the second screen says, in French and English."""

import textwrap
from dataclasses import dataclass
from typing import Final

from appliance.accounts.challenge import CODE_LENGTH, LASTS_US
from appliance.core.errors import Language
from appliance.core.units import US_PER_SECOND
from appliance.services.console_screen import COLUMNS

MINUTES: Final = LASTS_US // US_PER_SECOND // 60


@dataclass(frozen=True, slots=True)
class Words:
    """Lines and sentences of the dialogue. `told`: pattern of a request; `wait`: of a rest, in seconds."""

    title: str
    back: str
    purpose: tuple[str, ...]
    probe: str
    nothing: str
    no_keyboard: str
    name: str
    told: tuple[str, ...]
    code: str
    correct: str
    opened: str
    after: tuple[str, ...]
    wait: str

    def request(self, box: str, account: str, told: str) -> list[str]:
        """What is told to the central team."""
        return [line.format(box=box, account=account, told=told) for line in self.told]

    def rest(self, seconds: float) -> str:
        """That one may go on in so many seconds."""
        return self.wait.format(seconds=round(seconds))


_FR: Final = Words(
    title="ACCÈS PERDU, appareil",
    back="Alt+F1 : écran principal",
    purpose=(
        "Ici, une personne sans mot de passe, téléphone, code de secours ni fiche retrouve son accès.",
        "Il faut l'équipe centrale au bout du fil : elle donne un code pour cette demande.",
        "Toute demande est inscrite au journal, et les autres responsables en sont avertis.",
    ),
    probe="Pour que votre clavier soit reconnu, tapez le mot azerty, puis Entrée :",
    nothing="Cet appareil n'a pas encore de compte : il n'y a rien à rouvrir.",
    no_keyboard="Ce n'était pas le mot azerty. Réessayez ; il faut un clavier AZERTY ou QWERTY.",
    name="Nom de connexion du compte, puis Entrée (rien : recommencer) :",
    told=("À dire à l'équipe centrale :", "", "    appareil  {box}", "    compte    {account}", "    demande   {told}"),
    code=f"Tapez son code : {CODE_LENGTH} caractères, sans tirets, dans les {MINUTES} minutes (rien : abandonner) :",
    correct="Flèches : aller au caractère faux ; une touche le remplace ; Effacer l'enlève ; Entrée : essayer.",
    opened="L'accès de {name} est rouvert. Mot de passe d'une seule connexion :",
    after=(
        "Recopiez-le maintenant. À la connexion, un nouveau mot de passe et le téléphone sont demandés.",
        "Entrée efface cet écran ; il s'efface seul dans deux minutes.",
    ),
    wait="Reprise dans {seconds} s.",
)
_EN: Final = Words(
    title="LOST ACCESS, appliance",
    back="Alt+F1: main screen",
    purpose=(
        "Here somebody without password, telephone, recovery code or sheet gets their access back.",
        "It takes the central team on the telephone: they tell a code for this request.",
        "Every request is entered in the journal, and the other managers are told of it.",
    ),
    probe="For your keyboard to be known, type the word azerty, then Enter:",
    nothing="This appliance has no account yet: there is nothing to open again.",
    no_keyboard="That was not the word azerty. Try again; it takes an AZERTY or a QWERTY keyboard.",
    name="Login of the account, then Enter (nothing: begin again):",
    told=(
        "To be told to the central team:",
        "",
        "    appliance  {box}",
        "    account    {account}",
        "    request    {told}",
    ),
    code=f"Type their code: {CODE_LENGTH} characters, without dashes, within {MINUTES} minutes (nothing: give up):",
    correct="Arrows: go to the wrong character; a key replaces it; Backspace takes it out; Enter: try.",
    opened="The access of {name} is open again. Password for one log-in:",
    after=(
        "Copy it now. At the log-in a new password and the telephone are asked for.",
        "Enter wipes this screen; it wipes itself in two minutes.",
    ),
    wait="It goes on in {seconds} s.",
)


def of(language: Language) -> Words:
    """Those of a language."""
    return _FR if language == "fr" else _EN


def wrapped(line: str) -> list[str]:
    """A line in as many as the screen needs; one that begins with blanks stays as it is."""
    return [line] if line[:1] in {" ", ">", "-", ""} else textwrap.wrap(line, COLUMNS - 1)
