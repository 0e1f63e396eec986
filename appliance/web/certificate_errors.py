"""What is refused about the page's certificate of the authority, and why: one sentence for each mistake."""

from typing import ClassVar

from appliance.web.errors import WebError


class CertificateRefused(WebError):
    """Base: the certificate is not taken over, the one before goes on."""

    code: ClassVar[str] = "certificate-refused"
    fr: ClassVar[str] = (
        "Le certificat est refusé. La page garde celui d'avant\u202f; demandez-en un autre à l'autorité."
    )
    en: ClassVar[str] = "The certificate is refused. The page keeps the one before; ask the authority for another."
    status = 409


class CertificateNotAsked(CertificateRefused):
    """There is no key that waits for a certificate."""

    code = "certificate-not-asked"
    fr = "Aucune demande n'attend de certificat. Faites-en une, page Certificat ou appliance certificate request."
    en = "No request waits for a certificate. Make one, page Certificate or appliance certificate request."


class CertificateUnreadable(CertificateRefused):
    """Not one to eight PEM certificates, or something besides."""

    code = "certificate-unreadable"
    fr = (
        "{given} ne se lit pas comme un certificat PEM suivi de ceux de l'autorité (8 en tout, 64 Kio au plus). "
        "Demandez-le sous cette forme."
    )
    en = (
        "{given} is no PEM certificate followed by those of the authority (8 in all, 64 KiB at most). "
        "Ask for it in this form."
    )


class CertificateWithKey(CertificateRefused):
    """A private key came along: one that was made elsewhere, and has travelled."""

    code = "certificate-with-key"
    fr = (
        "{given} contient une clé privée\u202f: elle a voyagé, elle est refusée. Détruisez-la, et faites signer la "
        "demande de cet appareil."
    )
    en = (
        "{given} holds a private key: it has travelled and is refused. Destroy it, and have this appliance's request "
        "signed."
    )


class CertificateOfAnotherKey(CertificateRefused):
    """For a request of another appliance, or an older one of this."""

    code = "certificate-of-another-key"
    fr = "Aucun certificat de {given} ne répond à la demande de cet appareil. Faites signer sa dernière demande."
    en = "No certificate of {given} answers this appliance's request. Have its last request signed."


class CertificateOfAnotherName(CertificateRefused):
    """Browsers look for the name that people type."""

    code = "certificate-of-another-name"
    fr = "Le certificat n'est pas au nom de {host}. Demandez-le à ce nom, comme nom DNS (subjectAltName)."
    en = "The certificate is not for {host}. Ask for this name, as a DNS name (subjectAltName)."


class CertificateOfAStranger(CertificateRefused):
    """The chain does not lead to the authority that the site names."""

    code = "certificate-of-a-stranger"
    fr = (
        "Le certificat n'est pas signé par l'autorité de ce site. Vérifiez qui l'a signé, et joignez les certificats "
        "intermédiaires."
    )
    en = "The certificate is not signed by this site's authority. Check who signed it, and add the intermediate ones."


class CertificateOutOfTime(CertificateRefused):
    """One of the chain is over, or has not begun."""

    code = "certificate-out-of-time"
    fr = (
        "Un des certificats est périmé ou pas encore valable. Vérifiez l'heure de l'appareil, puis demandez un "
        "certificat à jour."
    )
    en = (
        "One of the certificates is over or not valid yet. Check the appliance's time, then ask for a certificate "
        "that is up to date."
    )


class CertificateTooLong(CertificateRefused):
    """Browsers refuse it."""

    code = "certificate-too-long"
    fr = "Le certificat vaut {days} jours\u202f; les navigateurs en admettent {most}. Demandez-en un plus court."
    en = "The certificate lasts {days} days; browsers allow {most}. Ask for a shorter one."


class CertificateTooWeak(CertificateRefused):
    """A key or a signature of less than 112 bits in the chain."""

    code = "certificate-too-weak"
    fr = (
        "Une clé ou une signature est trop faible (RSA de moins de 2048 bits, SHA-1...). Demandez un certificat plus "
        "solide à l'autorité."
    )
    en = "A key or signature is too weak (RSA below 2048 bits, SHA-1...). Ask the authority for a stronger certificate."


class CertificateNotAllowed(CertificateRefused):
    """The authority's own certificate allows other names."""

    code = "certificate-not-allowed"
    fr = "L'autorité n'a pas le droit de signer pour {host}. Voyez avec elle quels noms lui sont permis."
    en = "The authority may not sign for {host}. See with it which names it is allowed."


class CertificateUnfit(CertificateRefused):
    """Whatever else openssl finds: not for a server, a path that is too long..."""

    code = "certificate-unfit"
    fr = (
        "Le certificat, ou celui d'un intermédiaire, n'est pas fait pour servir une page web. Montrez ce refus à "
        "l'autorité."
    )
    en = "The certificate, or an intermediate one, is not made for serving a web page ({reason}). Tell the authority."


class CertificateNotKept(CertificateRefused):
    """The folder takes nothing, or gives nothing to this user."""

    code = "certificate-not-kept"
    fr = "Le dossier du certificat n'est pas accessible. Vérifiez la place, et pour une commande les droits."
    en = "The certificate's folder cannot be used ({reason}). Check the space, and a command's rights."
    status = 503


class CertificateNotServed(CertificateRefused):
    """The page was given it and goes on with another."""

    code = "certificate-not-served"
    fr = "La page n'a pas pris le nouveau certificat\u202f: celui d'avant est remis. Prévenez le centre."
    en = "The page did not take the new certificate: the one before is back. Tell the central team."
    status = 503


class CertificateNoEncryption(CertificateRefused):
    """The page is served on loopback alone."""

    code = "certificate-no-encryption"
    fr = "La page est servie sans chiffrement, sur l'appareil même. Ouvrez-la par le réseau pour ce réglage."
    en = "The page is served without encryption, on the appliance itself. Open it by the network to set this up."
