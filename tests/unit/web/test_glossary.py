"""One word for one thing, and none of the workshop: every sentence for a person against webui/glossary.toml."""

import ast
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

import pytest

from appliance.web.errors import WebError
from tests.unit.web.test_words import WEBUI, errors, words

ROOT: Final = WEBUI.parent

GLOSSARY: Final[dict[str, Any]] = tomllib.loads((WEBUI / "glossary.toml").read_text(encoding="utf-8"))

SPEAKING: Final = ("web", "alerts", "accounts", "site", "core/cause.py", "core/clock_words.py")
"""Where sentences for the page are written in Python, as pairs of French and English."""

TO_TYPE: Final = re.compile(r"\bappliance( [a-z-]+)+|[{<][^}>]*[}>]|\"[^\"]*\"|«[^»]*»|\b[a-z_]+(\.[a-z_]+)+\b")
"""Commands, values and names of keys within a sentence: they are quoted, not said."""


def refused(language: str) -> re.Pattern[str]:
    never = "never" if language == "fr" else "never_en"
    found = [word for term in GLOSSARY["term"] for word in term[never]] + GLOSSARY["refused"][language]
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, found))})(?![\w-])", re.IGNORECASE)


def text_of(node: ast.expr) -> str | None:
    """A string of the source, its values left out; None for anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def pairs(source: str) -> Iterator[tuple[str, str]]:
    """Every (French, English) pair of a module: two strings of which the first is a sentence or some words."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            fr, en = map(text_of, node.elts)
            if fr and en and " " in fr:
                yield fr, en


def sentences(language: str) -> dict[str, str]:
    """Everything that may reach the page, by where it comes from."""
    at = ("fr", "en").index(language)
    found = {f"webui/src/{language}.json: {key}": text for key, text in words(language).items()}
    found |= {code: getattr(kind, language) for code, kind in errors().items() if issubclass(kind, WebError)}
    for place in SPEAKING:
        whole = ROOT / "appliance" / place
        for file in [whole] if whole.suffix else sorted(whole.rglob("*.py")):
            if file.is_file():
                for number, pair in enumerate(pairs(file.read_text(encoding="utf-8"))):
                    found[f"{file.relative_to(ROOT)} {number}"] = pair[at]
    return found


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_word_of_the_workshop_reaches_a_person(language: str) -> None:
    never, all_of_them = refused(language), sentences(language)
    assert len(all_of_them) > 300, "the walk has lost its sources"
    said = {where: found[0] for where, text in all_of_them.items() if (found := never.search(TO_TYPE.sub("", text)))}
    assert said == {}
    assert [where for where, text in all_of_them.items() if "(s)" in text] == []


@pytest.mark.parametrize("word", ["chunk", "ring", "GOP", "lease", "outbox", "daemon", "stream", "frame", "boot"])
def test_the_words_that_must_never_be_said_are_refused(word: str) -> None:
    for sentence in (f"Le {word} est plein.", f"{word}\u202f: plein", f"les {word}, encore"):
        assert refused("fr").search(TO_TYPE.sub("", sentence)), sentence


def test_each_term_is_used_and_named_once() -> None:
    said = {language: "\n".join(sentences(language).values()).casefold() for language in ("fr", "en")}
    for language in ("fr", "en"):
        names = [term[language] for term in GLOSSARY["term"]]
        assert len(set(names)) == len(names)
        assert [name for name in names if name.casefold() not in said[language]] == []
        assert not [name for name in names if refused(language).search(name)]
    assert all(term["means"] for term in GLOSSARY["term"])
