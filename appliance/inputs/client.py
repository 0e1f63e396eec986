"""Asks the socket of `inputs`; its verbs are those of `inputs.protocol`."""

from pathlib import Path
from typing import Final

from appliance.core.lines import LineClient
from appliance.inputs.errors import InputsRefused, InputsUnreachable

ANSWER_S: Final = 120.0
"""Seconds: a probe takes PROBE_S at the most, adjusting two of them and its own calls, a password its trials."""


class InputsClient(LineClient):
    """Every call raises InputsUnreachable or InputsRefused."""

    def __init__(self, path: Path, *, answer_s: float = ANSWER_S) -> None:
        super().__init__(path, unreachable=InputsUnreachable, refused=InputsRefused, answer_s=answer_s)
