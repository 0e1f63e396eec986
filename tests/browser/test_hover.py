"""Pictures over the time line: of where the mouse points, only once an instant was opened, few and small."""

from pathlib import Path

import pytest

from tests.browser.conftest import Desk
from tests.browser.screen import SCREEN, read_picture
from tests.browser.test_page import GAP_FROM, SECOND, SUB_FPS, counter_at
from tests.peers.fake_recorder import START_US

PEEK = "document.querySelector('t-hover video')"


async def point(desk: Desk, instant: int) -> None:
    """Move the mouse over this instant of the line."""
    x, y = await desk.page.run(
        f"""(() => {{ const box = document.querySelector('t-timeline svg').getBoundingClientRect();
        const share = ({instant} - {SCREEN}.from) / ({SCREEN}.to - {SCREEN}.from);
        return [box.left + share * box.width, box.top + 25]; }})()"""
    )
    await desk.page.tab.mouse.move(x, y)


async def pointed(desk: Desk) -> int:
    return int(await desk.page.run(f"{SCREEN}.pointed.at"))


def media(desk: Desk) -> int:
    return sum("/gop?" in each for each in desk.page.requests)


async def test_the_picture_under_the_mouse_is_of_that_instant(desk: Desk, tmp_path: Path) -> None:
    await desk.page.resize(1280, 900)
    await desk.page.open(f"{desk.base}/lecture?cam=portail")
    await desk.page.until(f"{SCREEN}?.history && document.querySelector('.looks')")
    await desk.page.run(f"{SCREEN}.show({{from: {START_US}, to: {START_US + 60 * SECOND}}})")
    await point(desk, START_US + 7 * SECOND)
    await desk.page.until("!document.querySelector('t-hover').hidden")
    assert await desk.page.text(".peek b") == "08:00:07"
    assert media(desk) == 0, "nothing was opened yet"
    await desk.page.run(f"{SCREEN}.goTo({START_US + 3 * SECOND})")
    await desk.page.run(f"{SCREEN}.show({{from: {START_US}, to: {START_US + 60 * SECOND}}})")
    for second in (7, 12):
        await point(desk, START_US + second * SECOND)
        instant = await pointed(desk)
        right = f"Math.abs({PEEK}.currentTime % 1e9 - document.querySelector('t-hover').buffer.mediaTime({instant}))"
        await desk.page.until(f"{PEEK}.readyState >= 2 && !{PEEK}.seeking && {right} < {1.5 / SUB_FPS}")
        assert (await read_picture(desk.page, PEEK)).counter == counter_at(instant, SUB_FPS)
    await desk.page.screenshot(tmp_path / "hover.png")
    await point(desk, GAP_FROM + 5 * SECOND)
    await desk.page.until("document.querySelector('.peek span')?.innerText.includes(\"n'envoie plus d'image\")")
    await desk.page.press("Escape")
    await desk.page.until("document.querySelector('t-hover').hidden")


@pytest.mark.full
async def test_a_mouse_that_passes_asks_for_few_pictures_and_a_refusal_for_no_more(desk: Desk) -> None:
    await desk.page.resize(1280, 900)
    await desk.at(START_US + 3 * SECOND)
    await desk.page.run(f"{SCREEN}.show({{from: {START_US}, to: {START_US + 60 * SECOND}}})")
    await desk.page.until(f"{SCREEN}.player.quality === 'main'")
    before = media(desk)
    for tenth in range(190):
        await point(desk, START_US + tenth * SECOND // 10)
    assert 2 <= media(desk) - before <= 20, "at most each of its 20 GOPs, once"
    desk.page.expected = ("503 (Service Unavailable)",)
    desk.recorder.down = True
    for second in (40, 42, 44, 46):
        await point(desk, START_US + second * SECOND)
        await desk.page.until("document.querySelector('t-hover').dark")
    again = 10  # at the most, of the one question that nobody answers
    assert sum("/gop?" in each for each in desk.page.requests[before:]) - before <= 22 + again
    desk.recorder.down = False
