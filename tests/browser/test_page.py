"""The page in a real browser: what a person reads, and that the right picture is on screen."""

import random
from itertools import pairwise

import pytest

from appliance.core.cause import GapCause
from tests.browser.conftest import Desk
from tests.browser.screen import SCREEN
from tests.peers.fake_recorder import CHUNK_BORDER_S, FIRST_RUN_S, FORMS, GAP_S, LENGTH_US, START_US

SECOND = 1_000_000
GAP_FROM = START_US + FIRST_RUN_S * SECOND
GAP_TO = GAP_FROM + GAP_S * SECOND
SUB_FPS = FORMS["sub"].fps


def counter_at(instant: int, fps: int) -> int:
    """The counter that was recorded at an instant: exposures are counted through the gap of the tape."""
    recorded = instant - START_US - (GAP_S * SECOND if instant >= GAP_TO else 0)
    return (recorded + 20) * fps // SECOND  # 20 us: a tick is 11, and UTC was rounded down


async def test_home_says_in_words_what_is_so(desk: Desk) -> None:
    await desk.home()
    assert await desk.page.text("h1") == "Tout va bien"
    assert "Mme Durand" in await desk.page.text("header .who")
    assert await desk.page.run("document.querySelectorAll('video, img:not([src=\"/favicon.svg\"])').length") == 0
    assert "lecteur de compatibilité" not in await desk.page.text("main")
    desk.recorder.compatible.add("portail")
    desk.recorder.stopped["cour"] = GapCause.CAMERA_SILENT
    await desk.page.until("document.querySelector('h1').innerText.includes('attention')")
    assert "(lecteur de compatibilité)" in await desk.page.text("table.stack tbody tr")
    issue = await desk.page.text(".issues li")
    assert "Cour\u202f: n'enregistre plus (la caméra n'envoie plus d'image)" in issue
    assert "depuis 07:59:21" in issue
    assert "Vérifiez l'alimentation" in issue
    await desk.page.run("document.querySelectorAll('.language button')[1].click()")
    await desk.page.until("document.querySelector('h1').innerText === 'One thing needs your attention'")
    assert await desk.page.run("document.documentElement.lang") == "en"
    desk.recorder.stopped.clear()
    await desk.page.until("document.querySelector('h1').innerText === 'All is well'")


@pytest.mark.full
async def test_a_recorder_that_is_down_is_said_and_recovers_by_itself(desk: Desk) -> None:
    await desk.home()
    desk.page.expected = ("503 (Service Unavailable)",)
    desk.recorder.down = True
    await desk.page.until("document.querySelector('[role=alert]')?.innerText.includes('ne répond pas')")
    desk.recorder.down = False
    await desk.page.until("!document.querySelector('[role=alert]')")
    assert await desk.page.text("h1") == "Tout va bien"


async def test_every_second_asked_for_shows_the_picture_recorded_then(desk: Desk) -> None:
    await desk.at(START_US + SECOND)
    rng = random.Random(7)
    spans = [(START_US, GAP_FROM), (GAP_TO, START_US + LENGTH_US)]
    for _ in range(12):
        start, end = rng.choice(spans)
        instant = rng.randrange(start, end - 1000)
        shown = await desk.seek(instant)
        assert shown <= instant < shown + SECOND // SUB_FPS + 20
        burnt = await desk.burnt()  # on a slow machine full definition may have come meanwhile
        assert burnt.counter == counter_at(instant, SUB_FPS if burnt.tag % 2 else FORMS["main"].fps)


async def test_full_definition_comes_when_the_hand_stops_and_shows_the_same_instant(desk: Desk) -> None:
    instant = GAP_TO + 6_430_000
    await desk.at(instant)
    await desk.page.until(f"{SCREEN}.player.quality === 'main'")
    assert await desk.page.run("document.querySelector('video').videoWidth") == FORMS["main"].width
    burnt = await desk.burnt()
    assert (burnt.counter, burnt.tag % 2) == (counter_at(instant, FORMS["main"].fps), 0)
    assert await desk.page.text(".quality") == "Pleine définition"
    assert "08:00:38.5" in await desk.page.text(".instant")


@pytest.mark.full
async def test_steps_are_one_picture_over_gops_chunks_and_gaps(desk: Desk) -> None:
    starts = (START_US + 3_950_000, GAP_FROM - 200_000, GAP_TO + (CHUNK_BORDER_S * SECOND) - 200_000)
    for start in starts:
        await desk.at(start)
        await desk.page.until(f"{SCREEN}.player.quality === 'main'")
        counters = [(await desk.burnt()).counter]
        for direction in [1] * 5 + [-1] * 9 + [1] * 4:
            await desk.page.run(f"{SCREEN}.player.step({direction})")
            counters.append((await desk.burnt()).counter)
            assert counters[-1] - counters[-2] == direction, (start, counters)
        assert counters[-1] == counters[0]


async def test_a_gap_is_named_on_the_picture_the_line_and_in_the_table(desk: Desk) -> None:
    """Check 7 of twenty: a gap is shown with its cause."""
    await desk.at(GAP_FROM + 5 * SECOND)
    await desk.page.until("document.querySelector('.over')?.innerText.includes(\"n'envoie plus d'image\")")
    assert "la caméra n'envoie plus d'image" in await desk.page.text(".events tbody tr")
    assert "12 s" in await desk.page.text(".events tbody tr")
    titles = await desk.page.run("[...document.querySelectorAll('t-timeline title')].map((each) => each.textContent)")
    assert any("la caméra n'envoie plus d'image, de 08:00:20 à 08:00:32 (12 s)" in title for title in titles)
    slider = await desk.page.run("document.querySelector('[role=slider]').getAttribute('aria-valuetext')")
    assert slider == "mardi 24 novembre 2026, 08:00:25, la caméra n'envoie plus d'image"
    await desk.page.run("[...document.querySelectorAll('.over button')].at(-1).click()")
    await desk.page.until(f"!document.querySelector('.over') && {SCREEN}.player.at >= {GAP_TO - 1000}")
    assert (await desk.burnt()).counter in {counter_at(GAP_TO, SUB_FPS), counter_at(GAP_TO, FORMS["main"].fps)}


async def test_playing_skips_the_gap_and_says_so_and_stops_at_the_mark(desk: Desk) -> None:
    """Check 7 of twenty: playing skips a gap and says so."""
    await desk.at(GAP_FROM - 1_500_000)
    await desk.page.run(f"{SCREEN}.player.setSpeed(2)")
    await desk.page.press("Space")
    await desk.page.until(f"{SCREEN}.player.playing")
    await desk.page.until("document.querySelector('.notice').innerText.startsWith('Trou de 12 s sauté')", 20)
    assert "la caméra n'envoie plus d'image" in await desk.page.text(".notice")
    await desk.page.until(f"{SCREEN}.player.at > {GAP_TO + SECOND}")
    await desk.page.press("Space")
    await desk.page.until(f"!{SCREEN}.player.playing")
    await desk.seek(START_US + LENGTH_US - 2 * SECOND)
    await desk.page.run(f"{SCREEN}.player.play()")
    await desk.page.until("document.querySelector('.notice').innerText.startsWith('Fin de ce qui est enregistré')", 20)
    assert not await desk.page.run(f"{SCREEN}.player.playing")


@pytest.mark.full
async def test_playing_crosses_a_chunk_border_without_a_lost_picture(desk: Desk) -> None:
    border = GAP_TO + CHUNK_BORDER_S * SECOND
    await desk.at(border - 1_200_000)
    await desk.page.run(
        f"""(() => {{ window.seen = []; const video = document.querySelector('video');
        const next = (_now, frame) => {{ window.seen.push(frame.mediaTime); video.requestVideoFrameCallback(next); }};
        video.requestVideoFrameCallback(next); {SCREEN}.player.setSpeed(0.5); {SCREEN}.player.play(); }})()"""
    )
    await desk.page.until(f"{SCREEN}.player.at > {border + SECOND}", 20)
    await desk.page.run(f"{SCREEN}.player.pause()")
    seen = sorted(set(await desk.page.run("window.seen")))
    steps = [right - left for left, right in pairwise(seen)]
    assert len(steps) >= 18
    assert max(steps) < 0.5  # no hole at the border; a busy machine may drop single pictures


async def test_a_date_and_an_hour_are_two_actions_from_home(desk: Desk) -> None:
    """Check 4 of twenty."""
    await desk.home()
    await desk.page.run(
        """(() => { const type = (field, value) => { field.value = value; field.dispatchEvent(new Event('input')); };
        type(document.querySelector('input[type=date]'), '2026-11-24');
        type(document.querySelector('input.hour'), '08:00:41'); })()"""
    )
    await desk.page.run("document.querySelector('t-jump button[type=submit]').click()")
    await desk.page.until(f"{SCREEN}?.player?.at != null")
    wanted = START_US + 41 * SECOND - 123_000
    assert 0 <= wanted - await desk.page.run(f"{SCREEN}.player.at") < SECOND // 10
    await desk.page.until("location.pathname === '/lecture' && location.search.includes('t=')")


async def test_days_of_23_and_25_hours_and_the_hour_that_comes_twice(desk: Desk) -> None:
    """Check 8 of twenty, in a browser whose own zone is New York."""
    await desk.page.open(f"{desk.base}/lecture?cam=portail")
    await desk.page.until(f"{SCREEN}?.history")
    lengths = await desk.page.run(
        f"""[1792879200, 1806188400, 1795474800].map((day) => {{
        {SCREEN}.showDay(day * 1e6 + 12 * 3600e6); return ({SCREEN}.to - {SCREEN}.from) / 3600e6; }})"""
    )
    assert lengths == [25, 23, 24]
    await desk.page.run(
        """(() => { const type = (field, value) => { field.value = value; field.dispatchEvent(new Event('input')); };
        type(document.querySelector('input[type=date]'), '2026-10-25');
        type(document.querySelector('input.hour'), '02:30:00'); })()"""
    )
    await desk.page.until("document.querySelectorAll('t-jump select').length === 2")
    assert "02:30:00 (hiver)" in await desk.page.text("t-jump")
    for choice, utc in (("0", 1_792_888_200), ("1", 1_792_891_800)):
        await desk.page.run(
            f"""(() => {{ const which = document.querySelectorAll('t-jump select')[1];
            which.value = '{choice}'; which.dispatchEvent(new Event('change'));
            window.jumped = null;
            const caught = (event) => {{ window.jumped = event.detail.at; event.stopImmediatePropagation(); }};
            document.addEventListener('jump', caught, {{ once: true, capture: true }});
            document.querySelector('t-jump form').requestSubmit(); }})()"""
        )
        assert await desk.page.run("window.jumped") == utc * SECOND
        await desk.page.run(
            """(() => { const field = document.querySelector('input.hour');
            field.value = '02:30:00'; field.dispatchEvent(new Event('input')); })()"""
        )
        await desk.page.until("document.querySelectorAll('t-jump select').length === 2")


async def test_keys_and_zoom(desk: Desk) -> None:
    await desk.at(START_US + 5 * SECOND)
    widths = [await desk.page.run(f"{SCREEN}.to - {SCREEN}.from")]
    for _ in range(10):
        await desk.page.press("+")
        widths.append(await desk.page.run(f"{SCREEN}.to - {SCREEN}.from"))
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == 24 * 3600 * SECOND
    assert widths[-1] == SECOND
    await desk.page.until("document.querySelector('.zoom .span').innerText === '1 s'")
    slider = await desk.page.run("document.querySelector('[role=slider]').getAttribute('aria-valuetext')")
    assert slider == "mardi 24 novembre 2026, 08:00:05.123, enregistré"
    for _ in range(14):
        await desk.page.press("-")
    assert await desk.page.run(f"({SCREEN}.to - {SCREEN}.from) / 3600e6") == 31 * 24 + 1, "the October night is in it"
    await desk.page.until("document.querySelector('.band strong').innerText === '25 octobre – 24 novembre 2026'")
    assert await desk.page.text(".zoom .span") == "31 jours"
    await desk.page.until("[...document.querySelectorAll('.tick-text')].some((each) => each.textContent === '02/11')")
    await desk.page.run("document.querySelector('.band button').click()")
    await desk.page.until("document.querySelector('.band strong').innerText.endsWith('24 octobre 2026')")
    await desk.page.run("document.querySelectorAll('.band button')[3].click()")
    for _ in range(4):
        await desk.page.press("+")
    assert await desk.page.run(f"({SCREEN}.to - {SCREEN}.from) / 3600e6") == 24
    await desk.page.run("document.querySelector('[role=slider]').focus()")
    await desk.page.press("Home")
    await desk.page.until("document.querySelector('.over')?.innerText.includes(\"pas d'enregistrement\")")
    await desk.page.run(f"{SCREEN}.goTo({START_US + 5 * SECOND})")
    at = await desk.page.run(f"{SCREEN}.at")
    await desk.page.press("ArrowRight")
    await desk.page.until(f"Math.abs({SCREEN}.at - {at} - {SECOND}) < 150000")
    await desk.page.press("?")
    assert await desk.page.run("document.querySelector('details.keys').open")
    await desk.page.press("g")
    assert await desk.page.run("document.activeElement.type") == "date"
    await desk.page.press("Space")
    assert not await desk.page.run(f"{SCREEN}.player.playing")


@pytest.mark.full  # seven seconds of a lapping ring
async def test_playing_goes_on_over_video_that_is_freed_under_it_and_says_so(desk: Desk) -> None:
    await desk.at(GAP_TO + SECOND)
    await desk.page.run(f"{SCREEN}.player.play()")
    await desk.page.until(f"{SCREEN}.player.at > {GAP_TO + 1_500_000}")
    desk.page.expected = ("404 (Not Found)",)
    desk.recorder.reused.add(1)  # the place is given away before the recorder's list knows it
    await desk.page.until("performance.getEntriesByType('resource').some((each) => each.responseStatus === 404)")
    assert await desk.page.run(f"{SCREEN}.player.playing")
    desk.recorder.freed.add(1)
    border = GAP_TO + CHUNK_BORDER_S * SECOND
    await desk.page.until(f"{SCREEN}.player.at >= {border}", 20)
    await desk.page.until("document.querySelector('.notice').innerText.startsWith('Trou de')")
    assert "sauté\u202f: déjà effacé" in await desk.page.text(".notice")
    assert await desk.page.run(f"{SCREEN}.player.playing")
    await desk.page.run(f"{SCREEN}.player.pause()")


async def test_an_instant_whose_place_was_reused_is_said_to_be_no_longer_kept(desk: Desk) -> None:
    await desk.at(GAP_TO + (CHUNK_BORDER_S + 2) * SECOND)
    desk.page.expected = ("404 (Not Found)",)
    desk.recorder.reused.add(1)
    await desk.page.run(f"{SCREEN}.player.seek({START_US + 5 * SECOND})")
    await desk.page.until("document.querySelector('.over')?.innerText.includes('ne sont plus gardées')")
    desk.recorder.freed.add(1)
    await desk.page.run("[...document.querySelectorAll('.over button')].at(-1).click()")
    await desk.page.until(
        f"!document.querySelector('.over') && {SCREEN}.player.at >= {GAP_TO + CHUNK_BORDER_S * SECOND - 1000}"
    )


@pytest.mark.full
async def test_where_full_definition_alone_is_missing_the_light_stream_plays_and_it_is_said(desk: Desk) -> None:
    desk.recorder.main_gap = (6 * SECOND, 10 * SECOND)
    await desk.at(START_US + 4_500_000)
    row = "document.querySelector('.events tbody tr:last-child').innerText"
    await desk.page.until(f"{row}.includes('Pleine définition absente')")
    assert "la caméra a coupé la connexion. Le flux léger est enregistré" in await desk.page.run(row)
    await desk.page.until(f"{SCREEN}.player.quality === 'main'")
    await desk.page.run(f"{SCREEN}.player.play()")
    await desk.page.until(f"{SCREEN}.player.at > {START_US + 7 * SECOND}")
    assert await desk.page.run(f"{SCREEN}.player.at") < START_US + 9_900_000
    assert await desk.page.text(".notice") == ""
    assert await desk.page.text(".quality") == "Flux léger"
    await desk.page.run(f"{SCREEN}.player.pause()")


async def test_h265_that_the_browser_does_not_play_is_said_in_words(desk: Desk) -> None:
    await desk.at(START_US + 5_000_000)
    notice = "{kind: 'unsupported', mime: 'video/mp4; codecs=hvc1.1.6.L93.b0'}"
    await desk.page.run(f"{SCREEN}.notice = {notice}; true")
    await desk.page.until(f"{SCREEN}.textContent.includes('H.265')")
    assert "L'enregistrement est complet" in str(await desk.page.run(f"{SCREEN}.textContent"))
