"""Routes of bookmarks: set, listed, taken away; what is not one is refused; they open nothing."""

from appliance.accounts.bookmarks import TEXT_MOST
from tests.peers.fake_recorder import START_US
from tests.peers.sign_in import DURAND
from tests.unit.web.conftest import Api

AT = START_US + 5_000_000
MARK = {"camera": "portail", "at_us": AT, "text": "  sac   noir  "}


async def test_one_is_set_listed_and_taken_away(api: Api) -> None:
    assert await api.json("bookmarks", "/api/v1/bookmarks") == {"bookmarks": []}
    made = await api.post("setBookmark", "/api/v1/bookmarks", MARK, status=201)
    (told,) = made["bookmarks"]
    assert told == {
        "number": 1,
        "camera": "portail",
        "at_us": AT,
        "text": "sac noir",
        "who": "durand",
        "person": "Mme Durand",
        "made_us": api.clock.utc_us(),
        "removable": True,
    }
    assert await api.json("bookmarks", "/api/v1/bookmarks") == made
    url = f"{api.base}/api/v1/bookmarks/1"
    async with api.session.delete(url) as answer:
        assert answer.status == 403, "another site's page"
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with api.session.delete(url, headers=headers) as answer:
        assert await answer.json() == {"bookmarks": []}
    async with api.session.delete(url, headers=headers) as answer:
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (404, "no-such-bookmark")


async def test_what_is_none_is_refused(api: Api) -> None:
    for wrong, status in (
        ({**MARK, "text": "   "}, 400),
        ({**MARK, "text": "x" * (TEXT_MOST + 1)}, 400),
        ({**MARK, "at_us": -1}, 400),
        ({**MARK, "more": 1}, 400),
        ({**MARK, "camera": "nulle-part"}, 404),
    ):
        await api.post("setBookmark", "/api/v1/bookmarks", wrong, status=status)
    assert await api.json("bookmarks", "/api/v1/bookmarks") == {"bookmarks": []}


async def test_a_bookmark_opens_no_picture(api: Api) -> None:
    for look in api.book.current("durand"):
        await api.book.close(DURAND, look.number)
    await api.post("setBookmark", "/api/v1/bookmarks", MARK, status=201)
    await api.json("gop", f"/api/v1/cameras/portail/gop?t={AT}", status=403)
