"""The journal of looks for those who may read it: a list, a table to take away, and the proof that none was changed."""

import asyncio
import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import Field

from appliance.accounts import aim
from appliance.accounts.aim import Aim, Aims, End
from appliance.accounts.look import KEPT_US, LASTS_US, Reason
from appliance.accounts.look_store import ALL, Entry, Refusal, Rows, Seen
from appliance.accounts.second import Seconds
from appliance.web import query
from appliance.web.clips import ZONE
from appliance.web.lock import BOOK, entry_body
from appliance.web.look_check import check
from appliance.web.look_errors import NoJournal
from appliance.web.media import RECORDER, json_response
from appliance.web.who import people_of

MAX_LOOKS: Final = 200
"""Looks of one answer: a page shows 50."""

REASONS: Final = {
    Reason.ALERT: "alerte",
    Reason.DOUBT: "fait signalé ou remarqué",
    Reason.DAMAGE: "dégât ou vol",
    Reason.ACCESS: "demande d'une personne filmée",
    Reason.JUDICIAL: "réquisition judiciaire",
    Reason.URGENCY: "urgence",
}
"""As the table that is taken away says them: it is read by a French controller."""

ENDS: Final = {
    None: "en cours",
    End.TIME: "temps écoulé",
    End.STOPPED: "arrêté à la main",
    End.OTHER: "passage à une autre caméra",
    End.SERVICE: "service arrêté",
    End.SESSION: "connexion fermée",
}
"""How an aiming ended, as the same table says it; None: it has not."""

AIMED: Final = "réglage du cadrage"
"""In the place of a reason: aiming needs none."""

COLUMNS: Final = (
    "N°", "Nom", "Fonction", "Ouverte", "Fin", "Motif", "Texte", "Réquisition", "Alerte", "Caméras",
    "Séquence ouverte", "Séquences vues", "Justification",
)  # fmt: skip

Cells = tuple[str | int, ...]
"""A row of the table, one for each of COLUMNS."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class LooksQuery(query.Interval):
    """Looks opened in an interval."""

    limit: Annotated[int, Field(ge=1, le=MAX_LOOKS)] = 50

    @classmethod
    def longest(cls) -> int:
        return KEPT_US


class TableQuery(query.Interval):
    """The same, all of them."""

    @classmethod
    def longest(cls) -> int:
        return KEPT_US


async def looks(request: web.Request) -> web.StreamResponse:
    """GET looks: newest first, each with what was seen; and what was refused."""
    asked = query.query(request, LooksQuery)
    book = request.app[BOOK]
    await book.flush()
    entries = await book.store.newest(asked.from_, asked.to, asked.limit)
    seen: defaultdict[int, list[Seen]] = defaultdict(list)
    for each in await _seen(request, entries):
        seen[each.look].append(each)
    refusals = await book.store.refusals(asked.from_, asked.to, asked.limit)
    people = await people_of(request)

    def row(entry: Entry) -> dict[str, Any]:
        stretches = [_stretch(each) for each in seen[entry.number]]
        return {**entry_body(entry, book), "person": people.get(entry.look.who, entry.look.who), "seen": stretches}

    refused = [{**each._asdict(), "person": people.get(each.who, each.who)} for each in refusals]
    return json_response({"looks": [row(each) for each in entries], "refusals": refused})


async def check_looks(request: web.Request) -> web.StreamResponse:
    """GET looks/check: the whole journal's chain, and each row against it."""
    query.query(request, query.NoQuery)
    book = request.app[BOOK]
    if book.journal is None:
        raise NoJournal
    await book.flush()
    await book.journal.flush()
    now = book.clock.utc_us()
    entries = await book.store.newest(0, query.LAST_US, ALL)
    seen = await _seen(request, entries)
    seconds = await Seconds(book.store.database).since(0)
    aims = await Aims(book.store.database).newest(0, query.LAST_US, ALL)
    rows = Rows(entries, seen, await book.store.refusals(0, query.LAST_US, ALL), seconds, aims)
    try:
        found = await asyncio.to_thread(check, book.journal, rows, now)
    except OSError:
        raise NoJournal from None
    return json_response(
        {
            "ok": found.ok,
            "lines": found.lines,
            "looks": found.looks,
            "unproven": found.unproven,
            "head": str(found.head),
            "count": found.count,
            "problems": [{"fr": fr, "en": en} for fr, en in found.problems],
        }
    )


async def table(request: web.Request) -> web.StreamResponse:
    """GET looks.csv: a table for a controller, in French, the site's time."""
    asked = query.query(request, TableQuery)
    book = request.app[BOOK]
    await book.flush()
    entries = await book.store.newest(asked.from_, asked.to, ALL)
    seen = await _seen(request, entries)
    refusals = await book.store.refusals(asked.from_, asked.to, ALL)
    aims = await Aims(book.store.database).newest(asked.from_, asked.to, ALL)
    names = {str(row["id"]): str(row["name"]) for row in await _cameras(request)}
    text = write_table(Rows(entries, seen, refusals, (), aims), names, await people_of(request), request.app[ZONE])
    name = "journal-des-consultations.csv"
    return web.Response(
        body=text.encode("utf-8-sig"),  # a spreadsheet takes UTF-8 for what it is by its mark alone
        headers={"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": f'attachment; filename="{name}"'},
    )


def write_table(rows: Rows, names: Mapping[str, str], people: Mapping[str, str], zone: ZoneInfo) -> str:
    """Semicolons, as French spreadsheets read them. `names`: of cameras; `people`: of accounts. Pure."""

    def at(us: int) -> str:
        return (_EPOCH + timedelta(microseconds=us)).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %z")

    def span(from_us: int, to_us: int | None) -> str:
        return f"{at(from_us)} - {'alerte en cours' if to_us is None else at(to_us)}"

    def called(account: str) -> str:
        return people.get(account, account)

    seen: defaultdict[int, list[Seen]] = defaultdict(list)
    for stretch in rows.seen:
        seen[stretch.look].append(stretch)

    def look_cells(entry: Entry) -> Cells:
        look, given = entry.look, entry.look.given
        end = look.opened_us + LASTS_US if look.closed_us is None else look.closed_us
        stretches = (f"{names.get(s.camera, s.camera)} {span(s.from_us, s.to_us)}" for s in seen[entry.number])
        cameras = ", ".join(sorted(names.get(each, each) for each in look.cameras))
        return (
            entry.number, called(look.who), entry.function, at(look.opened_us), at(end), REASONS[given.reason],
            given.text, given.number, "" if given.alert is None else given.alert, cameras,
            span(look.from_us, look.to_us), " | ".join(stretches), entry.justification,
        )  # fmt: skip

    def refusal_cells(each: Refusal) -> Cells:
        camera, asked = names.get(each.camera, each.camera), span(each.from_us, each.to_us)
        who, utc = called(each.who), at(each.utc_us)
        return "", who, each.function, utc, "", "refus", each.why, "", "", camera, asked, "", ""

    def aim_cells(each: Aim) -> Cells:
        end = each.opened_us + aim.LASTS_US if each.ended_us is None else each.ended_us
        who, camera = called(each.who), names.get(each.camera, each.camera)
        begun, pictures = at(each.opened_us), f"{each.pictures} {'image' if each.pictures < 2 else 'images'}"
        return "", who, each.function, begun, at(end), AIMED, ENDS[each.how], "", "", camera, "", pictures, ""

    out = io.StringIO()
    table = csv.writer(out, delimiter=";", lineterminator="\r\n")
    table.writerow(COLUMNS)
    cells = (*map(look_cells, rows.looks), *map(refusal_cells, rows.refusals), *map(aim_cells, rows.aims))
    table.writerows(map(_plain, each) for each in cells)
    return out.getvalue()


def _plain(value: str | int) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    text = str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


async def _seen(request: web.Request, entries: list[Entry]) -> list[Seen]:
    """What left of these openings, in order."""
    numbers = [each.number for each in entries]
    return await request.app[BOOK].store.seen(min(numbers), max(numbers)) if numbers else []


async def _cameras(request: web.Request) -> Iterable[Mapping[str, Any]]:
    rows: Iterable[Mapping[str, Any]] = (await request.app[RECORDER].state())["cameras"]
    return rows


def _stretch(seen: Seen) -> dict[str, Any]:
    return {"camera": seen.camera, "stream": seen.stream, "from_us": seen.from_us, "to_us": seen.to_us}
