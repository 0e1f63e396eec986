"""The review of alerts: by keyboard, fifty a page, and what is asked for stands in the address."""

from tests.browser.conftest import Desk

ROWS = "[...document.querySelectorAll('.review tbody tr')]"
CHOSEN = "document.activeElement.closest('tr')?.dataset.number"


async def listed(desk: Desk, query: str = "") -> list[int]:
    """Numbers of the rows of a view, once it is filled."""
    await desk.page.open(f"{desk.base}/alertes{query}")
    await desk.page.until("document.querySelector('t-review .card, t-review .review')")
    return [int(each) for each in await desk.page.run(f"{ROWS}.map((row) => row.dataset.number)")]


async def reported(desk: Desk, count: int) -> list[int]:
    """Facts by hand, oldest first."""
    fact = {"camera": "portail", "kind": "technical", "by": "M. Petit", "note": "écran noir"}
    numbers: list[int] = []
    for _ in range(count):
        numbers.append((await desk.detector.ask("report", **fact))["number"])
        desk.detector.clock.advance(1)
    return numbers


async def verdict(desk: Desk, number: int) -> str | None:
    answer = (await desk.detector.desk.store.entry(number)).answer
    return None if answer is None else answer.verdict.value


async def test_alerts_are_settled_by_keyboard_alone_and_no_key_answers_while_typing(desk: Desk) -> None:
    newest = (await reported(desk, 4))[::-1]
    page = desk.page
    assert await listed(desk) == newest
    await page.run("sessionStorage.setItem('temoin.name', 'Mme Roux')")
    await page.press("f")
    await page.run("document.querySelector('t-alerts .report').open = true")
    await page.run("document.querySelector('.report input[name=note]').focus()")
    for key in ("j", "f", "v"):
        await page.press(key)
    assert await page.run("document.querySelector('.report input[name=note]').value") == "jfv"
    await page.run("document.activeElement.blur()")
    assert [await verdict(desk, each) for each in newest] == [None] * 4, "no row was chosen"
    for key, number in (("j", 0), ("j", 1), ("k", 0)):
        await page.press(key)
        assert await page.run(CHOSEN) == str(newest[number])
    for place, (key, said) in enumerate((("f", "Fausse alerte"), ("v", "Confirmée"), ("d", "Doute non levé"))):
        await page.press(key)
        await page.until(f"{ROWS}[{place}].innerText.includes('{said}')")
        await page.until(f"{CHOSEN} === '{newest[place + 1]}'")
        assert said in await page.text("t-review .notice")
    assert [await verdict(desk, each) for each in newest] == ["false", "confirmed", "unclear", None]
    await page.until("document.querySelector('.views').innerText.includes('À vérifier (1)')")
    assert await page.run(f"{ROWS}.length") == 4, "what was settled stays in sight until the view is left"
    await page.press("?")
    await page.until("document.querySelector('t-review dialog').open")
    assert "Je ne peux pas trancher" in await page.text("t-review dialog")
    await page.press("v")
    assert await verdict(desk, newest[3]) is None
    await page.press("Escape")
    await page.until("!document.querySelector('t-review dialog').open")


async def test_views_cameras_and_pages_stand_in_the_address(desk: Desk) -> None:
    reports = await reported(desk, 51)
    visit = await desk.detector.visit("cour", seconds=1)
    page = desk.page
    first = await listed(desk)
    assert len(first) == 50
    assert "52 alertes" in await page.text("t-review")
    await page.run("[...document.querySelectorAll('.pages button')].at(-1).click()")
    await page.until(f"{ROWS}.length === 2")
    assert await page.run("location.search") == "?page=2"
    assert await listed(desk, "?page=2") == [each for each in reversed([*reports, visit]) if each not in first]
    await page.run("history.back()")
    await page.until(f"{ROWS}.length === 50")
    await page.run(
        "(() => { const which = document.querySelector('.filters select'); which.value = 'cour'; "
        "which.dispatchEvent(new Event('change')); })()"
    )
    await page.until(f"{ROWS}.length === 1")
    assert await page.run("location.search") == "?cam=cour"
    assert await listed(desk, "?cam=cour&type=passive") == [visit]
    assert await listed(desk, "?cam=cour&type=fire") == []
    assert "Aucune alerte à vérifier." in await page.text("t-review")
    assert await listed(desk, "?du=2026-11-24&au=2026-11-24&cam=cour") == [visit]
    assert await listed(desk, "?du=2026-11-22&au=2026-11-23&vue=toutes") == []
    assert "Aucune alerte pour ce choix." in await page.text("t-review")
