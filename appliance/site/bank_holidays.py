"""French bank holidays, calculated: they are law and need no list to keep up to date (school holidays do)."""

from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final


class BankHolidays(StrEnum):
    """Which bank holidays a site has. Code du travail L3133-1; L3134-13 (Alsace-Moselle); L3422-2 and décret 83-1003
    as amended in 2012 (commemoration of the abolition of slavery).
    """

    NONE = "none"
    METROPOLE = "metropole"
    ALSACE_MOSELLE = "alsace-moselle"
    GUADELOUPE = "guadeloupe"
    GUYANE = "guyane"
    MARTINIQUE = "martinique"
    MAYOTTE = "mayotte"
    REUNION = "reunion"
    SAINT_BARTHELEMY = "saint-barthelemy"
    SAINT_MARTIN = "saint-martin"


_FIXED: Final = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))  # month, day
_EASTER_OFFSETS: Final = (1, 39, 50)  # days after Easter Sunday: Easter Monday, Ascension, Whit Monday
_LOCAL_DAY: Final = {  # month, day
    BankHolidays.ALSACE_MOSELLE: (12, 26),  # and Good Friday
    BankHolidays.MAYOTTE: (4, 27),
    BankHolidays.MARTINIQUE: (5, 22),
    BankHolidays.GUADELOUPE: (5, 27),
    BankHolidays.SAINT_MARTIN: (5, 28),
    BankHolidays.GUYANE: (6, 10),
    BankHolidays.SAINT_BARTHELEMY: (10, 9),
    BankHolidays.REUNION: (12, 20),
}


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus/Jones/Butcher: J. Meeus, Astronomical Algorithms, chapter 8)."""
    a = year % 19
    b, c = divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=64)
def bank_holidays(year: int, where: BankHolidays) -> frozenset[date]:
    """The bank holidays of a year."""
    if where is BankHolidays.NONE:
        return frozenset()
    sunday = easter(year)
    found = {date(year, month, day) for month, day in _FIXED}
    found |= {sunday + timedelta(days=offset) for offset in _EASTER_OFFSETS}
    if where is not BankHolidays.METROPOLE:
        month, day = _LOCAL_DAY[where]
        found.add(date(year, month, day))
    if where is BankHolidays.ALSACE_MOSELLE:
        found.add(sunday - timedelta(days=2))
    return frozenset(found)
