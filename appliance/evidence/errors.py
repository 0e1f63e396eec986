"""Named failures of cutting footage."""

from appliance.core.errors import ApplianceError


class ClipSourceLost(ApplianceError):
    """Footage that was planned into a clip is not what lies on disk any more: freed, or damaged."""

    code = "clip-source-lost"
    fr = "La séquence n'est plus lisible ({why}) : elle vient d'être effacée ou le disque est abîmé ; redemandez-la."
    en = "The sequence can no longer be read ({why}): it was just erased or the disk is damaged; ask for it again."
