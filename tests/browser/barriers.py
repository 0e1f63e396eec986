"""What axe-core finds in a page as it stands: WCAG 2.2 A and AA, RGAA 4, good practice."""

import json
from functools import cache
from pathlib import Path
from typing import Final

from tests.browser.chromium import Page
from tests.peers.need import need

AXE: Final = Path(__file__).resolve().parents[2] / "webui" / "node_modules" / "axe-core" / "axe.min.js"

LOOK: Final = """axe.run(document, {
runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'RGAAv4', 'best-practice'],
rules: { 'video-caption': { enabled: false } } }).then((r) => r.violations.map((v) =>
`${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | ')}`))"""
"""`video-caption`: pictures without sound have no captions; the statement of accessibility says so."""


WIDE: Final = """(() => { const { scrollWidth, clientWidth } = document.documentElement;
return scrollWidth > clientWidth ? [scrollWidth, clientWidth] : null; })()"""
"""A page wider than its window; a telephone's `innerWidth` grows with what overflows and would say nothing."""


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8") + "; void 0"


async def barriers(page: Page, word: str) -> list[str]:
    """Violations, once the page shows `word`: a word that only the filled page holds, else an empty page passes."""
    need("axe-core")
    await page.until(f"document.querySelector('t-app').innerText.includes({json.dumps(word)})")
    if not await page.run("typeof axe === 'object'"):
        await page.run(_axe())
    found: list[str] = await page.run(LOOK)
    wide = await page.run(WIDE)
    if wide:
        found.append(f"wider than the window: {wide}")
    return found


async def speak(page: Page, language: str) -> None:
    """Choose the page's language as a person does."""
    await page.run(f"document.querySelector('.language button[lang={language}]').click()")
    await page.until(f"document.documentElement.lang === '{language}'")
