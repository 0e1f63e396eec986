"""What an account, a log-in or a way back in is refused for; `status` is how a page is told (RFC 9110 section 15)."""

from typing import ClassVar

from appliance.core.errors import ApplianceError


class AccountError(ApplianceError):
    """Base of the errors of accounts."""

    code: ClassVar[str] = "account"
    fr: ClassVar[str] = "Compte inutilisable. Voyez un responsable du site."
    en: ClassVar[str] = "The account cannot be used. See a manager of the site."
    status: ClassVar[int] = 403


class WrongAnswer(AccountError):
    """Name, password or code do not go together; which of them is not told."""

    code = "wrong-answer"
    fr = "Nom, mot de passe ou code inexact. Vérifiez-les et recommencez."
    en = "Name, password or code is not right. Check them and try again."
    status = 401


class CodeNeeded(AccountError):
    """The password is right; the account has a second factor."""

    code = "code-needed"
    fr = "Tapez aussi le code à six chiffres de votre téléphone, ou un code de secours."
    en = "Type the six digits of your telephone as well, or a recovery code."
    status = 401


class TooManyTries(AccountError):
    """Answers come too fast, for this account or from this address."""

    code = "too-many-tries"
    fr = "Trop d'essais inexacts. Attendez {seconds} s, puis recommencez\u202f; le compte n'est pas bloqué."
    en = "Too many wrong answers. Wait {seconds} s, then try again; the account is not blocked."
    status = 429


class AuthorisationOver(AccountError):
    """The person is known; the authorisation is not begun, over, or withdrawn."""

    code = "authorisation-over"
    fr = "Votre autorisation n'est pas en cours. Demandez à un responsable du site de la renouveler."
    en = "Your authorisation is not in force. Ask a manager of the site to renew it."


class PasswordRefused(AccountError):
    """A new password that would not protect."""

    code = "password-refused"
    fr = "Ce mot de passe est refusé\u202f: de 12 à 128 caractères, ni le nom du compte ni l'ancien mot de passe."
    en = "This password is refused: 12 to 128 characters, neither the account's name nor the old password."
    status = 400


class NoSecondFactor(AccountError):
    """A second factor is confirmed that was not begun."""

    code = "no-second-factor"
    fr = "Demandez d'abord un nouveau code d'installation, puis tapez les six chiffres du téléphone."
    en = "Ask for a new set-up code first, then type the six digits of the telephone."
    status = 400


class NameTaken(AccountError):
    """An account of that name is there already, revoked ones included: the journal names them for ever."""

    code = "name-taken"
    fr = "Le nom «\u202f{name}\u202f» existe déjà, ou a existé. Choisissez-en un autre."
    en = 'The name "{name}" exists already, or has existed. Choose another one.'
    status = 400


class NoSuchAccount(AccountError):
    """Nobody has that name."""

    code = "no-such-account"
    fr = "Aucun compte «\u202f{name}\u202f». Revenez à la liste."
    en = 'There is no account "{name}". Go back to the list.'
    status = 404


class NoSuchSession(AccountError):
    """It is over, or was never there."""

    code = "no-such-session"
    fr = "Cette connexion est déjà terminée. Rechargez la liste."
    en = "This session is over already. Reload the list."
    status = 404


class LastManager(AccountError):
    """Without a manager nobody could open an account."""

    code = "last-manager"
    fr = "C'est le seul responsable en fonction\u202f: ouvrez d'abord un compte à un autre."
    en = "This is the only manager in charge: open an account for another one first."


class AccountRefused(AccountError):
    """A new account or a grant that may not be."""

    code = "account-refused"
    fr = "Le compte ou l'accès est refusé\u202f: {what_fr}. Corrigez la demande."
    en = "The account or the access is refused: {what_en}. Correct the request."
    status = 400


class NoAccountToRecover(NoSuchAccount):
    """Asked for by a person at the appliance, who has no list to look at."""

    code = "no-account-to-recover"
    fr = "Aucun compte «\u202f{name}\u202f» dans cet appareil. Demandez son nom exact à l'équipe centrale."
    en = 'There is no account "{name}" in this appliance. Ask the central team for its exact name.'


class RecoveryRefused(AccountError):
    """The centre's code does not belong to this challenge: a character of it is another, or all of it is."""

    code = "recovery-refused"
    fr = (
        "Code refusé\u202f: un caractère est faux, ou il répond à une autre demande. Relisez-le avec l'équipe centrale "
        "et corrigez-le."
    )
    en = (
        "The code is refused: a character is wrong, or it answers another request. Read it again with the central "
        "team and correct it."
    )


class RecoveryMistyped(RecoveryRefused):
    """What was typed is no whole code."""

    code = "recovery-mistyped"
    fr = (
        "Le code n'est pas entier\u202f: {count} caractères sur {whole}. Relisez-le avec l'équipe centrale et "
        "complétez-le."
    )
    en = "The code is not whole: {count} characters of {whole}. Read it again with the central team and complete it."


class RecoveryLate(RecoveryRefused):
    """The request is older than a code may be."""

    code = "recovery-late"
    fr = (
        "La demande a plus de 15 minutes\u202f: son code ne vaut plus. Faites-en une autre et lisez-la à l'équipe "
        "centrale."
    )
    en = "The request is older than 15 minutes: its code is void. Make another one and read it to the central team."


class NoRecoveryKey(AccountError):
    """The appliance was set up without the centre's key."""

    code = "no-recovery-key"
    fr = "La clé de l'équipe centrale n'est pas dans cet appareil\u202f: demandez à un autre responsable du site."
    en = "The central team's key is not in this appliance: ask another manager of the site."


class PasskeyRefused(AccountError):
    """A security key's answer is not the one that was asked for; the journal says why, the page does not."""

    code = "passkey-refused"
    fr = "La clé de sécurité n'a pas été acceptée. Recommencez, ou tapez le code de votre téléphone."
    en = "The security key was not accepted. Try again, or type the code of your telephone."
    status = 401


class PasskeyKnown(AccountError):
    """The key belongs to an account already."""

    code = "passkey-known"
    fr = "Cette clé de sécurité sert déjà à un compte. Prenez-en une autre."
    en = "This security key belongs to an account already. Take another one."
    status = 400


class PasskeyTooMany(AccountError):
    """More keys than a person can look after."""

    code = "passkey-too-many"
    fr = "Un compte a {most} clés de sécurité au plus\u202f: retirez d'abord celle qui ne sert plus."
    en = "An account has {most} security keys at the most: remove first the one that is of no use."
    status = 400


class NoSuchPasskey(AccountError):
    """It was removed, or was never there."""

    code = "no-such-passkey"
    fr = "Cette clé de sécurité n'est plus là. Rechargez la liste."
    en = "This security key is not there any more. Reload the list."
    status = 404


class PasskeyByName(AccountError):
    """A key is bound to a name; the page was opened by an address, or by another name than the certificate's."""

    code = "passkey-by-name"
    fr = "Une clé de sécurité ne répond qu'au nom de l'enregistreur\u202f: ouvrez la page par https://{name}/."
    en = "A security key answers to the recorder's name only: open the page by https://{name}/."


class PasskeyNoName(AccountError):
    """There is no name at all that a key could be bound to."""

    code = "passkey-no-name"
    fr = (
        "Les clés de sécurité demandent une page chiffrée, ouverte par un nom, et cette page n'en a pas\u202f: "
        "servez-vous du code de votre téléphone, et demandez un nom à l'équipe centrale."
    )
    en = (
        "Security keys need an encrypted page that is opened by a name, and this page has none: use the code of your "
        "telephone, and ask the central team for a name."
    )
