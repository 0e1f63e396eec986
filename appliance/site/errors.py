"""What can be wrong with a site description, in words."""

from appliance.core.errors import ApplianceError


class SiteFileMissing(ApplianceError):
    """The file cannot be read."""

    code = "site-file-missing"
    fr = "Le fichier {file} ne peut pas être lu ({reason}). Vérifiez le chemin et les droits."
    en = "The file {file} cannot be read ({reason}). Check the path and the permissions."


class SiteInvalid(ApplianceError):
    """One or more mistakes; `problems` holds each with its line."""

    code = "site-invalid"
    fr = "Erreurs dans le fichier {file} : {count}. Corrigez-les puis relancez : appliance site check {file}"
    en = "Mistakes in the file {file}: {count}. Mend them, then run again: appliance site check {file}"

    def __init__(self, file: str, problems: "tuple[Problem, ...]") -> None:
        self.problems = problems
        super().__init__(file=file, count=len(problems))


class ProvisionInvalid(ApplianceError):
    """One or more mistakes of a provisioning file; `problems` holds each with its line, and never a secret."""

    code = "provision-invalid"
    fr = "Erreurs dans {file} : {count}. Rien n'a été changé. Corrigez-les, puis : appliance provision check {file}"
    en = "Mistakes in {file}: {count}. Nothing was changed. Mend them, then: appliance provision check {file}"

    def __init__(self, file: str, problems: "tuple[Problem, ...]") -> None:
        self.problems = problems
        super().__init__(file=file, count=len(problems))


class ProvisionNotWritten(ApplianceError):
    """The appliance's own disk takes no writing; the file will be taken over at the next start."""

    code = "provision-not-written"
    fr = "La mise en service n'a pas pu être écrite ({reason}). Rien n'est en service ; vérifiez le disque, redémarrez."
    en = "What sets the appliance up could not be written ({reason}). Nothing is set up; check the disk, start again."


class Problem:
    """One mistake: the line it stands on (1-based, 0 when the whole file is meant), where, and what to write."""

    __slots__ = ("en", "fr", "line", "place")

    def __init__(self, line: int, place: str, fr: str, en: str) -> None:
        self.line = line
        self.place = place
        self.fr = fr
        self.en = en

    def sentence(self, language: str) -> str:
        """`line 12, camera "yard", view: ...`."""
        words = ("ligne", "line")[language != "fr"]
        where = f"{words} {self.line}, {self.place}" if self.line else self.place
        return f"{where}{' ' if language == 'fr' else ''}: {self.fr if language == 'fr' else self.en}"
