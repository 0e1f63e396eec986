"""The system disk's two partitions: sealed to this machine's TPM or plain, decided whole and never half of it. Pure.

Sealed: both are LUKS2, opened by the TPM (bound to Secure Boot's state, PCR 7), and always by a recovery key too.
Plain: without a TPM 2.0 and Secure Boot there is nothing to seal a key to; this is said at each start. What was laid
out stays as it is, whatever the machine has become; only what a cut first start left without recovery key, and so was
never used, is laid out again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from appliance.core.confirmation import Reason

STATE: Final = "temoin-state"
RECORDINGS: Final = "temoin-recordings"
LABELS: Final = (STATE, RECORDINGS)
"""Partition labels (GPT), in the order in which they are laid out, get their recovery key and are opened."""


class Part(Enum):
    """What a partition is. UNFINISHED: LUKS2 whose header is whole and holds no recovery key."""

    ABSENT = auto()
    PLAIN = auto()
    SEALED = auto()
    UNFINISHED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Machine:
    """`tpm`: a TPM 2.0 answers; `secure_boot`: the firmware says that it checks signatures."""

    tpm: bool
    secure_boot: bool

    @property
    def seals(self) -> bool:
        return self.tpm and self.secure_boot


@dataclass(frozen=True, slots=True)
class Plan:
    """`made`: laid out now, of which `erased` were there unfinished; `opened`: mounted in the end; `by_key`: of those,
    which the TPM must not open; `said`: on the screen at this start.
    """

    sealed: bool
    made: tuple[str, ...]
    erased: tuple[str, ...]
    opened: tuple[str, ...]
    by_key: tuple[str, ...]
    said: tuple[Reason, ...]

    @property
    def starts(self) -> bool:
        """Without its state there is no appliance."""
        return STATE in self.opened


def lacks(machine: Machine) -> Reason:
    """Why nothing can be sealed here; for a machine that could: why it is not."""
    if machine.seals:
        return Reason(
            "ils ont été préparés sans TPM 2.0 ou sans Secure Boot, seule une nouvelle installation les chiffre",
            "they were laid out without a TPM 2.0 or without Secure Boot, only a new installation encrypts them",
        )
    fr = [*([] if machine.tpm else ["pas de TPM 2.0"]), *([] if machine.secure_boot else ["Secure Boot désactivé"])]
    en = [*([] if machine.tpm else ["no TPM 2.0"]), *([] if machine.secure_boot else ["Secure Boot is off"])]
    return Reason(" et ".join(fr), " and ".join(en))


def decide(machine: Machine, found: Mapping[str, Part]) -> Plan:
    """What is done at this start. `found` by label."""
    kept = [label for label in LABELS if found[label] in (Part.PLAIN, Part.SEALED)]
    missing = [label for label in LABELS if found[label] in (Part.ABSENT, Part.UNFINISHED)]
    sealed = found[kept[0]] is Part.SEALED if kept else machine.seals
    made = missing if machine.seals or not sealed else []
    mode = Part.SEALED if sealed else Part.PLAIN
    opened = [label for label in LABELS if label in made or found[label] is mode]
    # Recordings beside a state that is new: whoever set that state up is not who recorded them, until the key is typed.
    strange = STATE not in kept and found[RECORDINGS] is Part.SEALED and RECORDINGS in opened
    return Plan(
        sealed=sealed,
        made=tuple(made),
        erased=tuple(label for label in made if found[label] is Part.UNFINISHED),
        opened=tuple(opened),
        by_key=(RECORDINGS,) if strange else (),
        said=tuple(_said(machine, found, sealed=sealed, made=made, opened=opened)),
    )


def _said(
    machine: Machine, found: Mapping[str, Part], *, sealed: bool, made: list[str], opened: list[str]
) -> list[Reason]:
    said = []
    if made:
        names = ", ".join(made)
        said.append(Reason(f"préparation du disque : {names}", f"first start: laying out {names}"))
    for label in LABELS:
        if label in opened:
            continue
        if found[label] is Part.UNKNOWN:
            fr, en = "illisible, elle n'est pas touchée", "cannot be read, it is not touched"
        elif found[label] is Part.PLAIN:
            fr, en = (
                "n'est pas chiffrée alors que l'autre l'est : elle n'est pas ouverte",
                "is not encrypted, the other is",
            )
        elif found[label] is Part.SEALED:
            fr, en = (
                "est chiffrée alors que l'autre ne l'est pas : elle n'est pas ouverte",
                "is encrypted, the other is not",
            )
        else:
            why = lacks(machine)
            fr = f"manque et ne peut pas être chiffrée ici ({why.fr}) : elle n'est pas créée"
            en = f"is missing and cannot be encrypted here ({why.en}): it is not made"
        said.append(Reason(f"{label} {fr}", f"{label} {en}"))
    if not sealed:
        why = lacks(machine)
        said.append(
            Reason(
                f"DISQUES NON CHIFFRÉS : {why.fr}. Qui emporte cet appareil peut lire ses enregistrements.",
                f"DISKS ARE NOT ENCRYPTED: {why.en}. Whoever takes this box can read its recordings.",
            )
        )
    return said
