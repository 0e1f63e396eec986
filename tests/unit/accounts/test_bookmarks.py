"""Bookmarks: who may read and take away, what goes by itself, how many there may be."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from appliance.accounts.bookmarks import KEPT_US, MOST, STEP, Bookmark, Bookmarks, readable, removable
from appliance.accounts.look_store import LookStore
from appliance.accounts.roles import Account, Grant, Role
from appliance.core.database import Database

NOW = 1_000_000_000_000
HOUR = 3_600_000_000
MANAGER = Account("Mme Durand", "Principale", Role.MANAGER, 0, 2 * NOW)
GRANT = Grant(frozenset({"cour"}), NOW - 2 * HOUR, NOW - HOUR, NOW - HOUR, NOW + HOUR)
VIEWER = Account("Adj. Blanc", "Gendarmerie", Role.VIEWER, 0, 2 * NOW, grant=GRANT)
MARK = Bookmark("cour", NOW - 90 * 60_000_000, "sac noir", "M. Petit", NOW)


@given(
    role=st.sampled_from(Role),
    camera=st.sampled_from(["cour", "hall"]),
    at=st.integers(NOW - 3 * HOUR, NOW),
    who=st.sampled_from(["M. Petit", "Adj. Blanc"]),
)
def test_a_bookmark_is_read_by_those_who_may_see_its_pictures(role: Role, camera: str, at: int, who: str) -> None:
    account = replace(VIEWER, role=role)
    mark = replace(MARK, camera=camera, at_us=at, who=who)
    inside = camera == "cour" and GRANT.from_us <= at < GRANT.to_us
    assert readable(mark, account, NOW) == (role is Role.MANAGER or (role is Role.VIEWER and inside))
    own = role is Role.MANAGER or who == account.name
    assert removable(mark, account, NOW) == (readable(mark, account, NOW) and own)
    assert not readable(mark, replace(account, revoked=True), NOW)


async def test_they_go_with_the_pictures_that_they_name_and_a_restart_keeps_the_others(tmp_path: Path) -> None:
    database = Database(tmp_path / "marks.db", (STEP,), "marks")
    await database.open()
    marks = Bookmarks(database)
    assert await marks.add(MARK) == 1
    old = replace(MARK, at_us=NOW - KEPT_US, text="ancien")
    assert await marks.add(old) == 2
    assert [each.text for each in await marks.all(NOW)] == ["sac noir", "ancien"]
    assert [each.text for each in await marks.all(NOW + 1)] == ["sac noir"], "its pictures are gone for certain"
    await database.close()
    database = Database(tmp_path / "marks.db", (STEP,), "marks")
    await database.open()
    marks = Bookmarks(database)
    assert await marks.add(replace(MARK, made_us=NOW + 1)) == 3, "a number is never given twice"
    assert len(await database.rows("SELECT number FROM bookmark")) == 2, "the old one is out of the file too"
    await marks.remove(1)
    await marks.remove(1)
    assert [each.number for each in await marks.all(NOW)] == [3]
    await database.close()


async def test_there_are_no_more_than_a_page_lists(tmp_path: Path) -> None:
    store = LookStore(tmp_path / "looks.db")
    await store.database.open()
    row = (MARK.camera, MARK.at_us, MARK.text, MARK.who, MARK.made_us)
    sql = "INSERT INTO bookmark (camera, at_us, text, who, made_us) VALUES (?,?,?,?,?)"
    await store.database.do(lambda execute: [execute(sql, row) for _ in range(MOST)])
    marks = Bookmarks(store.database)
    assert await marks.add(MARK) is None
    await marks.remove(MOST)
    assert await marks.add(MARK) == MOST + 1
    await store.database.close()
