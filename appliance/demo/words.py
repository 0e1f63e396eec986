"""What the demonstration says, in French and English."""

from appliance.core.errors import Language

_SENTENCES: dict[str, tuple[str, str]] = {
    "clips_drawn": (
        "Préparation des scènes dessinées (une seule fois) : {done} sur {total}",
        "Preparing the drawn scenes (only once): {done} of {total}",
    ),
    "clips_footage": (
        "Préparation des vidéos réelles (une seule fois) : {done} sur {total}",
        "Preparing the real footage (only once): {done} of {total}",
    ),
    "disks": (
        "Deux petits disques sont formatés dans {folder}.",
        "Two small disks are being formatted in {folder}.",
    ),
    "cameras": (
        "Quatre caméras simulées répondent sur 127.0.0.1 (compteur d'images incrusté et dans le flux).",
        "Four simulated cameras answer on 127.0.0.1 (picture counter burnt in and in the stream).",
    ),
    "ready": (
        "L'enregistreur tourne. Ouvrez {url} dans un navigateur.",
        "The recorder runs. Open {url} in a browser.",
    ),
    "staff": (
        "Comptes, tous avec le mot de passe « {password} » :",
        'Accounts, all with the password "{password}":',
    ),
    "staff_code": (
        "Le code à six chiffres de leur téléphone : appliance demo code (moreau n'en a pas)",
        "The six digits of their telephone: appliance demo code (moreau has none)",
    ),
    "recording": (
        "Les quatre caméras sont enregistrées, flux principal et flux léger.",
        "All four cameras are recorded, main stream and light stream.",
    ),
    "not_recording": (
        "Après {seconds:.0f} s, ces flux ne sont pas enregistrés : {streams}",
        "After {seconds:.0f} s these streams are not recorded: {streams}",
    ),
    "died": ("L'enregistreur s'est arrêté tout seul. Lire {log}.", "The recorder stopped by itself. Read {log}."),
    "endless": (
        "Les pannes recommencent toutes les {seconds:.0f} s ; Ctrl-C arrête tout.",
        "The faults begin again every {seconds:.0f} s; Ctrl-C stops everything.",
    ),
    "check": (
        "Vérification : chaque image envoyée est comparée à ce qui a été enregistré…",
        "Checking: every picture that was sent is compared with what was recorded…",
    ),
    "table": (
        "caméra     flux   enregistré   images   trous (attendus)",
        "camera     stream recorded     pictures gaps (expected)",
    ),
    "gap": ("    trou de {seconds:5.1f} s : {cause}{mark}", "    gap of {seconds:5.1f} s: {cause}{mark}"),
    "gap_expected": (" (attendu)", " (expected)"),
    "cpu": (
        (
            "Processeur : enregistrement, détection et page {recorder:.1f} s en {wall:.0f} s ({percent:.1f} %), "
            "caméras {cameras:.1f} s."
        ),
        (
            "CPU: recording, detection and page {recorder:.1f} s in {wall:.0f} s ({percent:.1f} %), "
            "cameras {cameras:.1f} s."
        ),
    ),
    "alerts": ("Alertes venues d'elles-mêmes : {count}.", "Alerts that came by themselves: {count}."),
    "alert": (
        "    {camera:<10} après {after:5.1f} s : {what}, score {score} sur 100",
        "    {camera:<10} after {after:5.1f} s: {what}, score {score} of 100",
    ),
    "alert_person": ("une personne", "a person"),
    "alert_vehicle": ("un véhicule", "a vehicle"),
    "alert_something": ("un mouvement", "motion"),
    "alert_none": (
        "Aucune alerte en une minute : la détection n'a rien dit. Lire recorder.log.",
        "No alert within a minute: detection told nothing. Read recorder.log.",
    ),
    "alert_unlawful": (
        "Alerte sur {camera}, que la loi interdit d'analyser.",
        "An alert on {camera}, which the law forbids to analyse.",
    ),
    "cut_now": (
        "Courant coupé : l'enregistreur (processus {process}) est tué sans préavis. Il redémarre seul…",
        "Power cut: the recorder (process {process}) is killed without warning. It starts again by itself…",
    ),
    "cut_account": (
        "Le compte, par caméra (définition pleine : main, légère : sub) :",
        "The account, by camera (full definition: main, light: sub):",
    ),
    "cut_line": (
        "  {name:<10} {stream:<5} perdu {lost:4.2f} s avant la coupure, arrêt {off:4.1f} s ; la page dit : {cause}",
        "  {name:<10} {stream:<5} lost {lost:4.2f} s before the cut, off {off:4.1f} s; the page says: {cause}",
    ),
    "cut_unseen": (
        "  {name:<10} {stream:<5} la coupure n'est pas dans l'historique : ce n'est pas normal.",
        "  {name:<10} {stream:<5} the cut is not in the timeline: that is not right.",
    ),
    "disk_out": ("Disque {disk} retiré.", "Disk {disk} taken away."),
    "disk_said": ("L'enregistreur le dit : {words}", "The recorder says so: {words}"),
    "disk_back": ("Disque {disk} remis ; l'enregistreur le reprend…", "Disk {disk} given back; the recorder takes it…"),
    "disk_account": (
        "Le compte, par caméra : secondes des dix minutes d'avant, puis ce qui manque depuis.",
        "The account, by camera: seconds of the ten minutes before, then what is missing since.",
    ),
    "disk_line": (
        "  {name} {stream} : avant {before:.1f} s, sans {without:.1f} s, remis {after:.1f} s ; perdu {present:.1f} s",
        "  {name} {stream}: before {before:.1f} s, without {without:.1f} s, back {after:.1f} s; lost {present:.1f} s",
    ),
    "disk_whole": (
        "Pas une image du présent n'a été perdue : l'autre disque a tout pris.",
        "Not one picture of the present is lost: the other disk took them all.",
    ),
    "disk_missing": (
        "{seconds:.1f} s manquent, tous flux ensemble : ce n'est pas normal.",
        "{seconds:.1f} s are missing, all streams together: that is not right.",
    ),
    "audio": (
        "Le son d'une caméra a été demandé {count} fois : il ne doit jamais l'être.",
        "A camera's sound was asked for {count} times: it never may be.",
    ),
    "stop_code": (
        "L'enregistreur a fini avec le code {code} au lieu de 0. Lire {log}.",
        "The recorder ended with code {code} instead of 0. Read {log}.",
    ),
    "sound": (
        "Rien ne manque : chaque seconde est enregistrée ou son absence est expliquée.",
        "Nothing is missing: every second is recorded or its absence explained.",
    ),
    "unsound": ("Il manque quelque chose :", "Something is missing:"),
    "foreign_folder": (
        "{folder} contient autre chose qu'une démonstration : donner un dossier vide avec --work.",
        "{folder} holds something other than a demonstration: give an empty folder with --work.",
    ),
    "format_failed": ("Le formatage des disques a échoué : {why}", "Formatting the disks failed: {why}"),
    "stopping": ("Arrêt…", "Stopping…"),
}


class Voice:
    """Speaks to the terminal in one language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language

    def text(self, key: str, **facts: object) -> str:
        """A sentence of the table."""
        return self.pick(_SENTENCES[key]).format(**facts)

    def pick(self, pair: tuple[str, str]) -> str:
        """The right one of (French, English)."""
        return pair[0] if self.language == "fr" else pair[1]

    def say(self, key: str, **facts: object) -> None:
        """Print a sentence at once, also through a pipe."""
        print(self.text(key, **facts), flush=True)

    def line(self, text: str) -> None:
        """Print a ready-made line."""
        print(text, flush=True)
