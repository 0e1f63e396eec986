"""What managers are told of others' accounts, in words."""

from collections.abc import Mapping
from typing import Any, Final

from appliance.accounts.store import Notice

NOTICES: Final[Mapping[str, tuple[str, str]]] = {
    "account-opened": ("{by} a ouvert un compte à {account}.", "{by} has opened an account for {account}."),
    "account-authorised": (
        "{by} a prolongé l'autorisation de {account}.",
        "{by} has prolonged the authorisation of {account}.",
    ),
    "account-revoked": (
        "{by} a retiré l'autorisation de {account}.",
        "{by} has withdrawn the authorisation of {account}.",
    ),
    "access-granted": ("{by} a donné un accès à {account}.", "{by} has given an access to {account}."),
    "password-reset": (
        "{by} a remplacé le mot de passe de {account}. Est-ce bien à sa demande ?",
        "{by} has replaced the password of {account}. Did they ask for it?",
    ),
    "recovery-code-used": (
        "{account} s'est servi d'un code de secours. Était-ce bien cette personne ?",
        "{account} has used a recovery code. Was it really them?",
    ),
    "recovery-sheet-used": (
        "{account} est revenu par sa fiche de secours. Était-ce bien cette personne ?",
        "{account} has come back by their recovery sheet. Was it really them?",
    ),
    "passkey-copied": (
        "Une clé de sécurité de {account} existe peut-être en double : elle a été refusée. Faites-la retirer.",
        "There may be two of a security key of {account}: it was refused. Have it removed.",
    ),
    "account-recovered": (
        "Le compte {account} a été rouvert à l'écran de l'appareil, par un code de l'équipe centrale.",
        "The account {account} was opened again at the appliance's screen, by a code of the central team.",
    ),
}


def notice_body(notice: Notice) -> dict[str, Any]:
    """As in the contract's schema AccountNotice."""
    fr, en = NOTICES[notice.kind]
    facts = {"account": notice.account, "by": notice.by}
    return {
        "number": notice.number,
        "utc_us": notice.utc_us,
        "kind": notice.kind,
        "fr": fr.format(**facts),
        "en": en.format(**facts),
    }
