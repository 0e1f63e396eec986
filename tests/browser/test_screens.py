"""Every screen in every state, seen: pictures of all of them for a person's eye, and what a program can see of them.

The pictures stand in build/screens, one by state, language, scheme and width.
"""

import json
from pathlib import Path
from typing import Final

import pytest

from tests.browser.barriers import speak
from tests.browser.conftest import served
from tests.browser.scenes import SCENES
from tests.peers.fake_recorder import FakeRecorder
from tests.unit.web.test_words import words

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "build" / "screens"
SIZES: Final = {"phone": (360, 740), "tablet": (820, 1100), "desk": (1280, 900)}
KEYS: Final = words("fr")

FAULTS: Final = r"""(() => {
  const found = [], own = new Set(KEYS), { scrollWidth: wide, clientWidth: width } = document.documentElement;
  const fault = (what, e) => found.push(`${what}: ${e.outerHTML.slice(0, 120)}`);
  if (wide > width) found.push(`wider than the window: ${wide}`);
  for (const e of document.querySelectorAll('t-app *')) {
    if (!e.checkVisibility() || e.closest('svg, video')) continue;
    const box = e.getBoundingClientRect(), text = e.innerText?.trim() ?? '', leaf = e.children.length === 0;
    const over = e.scrollWidth > e.clientWidth + 1, here = box.width > 1 && box.left > -999;
    if (own.has(text)) fault('a key instead of words', e);
    if (leaf && /\b(undefined|NaN|null|Invalid Date)\b|\{[a-z]+\}/.test(text)) fault('no words', e);
    if (leaf && text && over && getComputedStyle(e).overflowX === 'hidden') fault('cut', e);
    if (over && e.matches('button, dialog')) fault('too small for what it holds', e);
    if (here && (box.right > width + 1 || box.left < -1) && e.matches('button, a, select, input')) fault('outside', e);
    if (e.matches('button, a') && !text && !e.getAttribute('aria-label')) fault('no name', e);
  }
  return [...new Set(found)];
})()"""
"""What no screen may have: what is beside the window, words cut off, a key or a hole instead of words, no name."""

DRAWN: Final = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

pytestmark = pytest.mark.full


@pytest.fixture
def folder() -> Path:
    """Where the pictures go."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER


@pytest.mark.parametrize("name", SCENES)
async def test_a_screen_is_whole_in_either_language_on_a_phone_a_tablet_and_a_desk(
    name: str, built_page: Path, tmp_path: Path, folder: Path
) -> None:
    scene = SCENES[name]
    async with served(FakeRecorder(scene.cameras), built_page, tmp_path, opened=scene.opened) as desk:
        await scene.play(desk)
        found: list[str] = []
        for number, language in enumerate(("fr", "en")):
            await speak(desk.page, language)
            for size, (width, height) in SIZES.items():
                await desk.page.resize(width, height)
                word = json.dumps(scene.words[number])
                await desk.page.until(f"document.querySelector('t-app').innerText.includes({word})")
                for scheme in ("light", "dark") if size != "tablet" else ("light",):
                    await desk.page.media(scheme)
                    await desk.page.run(DRAWN)
                    await desk.page.screenshot(folder / f"{name}-{language}-{size}-{scheme}.png", whole=True)
                told: list[str] = await desk.page.run(FAULTS.replace("KEYS", json.dumps(list(KEYS))))
                found += [f"{language} {size}: {each}" for each in told]
        assert found == []
