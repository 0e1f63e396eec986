"""Whose a disk is, and what may be done with it. Pure.

A disk says of which appliance it is. One that is ours records; one of nobody becomes ours when it first records; one
of another appliance is looked at and never written to, until a person takes it over by name.
"""

from collections.abc import Container
from enum import Enum
from typing import Final

from appliance.ring.disks.identity import NOBODY, DiskIdentity

TYPED: Final = 4
"""Last hex digits of a disk's uuid that name it when a person has to type which one is meant."""


class Kin(Enum):
    """What a disk is to this appliance."""

    OWN = "own"  # records, its past is served
    NOBODYS = "nobody's"  # formatted where no appliance was known: becomes ours
    FOREIGN = "foreign"  # another appliance's: read only
    TWIN = "twin"  # a copy of a disk that is in use: left aside


def kin(identity: DiskIdentity, appliance: str, in_use: Container[str]) -> Kin:
    """`appliance`: this one's id, "" where none is known, then every disk is ours; `in_use`: uuids that record."""
    if identity.uuid in in_use:
        return Kin.TWIN
    if not appliance or identity.appliance == appliance:
        return Kin.OWN
    return Kin.NOBODYS if identity.appliance == NOBODY else Kin.FOREIGN


def names(identity: DiskIdentity, typed: str) -> bool:
    """Does what a person typed name this disk: its site in full, or the last digits of its uuid?"""
    wanted = typed.strip().casefold()
    return wanted == identity.uuid[-TYPED:] or (bool(identity.site) and wanted == identity.site.casefold())
