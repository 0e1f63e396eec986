"""The operator's language, by the locale."""

import os
from collections.abc import Mapping

from appliance.core.errors import Language


def language_of(environment: Mapping[str, str] = os.environ) -> Language:
    """`fr` or `en` by LC_ALL, LC_MESSAGES, LANG (POSIX order). No locale at all: French."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            return "fr" if value.lower().startswith("fr") else "en"
    return "fr"
