"""The one table that declares every verb, in the order of the help, put together from its areas."""

from typing import Final

from appliance.cli import (
    accounts,
    boot,
    cameras,
    certificate,
    console,
    detection,
    disks,
    holds,
    journals,
    provision,
    services,
    site,
)
from appliance.cli.verb import Verb

VERBS: Final[tuple[Verb, ...]] = (
    *site.VERBS,
    *cameras.VERBS,
    *services.VERBS,
    *disks.VERBS,
    *holds.VERBS,
    *journals.VERBS,
    *detection.VERBS,
    *boot.VERBS,
    *provision.VERBS,
    *console.VERBS,
    *certificate.VERBS,
    *accounts.VERBS,
)
