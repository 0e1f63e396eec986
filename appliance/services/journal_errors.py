"""Named failures of the commands on journals."""

from appliance.core.errors import ApplianceError


class JournalMissing(ApplianceError):
    """No journal lies there."""

    code = "journal-missing"
    fr = "Aucun journal dans {path}. Donnez le fichier du site ou le dossier des journaux."
    en = "No journal in {path}. Give the site file or the folder of the journals."
