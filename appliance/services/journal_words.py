"""`appliance journal verify` and `journal show`: what the services did, in words, and the proof that none is gone."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final, cast

from appliance.core.cause import GapCause
from appliance.core.chain import HEADER_KIND, Head, Line, Value, journal_files, parse_head, processes, read
from appliance.core.chain_verify import Problem, ProblemKind, Verification, verify
from appliance.core.errors import Language
from appliance.services.journal import RECORDER, journal_folder
from appliance.services.journal_anchors import NOTED, noted_anchors
from appliance.services.journal_errors import JournalMissing
from appliance.services.last_stop import last_heartbeats
from appliance.site.load import load_site
from appliance.site.pauses import STARTED

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def place(path: Path) -> tuple[Path, list[Head], tzinfo]:
    """(folder of the journals, anchors of the recorder's on the disks, time zone): `path` is a site file or a folder.

    Raises JournalMissing, SiteFileMissing, SiteInvalid. Blocks.
    """
    folder, anchors, zone = path, list[Head](), cast("tzinfo", UTC)
    if not path.is_dir():
        site = load_site(path)
        beats = asyncio.run(last_heartbeats(disk.path for disk in site.disk))
        anchors = [head for beat in beats if (head := parse_head(beat.journal)) is not None]
        folder, zone = journal_folder(site), site.site.zone
    if not processes(folder) and not anchors:
        raise JournalMissing(path=str(folder))
    return folder, anchors, zone


def check(path: Path, anchor: Head | None, language: Language) -> int:
    """Verify every journal; 0 when all lines are there and unchanged, 1 otherwise. Raises the errors of `place`."""
    folder, anchors, _ = place(path)
    known = known_anchors(folder, anchors)
    whole = True
    names = sorted({*processes(folder), *known}) or [RECORDER]  # of those whose files are all gone others still know
    for name in names:
        heads = [*known.get(name, ()), *([anchor] if anchor and name == names[0] else ())]
        result = verify(journal_files(folder, name) if folder.is_dir() else [], heads)
        whole = whole and result.ok
        print("\n".join(verdict(name, result, len(heads), language)))
    return 0 if whole else 1


def known_anchors(folder: Path, of_recorder: Sequence[Head]) -> dict[str, list[Head]]:
    """Anchors by service: the recorder's that the disks keep, the others' that the recorder noted. Blocks."""
    known = {RECORDER: list(of_recorder)} if of_recorder else {}
    if folder.is_dir():
        known |= noted_anchors(folder, RECORDER)
    return known


def verdict(name: str, result: Verification, anchors: int, language: Language) -> list[str]:
    """What was found in one journal, a line each. Pure."""
    french = language == "fr"
    lines = result.lines
    if result.ok:
        words = (
            f"✔ {name} : {lines} lignes, aucune ne manque, aucune n'est changée"
            if french
            else f"✔ {name}: {lines} lines, none missing, none changed"
        )
        if anchors:
            known = f" ; fin confirmée par {anchors} repère(s)" if french else f"; end confirmed by {anchors} anchor(s)"
        else:
            known = " ; fin non confirmée (aucun repère)" if french else "; end not confirmed (no anchor)"
        return [f"{words}{known}. {'Dernière :' if french else 'Last:'} {result.head}"]
    head = (
        f"✖ {name} : {result.count} anomalie(s), {lines} lignes. Conservez ce journal, prévenez le responsable du site."
        if french
        else f"✖ {name}: {result.count} problem(s) in {lines} lines. Keep this journal, tell the manager of the site."
    )
    return [head, *(f"  {_problem(problem, language)}" for problem in result.problems)]


_PROBLEMS: Final[dict[ProblemKind, tuple[str, str]]] = {
    ProblemKind.BROKEN_LINE: ("ligne changée ou illisible", "line changed or unreadable"),
    ProblemKind.MISSING_LINES: ("lignes manquantes", "lines missing"),
    ProblemKind.BROKEN_JOIN: ("ne suit pas le fichier précédent", "does not follow the file before"),
    ProblemKind.MISSING_FILE: ("fichier manquant", "file missing"),
    ProblemKind.TORN: ("ligne coupée", "line cut off"),
    ProblemKind.TRUNCATED: ("lignes retirées à la fin", "lines removed at the end"),
    ProblemKind.ANCHOR: ("journal réécrit : un repère dit autre chose", "written anew: an anchor says otherwise"),
}


def _problem(problem: Problem, language: Language) -> str:
    french = language == "fr"
    words = _PROBLEMS[problem.kind][0 if french else 1]
    where = problem.file
    if problem.line:
        where += f", {'ligne' if french else 'line'} {problem.line}"
    if problem.first < 0:
        return f"{where}{' :' if french else ':'} {words}"
    many = problem.last > problem.first
    numbers = f"{problem.first} {'à' if french else 'to'} {problem.last}" if many else str(problem.first)
    label = ("numéros" if many else "numéro") if french else ("numbers" if many else "number")
    return f"{where}{' :' if french else ':'} {words} ({label} {numbers})"


def show(path: Path, process: str, last: int, language: Language) -> int:
    """Print the newest lines of a journal in words. Raises the errors of `place`, JournalUnreadable."""
    folder, _, zone = place(path)
    files = journal_files(folder, process) if folder.is_dir() else []
    if not files:
        raise JournalMissing(path=str(folder / process))
    kept: list[Line] = []
    for line in read(files):
        kept.append(line)
        if len(kept) > 2 * last:
            del kept[:-last]
    print("\n".join(in_words(line, zone, language) for line in kept[-last:]))
    return 0


def in_words(line: Line, zone: tzinfo, language: Language) -> str:
    """Number, time and what was done. A time that nobody vouches for has a question mark."""
    local = (_EPOCH + timedelta(microseconds=line.stamp.utc_us)).astimezone(zone)
    when = local.strftime("%d/%m/%Y %H:%M:%S" if language == "fr" else "%Y-%m-%d %H:%M:%S")
    doubt = "" if line.stamp.clock in {"verified", "held"} else " ?"
    return f"{line.sequence:6} {when}{doubt}  {sentence(line, zone, language)}"


def sentence(line: Line, zone: tzinfo, language: Language) -> str:
    """What was done; a kind that has no words here is shown as it is, with all its facts."""
    known = _SENTENCES.get(line.kind)
    if known is None:
        told = ", ".join(f"{name} {value}" for name, value in line.facts.items())
        return f"{line.kind} ({told})" if told else line.kind
    facts = _Facts({name: _fact(name, value, zone, language) for name, value in line.facts.items()})
    words = known[0 if language == "fr" else 1].format_map(facts)
    if line.kind == STARTED and "cause" in facts:
        words += f" ; avant cela : {facts['cause']}" if language == "fr" else f"; before that: {facts['cause']}"
    changes = line.facts.get("changes")
    if changes:
        words += f" ({changes} changements groupés)" if language == "fr" else f" ({changes} changes told together)"
    return words


class _Facts(dict[str, str]):
    """Facts of a line; one that an older version did not tell is a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def _fact(name: str, value: Value, zone: tzinfo, language: Language) -> str:
    if name.endswith("_us") and isinstance(value, int):
        if value <= 0:
            return "–"
        local = (_EPOCH + timedelta(microseconds=value)).astimezone(zone)
        return local.strftime("%d/%m/%Y %H:%M:%S" if language == "fr" else "%Y-%m-%d %H:%M:%S")
    if name == "reason" and str(value) in _REASONS:
        return _REASONS[str(value)][0 if language == "fr" else 1]
    if name == "cause" and str(value) in GapCause.__members__:
        return GapCause[str(value)].label(language)
    return str(value)


_REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "age": ("durée de conservation atteinte", "kept as long as may be"),
    "early": ("faute de place, avant le délai prévu", "for want of room, before the time that was planned"),
    "hold-expired": ("copie protégée, échéance atteinte", "protected copy whose time is over"),
    "hold-released": ("copie protégée, rendue", "protected copy that was given back"),
    "hold-evicted": (
        "copie protégée d'une alerte ancienne, faute de place",
        "protected copy of an old alert, for want of room",
    ),
    "hold-copied-again": ("copie protégée en double", "protected copy that was there twice"),
    "key-challenge": (
        "à une question périmée, déjà servie, ou d'un autre",
        "to a question too old, used, or another's",
    ),
    "key-unknown": ("d'une clé qui n'est pas celle du compte", "of a key that is not the account's"),
    "key-answer": ("illisible, d'une autre page, ou mal signée", "unreadable, of another page, or signed wrongly"),
    "key-counter": ("son compteur recule : il y en a peut-être deux", "its counter goes back: there may be two of it"),
    "key-kind": ("d'une signature qui n'était pas demandée", "by a kind of signature that was not asked for"),
}
"""Why footage was destroyed, or a security key's answer refused."""

_SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    HEADER_KIND: ("nouveau fichier de journal ({reason})", "new file of the journal ({reason})"),
    "journal-lost": ("{count} lignes n'ont pas pu être écrites", "{count} lines could not be written"),
    "journal-cut": ("{bytes} octets d'une ligne inachevée retirés", "{bytes} bytes of an unfinished line taken off"),
    "certificate-served": (
        "la page sert un autre certificat, empreinte {fingerprint}",
        "the page serves another certificate, fingerprint {fingerprint}",
    ),
    "clock-confirmed": (
        "{account} confirme l'heure de l'enregistreur",
        "{account} confirms the recorder's time",
    ),
    "certificate-asked": (
        "{account} fait une demande de certificat au nom de {name}",
        "{account} makes a request for a certificate for {name}",
    ),
    "certificate-installed": (
        "{account} installe le certificat de la page, empreinte {fingerprint}",
        "{account} installs the page's certificate, fingerprint {fingerprint}",
    ),
    "certificate-refused": (
        "certificat donné par {account} refusé ({code})",
        "certificate given by {account} refused ({code})",
    ),
    "service-started": ("démarrage, version {version}", "started, version {version}"),
    "camera-adjusted": (
        "caméra {address} réglée par ONVIF (flux léger, heure)",
        "camera {address} set by ONVIF (light stream, time)",
    ),
    "camera-password-changed": (
        "mot de passe du compte {user} changé dans la caméra {address}",
        "password of the account {user} changed in the camera {address}",
    ),
    "camera-password-kept": (
        "mot de passe du compte {user} non changé dans la caméra {address} ({reason})",
        "password of the account {user} not changed in the camera {address} ({reason})",
    ),
    "service-stopped": ("arrêt normal, version {version}", "stopped in order, version {version}"),
    "configuration-loaded": (
        "configuration lue : {cameras} caméras, {disks} disques, empreinte {sha256}",
        "configuration read: {cameras} cameras, {disks} disks, fingerprint {sha256}",
    ),
    "lines-missing": (
        "le journal s'arrêtait à la ligne {last}, un disque en connaissait {known}",
        "the journal ended at line {last}, a disk knew of {known}",
    ),
    "record-restored": (
        "{name} manquait ou était abîmé : copie du {when} remise",
        "{name} was missing or damaged: copy of {when} put back",
    ),
    "record-lost": ("{name} était abîmé, sans copie : reparti vide", "{name} was damaged, without copy: begun empty"),
    NOTED: (
        "repère noté pour le journal de {service} : {anchor}",
        "anchor noted of the journal of {service}: {anchor}",
    ),
    "run-begun": (
        "{camera} ({stream}) : enregistrement repris après : {cause}",
        "{camera} ({stream}): recording, after: {cause}",
    ),
    "run-ended": ("{camera} ({stream}) : enregistrement arrêté : {cause}", "{camera} ({stream}): stopped: {cause}"),
    "pause-begun": ("{camera} : {cause}, jusqu'à {until_utc_us}", "{camera}: {cause}, until {until_utc_us}"),
    "pause-ended": ("{camera} : fin de la pause ({cause})", "{camera}: end of the pause ({cause})"),
    "disk-lost": ("disque {disk} perdu : {why}", "disk {disk} lost: {why}"),
    "disk-returned": ("disque {disk} de retour", "disk {disk} is back"),
    "clock-judged": ("heure jugée : {state} ({reason})", "time judged: {state} ({reason})"),
    "time-confirmed": ("heure confirmée par une personne", "time confirmed by a person"),
    "request-refused": (
        "{count} demande(s) refusée(s) à l'utilisateur {uid} : {verb} ({code})",
        "{count} request(s) of user {uid} refused: {verb} ({code})",
    ),
    "footage-destroyed": (
        "{camera} : images du {from_utc_us} au {to_utc_us} détruites ({reason})",
        "{camera}: pictures from {from_utc_us} to {to_utc_us} destroyed ({reason})",
    ),
    "hold-accepted": (
        "séquence {id} protégée : {streams}, du {from_us} au {to_us}, pour {requester} ({words})",
        "sequence {id} protected: {streams}, from {from_us} to {to_us}, for {requester} ({words})",
    ),
    "hold-refused": (
        "séquence {id} non protégée, faute de place : {streams}, du {from_us} au {to_us}",
        "sequence {id} not protected, for want of room: {streams}, from {from_us} to {to_us}",
    ),
    "hold-extended": ("séquence {id} prolongée jusqu'au {to_us}", "sequence {id} extended to {to_us}"),
    "hold-destroyed": ("séquence {id} rendue, ses copies détruites", "sequence {id} given back, its copies destroyed"),
    "alert-opened": ("alerte {alert} : {rule}, {camera}", "alert {alert}: {rule}, {camera}"),
    "alert-closed": ("alerte {alert} terminée", "alert {alert} over"),
    "alert-answered": ("alerte {alert} : {verdict}, par {by}", "alert {alert}: {verdict}, by {by}"),
    "camera-noisy": (
        "{camera} : trop d'alertes, les suivantes sont comptées",
        "{camera}: too many alerts, now counted",
    ),
    "camera-set-aside": (
        "{camera} : ses images font échouer l'analyse, elle n'est plus analysée jusqu'à {until_utc_us}",
        "{camera}: its pictures break the analysis, it is not analysed until {until_utc_us}",
    ),
    "watch-armed": (
        "{camera} : surveillance mise par {by} ({why}), jusqu'au {until_us}",
        "{camera}: watch armed by {by} ({why}), until {until_us}",
    ),
    "watch-disarmed": (
        "{camera} : surveillance levée par {by} ({why}), jusqu'au {until_us}",
        "{camera}: watch disarmed by {by} ({why}), until {until_us}",
    ),
    "look-refused": (
        "images refusées à {who} : {camera}, du {from_us} au {to_us} ({why})",
        "pictures refused to {who}: {camera}, from {from_us} to {to_us} ({why})",
    ),
    "session-begun": ("{account} se connecte depuis {address}", "{account} logs in from {address}"),
    "session-ended": ("{account} se déconnecte", "{account} logs out"),
    "session-revoked": ("connexion de {account} terminée par {by}", "session of {account} ended by {by}"),
    "log-in-refused": (
        "{count} connexion(s) refusée(s) : {account}, depuis {address}",
        "{count} log-in(s) refused: {account}, from {address}",
    ),
    "access-refused": (
        "{count} demande(s) refusée(s) à {account} : {method} {route} (droit {right})",
        "{count} request(s) of {account} refused: {method} {route} (right {right})",
    ),
    "account-opened": (
        "compte {account} ouvert par {by} : {person}, {function} ({role}), jusqu'au {until_us}",
        "account {account} opened by {by}: {person}, {function} ({role}), until {until_us}",
    ),
    "account-authorised": (
        "autorisation de {account} prolongée par {by} jusqu'au {until_us}",
        "authorisation of {account} prolonged by {by} until {until_us}",
    ),
    "account-revoked": ("autorisation de {account} retirée par {by}", "authorisation of {account} withdrawn by {by}"),
    "access-granted": (
        "accès donné à {account} par {by} : {cameras}, du {from_us} au {to_us}, jusqu'au {until_us}",
        "access given to {account} by {by}: {cameras}, from {from_us} to {to_us}, until {until_us}",
    ),
    "password-changed": ("{account} change son mot de passe", "{account} changes their password"),
    "password-reset": (
        "mot de passe de {account} remplacé par {by}, second facteur à refaire",
        "password of {account} replaced by {by}, second factor to be set again",
    ),
    "second-factor-set": ("{account} installe son second facteur", "{account} sets up their second factor"),
    "passkey-added": ("{account} ajoute la clé de sécurité « {key} »", '{account} adds the security key "{key}"'),
    "passkey-removed": ("{account} retire la clé de sécurité « {key} »", '{account} removes the security key "{key}"'),
    "passkey-used": (
        "{account} se sert de la clé de sécurité « {key} », depuis {address}",
        '{account} uses the security key "{key}", from {address}',
    ),
    "passkey-refused": (
        "{count} réponse(s) d'une clé de sécurité refusée(s) : {account}, depuis {address} ({reason})",
        "{count} answer(s) of a security key refused: {account}, from {address} ({reason})",
    ),
    "passkey-copied": (
        "une clé de sécurité de {account} existe peut-être en double : sa réponse est refusée",
        "there may be two of a security key of {account}: its answer is refused",
    ),
    "recovery-code-used": ("{account} se sert d'un code de secours", "{account} uses a recovery code"),
    "recovery-sheet-made": ("{account} fait une fiche de secours", "{account} makes a recovery sheet"),
    "recovery-sheet-used": (
        "{account} revient par sa fiche de secours, second facteur à refaire",
        "{account} comes back by their recovery sheet, second factor to be set again",
    ),
    "recovery-refused": (
        "réouverture du compte {account} refusée à l'écran de l'appareil : le code ne convient pas",
        "the account {account} was not opened again at the appliance's screen: the code does not fit",
    ),
    "account-recovered": (
        "compte {account} rouvert à l'écran de l'appareil, par un code de l'équipe centrale",
        "account {account} opened again at the appliance's screen, by a code of the central team",
    ),
    "clip-taken": (
        "extrait pris : {camera} ({stream}), du {from_utc_us} au {to_utc_us}",
        "clip taken: {camera} ({stream}), from {from_utc_us} to {to_utc_us}",
    ),
}
"""Kinds of lines and their words; facts stand in braces."""
