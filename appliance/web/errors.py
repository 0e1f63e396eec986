"""What the API refuses and why: each error knows its HTTP status and tells the operator what to do."""

from typing import ClassVar

from appliance.core.errors import ApplianceError


class WebError(ApplianceError):
    """Base of the errors of the local UI's server. `status`: of HTTP (RFC 9110 section 15); `kind`: the problem's
    type (RFC 9457 section 3.1.1).
    """

    code: ClassVar[str] = "web"
    fr: ClassVar[str] = "Erreur du serveur local. Rechargez la page."
    en: ClassVar[str] = "Error of the local server. Reload the page."
    status: ClassVar[int] = 500
    kind: ClassVar[str] = "about:blank"


class BadQuery(WebError):
    """A path or query parameter is missing, unknown or wrong."""

    code = "bad-query"
    fr = "La demande n'est pas valable\u202f: {where}\u202f: {what}. Corrigez ce paramètre."
    en = "The request is not valid: {where}: {what}. Correct this parameter."
    status = 400


class ForeignHost(WebError):
    """The Host header is not a loopback name: a page elsewhere may be trying DNS rebinding."""

    code = "foreign-host"
    fr = "Cette page ne répond qu'à l'adresse locale\u202f: ouvrez http://localhost:{port}/ sur l'enregistreur même."
    en = "This page answers to the local address only: open http://localhost:{port}/ on the recorder itself."
    status = 421


class CrossSite(WebError):
    """A request that changes something came from another site's page (Sec-Fetch-Site, Origin)."""

    code = "cross-site"
    fr = "Demande refusée\u202f: elle vient d'un autre site. Agissez depuis la page de l'enregistreur."
    en = "Request refused: it comes from another site. Act from the recorder's own page."
    status = 403


class NotLoggedIn(WebError):
    """There is no session, or it is over."""

    code = "not-logged-in"
    fr = "Connectez-vous d'abord\u202f: il n'y a pas de connexion en cours, ou elle est terminée."
    en = "Log in first: there is no session, or it is over."
    status = 401


class RightMissing(WebError):
    """The account has not the right that the route asks for; the refusal is in the journal."""

    code = "right-missing"
    fr = "Votre compte ne le permet pas, et la demande est inscrite au journal. Voyez un responsable du site."
    en = "Your account does not allow it, and the request is in the journal. See a manager of the site."
    status = 403


class SetUpFirst(WebError):
    """A first log-in is not finished: a password of one's own, a second factor."""

    code = "set-up-first"
    fr = "Terminez d'abord votre connexion\u202f: un mot de passe à vous, puis le code du téléphone."
    en = "Finish your log-in first: a password of your own, then the telephone's code."
    status = 403


class NoSuchPage(WebError):
    """No route has this path."""

    code = "no-such-page"
    fr = "Rien à cette adresse. Revenez à l'accueil."
    en = "Nothing at this address. Go back to the home page."
    status = 404


class MethodRefused(WebError):
    """The path exists, not with this method: nothing can be changed through this API yet."""

    code = "method-refused"
    fr = "Cette adresse se lit seulement (GET)."
    en = "This address can only be read (GET)."
    status = 405


class UnknownCamera(WebError):
    """The site has no such camera, or the camera has no such stream."""

    code = "unknown-camera"
    fr = "Aucune caméra «\u202f{camera}\u202f» avec un flux «\u202f{stream}\u202f»\u202f: voyez la liste de l'accueil."
    en = 'No camera "{camera}" with a stream "{stream}". Choose one from the list on the home page.'
    status = 404


class NotRecorded(WebError):
    """Nothing was recorded at that instant; the problem body carries the gap and its neighbours."""

    code = "not-recorded"
    fr = "Pas d'image à cet instant\u202f: {cause_fr}. Choisissez un instant enregistré."
    en = "No picture at this instant: {cause_en}. Choose a recorded instant."
    status = 404


class NoLongerKept(WebError):
    """The ring gave the place of this footage to newer footage while it was read."""

    code = "no-longer-kept"
    fr = "Ces images ne sont plus gardées\u202f: de plus récentes les remplacent. Choisissez un autre instant."
    en = "These pictures are no longer kept: newer ones have taken their place. Choose another instant."
    status = 404


class NoSuchInit(WebError):
    """The chunk that an init id names is gone, or never was."""

    code = "no-such-init"
    fr = "Cet en-tête de vidéo n'existe plus\u202f: la séquence a été effacée à son échéance. Rechargez la page."
    en = "This video header no longer exists: the footage was erased when due. Reload the page."
    status = 404


class NoSuchFile(WebError):
    """A clip has fewer files than the number asked for."""

    code = "no-such-file"
    fr = "Cette séquence n'a pas de fichier de ce numéro\u202f: demandez un numéro de 1 à {files}."
    en = "This clip has no file of that number: ask for a number from 1 to {files}."
    status = 404


class BadBody(WebError):
    """What a change was asked with is not what the contract says."""

    code = "bad-body"
    fr = "La demande n'est pas valable\u202f: {what}. Rechargez la page et recommencez."
    en = "The request is not valid: {what}. Reload the page and try again."
    status = 400


class NoSuchAlert(WebError):
    """No alert of that number, or it was deleted with its pictures."""

    code = "no-such-alert"
    fr = "L'alerte {number} n'existe pas ou a été effacée avec ses images. Revenez à la liste."
    en = "Alert {number} does not exist, or was deleted with its pictures. Go back to the list."
    status = 404


class NoSuchBookmark(WebError):
    """Taken away, gone with its pictures, or never there."""

    code = "no-such-bookmark"
    fr = "Le repère n° {number} n'existe plus. Rechargez la page."
    en = "Bookmark number {number} is not there any more. Reload the page."
    status = 404


class BookmarksFull(WebError):
    """There are as many as a page can list."""

    code = "bookmarks-full"
    fr = "Il y a déjà 500 repères : supprimez-en un qui ne sert plus."
    en = "There are 500 bookmarks already: remove one that is no longer needed."
    status = 409


class NoPictureYet(WebError):
    """The alert has no picture for the list."""

    code = "no-picture-yet"
    fr = "Pas encore d'image pour cette alerte\u202f: ouvrez-la pour relire l'enregistrement."
    en = "No picture of this alert yet: open it to play the recording."
    status = 404


class AlertRefused(WebError):
    """The detector refused what a person asked; its own sentences are passed on."""

    code = "alert-refused"
    fr = "{sentence_fr}"
    en = "{sentence_en}"
    status = 400


class RecorderDown(WebError):
    """The recorder's socket does not answer; the page tries again by itself."""

    code = "recorder-down"
    fr = "L'enregistreur ne répond pas. La page réessaie seule\u202f; si cela dure une minute, prévenez le technicien."
    en = "The recorder does not answer. The page tries again by itself; if it lasts a minute, call the technician."
    status = 503


class NotLoopback(WebError):
    """The server was told to listen where others could reach it, without encryption."""

    code = "not-loopback"
    fr = "Refus d'écouter sur {host}\u202f: sans chiffrement, la page n'est servie que sur 127.0.0.1 ou ::1."
    en = "Refusing to listen on {host}: without encryption the page is served on 127.0.0.1 or ::1 only."
    status = 500


class CertificateNotMade(ApplianceError):
    """The page has no certificate and cannot make one."""

    code = "certificate-not-made"
    fr = "Le certificat de la page n'a pas pu être fabriqué ({reason}). Vérifiez la place sur le disque système."
    en = "The page's certificate could not be made ({reason}). Check the space on the system disk."


class TooManyPages(WebError):
    """More pages follow the state than there is room for."""

    code = "too-many-pages"
    fr = "Trop de pages suivent l'état en même temps ({most} au plus)\u202f: celle-ci le redemande d'elle-même."
    en = "Too many pages follow the state at the same time ({most} at most): this one asks for it by itself."
    status = 503
