"""The closed set of errors: each has sentences an operator can act on, in French and in English."""

import importlib
import pkgutil
import re
import string
from collections.abc import Iterator
from typing import ClassVar

import pytest

import appliance
from appliance.core.errors import ApplianceError

ENGLISH_IN_FRENCH = re.compile(
    r"\b(the|is|not|cannot|failed|file|please|check|wrong|unknown|missing|stream|chunk|buffer|timeout|offset|"
    r"header|payload|parse|frame|track|sample|keyframe|boot|socket|backend|path|index out)\b",
    re.IGNORECASE,
)
"""Words that give away English, or jargon no site manager knows, in a French sentence."""

FRENCH_IN_ENGLISH = re.compile(r"\b(le|la|les|une|est|sont|vérifiez|caméra|disque|fichier|erreur)\b", re.IGNORECASE)


def all_errors() -> list[type[ApplianceError]]:
    """Every error class of the product, after importing every module of it."""
    for module in pkgutil.walk_packages(appliance.__path__, "appliance."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return [kind for _code, kind in sorted(ApplianceError.registry.items()) if kind.__module__.startswith("appliance.")]


def facts_of(sentence: str) -> set[str]:
    """Names a format string asks for."""
    return {name.split(".")[0].split("[")[0] for _t, name, _s, _c in string.Formatter().parse(sentence) if name}


def words_of(sentence: str) -> str:
    """A sentence without its facts and without the commands it tells to type."""
    text = " ".join(text for text, _n, _s, _c in string.Formatter().parse(sentence))
    return re.sub(r"\bappliance( [a-z-]+)+", "", text)


ERRORS = all_errors()


def test_the_walk_found_the_errors_of_every_package_that_has_some() -> None:
    modules = {kind.__module__ for kind in ERRORS}
    expected = {
        module.name
        for module in pkgutil.walk_packages(appliance.__path__, "appliance.")
        if module.name.endswith(".errors") and module.name != "appliance.core.errors"
    }
    assert expected <= modules


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: str(kind.code))
class TestEachError:
    def test_code_is_stable_and_plain(self, kind: type[ApplianceError]) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", kind.code)

    def test_sentences_are_whole_and_differ(self, kind: type[ApplianceError]) -> None:
        for sentence in (kind.fr, kind.en):
            if sentence in {"{sentence_fr}", "{sentence_en}"}:
                continue  # another service's error, handed on as it said it
            assert len(words_of(sentence)) >= 20
            assert re.search(r"([.!?}]|: (make|appliance) [^:]+)$", sentence)
            assert sentence[0].isupper() or sentence[0] in "{«"
        assert kind.fr != kind.en

    def test_both_languages_tell_the_same_facts(self, kind: type[ApplianceError]) -> None:
        plain = {re.sub(r"(^|_)fr$", "", name) for name in facts_of(kind.fr)}
        english = {re.sub(r"(^|_)en$", "", name) for name in facts_of(kind.en)}
        assert plain == english - ({"reason"} - plain)  # what a library said, in its own English, is no French word

    def test_sentences_format_with_their_facts(self, kind: type[ApplianceError]) -> None:
        facts: dict[str, str | int | float] = dict.fromkeys(facts_of(kind.fr) | facts_of(kind.en), 7)
        error = kind.__new__(kind)  # some classes work their facts out themselves
        ApplianceError.__init__(error, **facts)
        for sentence in (error.sentence("fr"), error.sentence("en"), str(error)):
            assert sentence
            assert not re.search(r"[{}]", sentence)

    def test_french_is_french_and_english_is_english(self, kind: type[ApplianceError]) -> None:
        assert not ENGLISH_IN_FRENCH.findall(words_of(kind.fr))
        assert not FRENCH_IN_ENGLISH.findall(words_of(kind.en))


@pytest.fixture(autouse=True)
def registry_as_before() -> Iterator[None]:
    """Classes made by these tests do not stay in the product's set."""
    before = dict(ApplianceError.registry)
    yield None
    ApplianceError.registry.clear()
    ApplianceError.registry.update(before)


def test_an_error_without_a_sentence_cannot_be_defined() -> None:
    with pytest.raises(TypeError, match="has no fr"):
        type("Halved", (ApplianceError,), {"code": "halved", "en": "Half an error."})


def test_two_errors_cannot_share_a_code() -> None:
    class First(ApplianceError):
        code: ClassVar[str] = "test-taken"
        fr: ClassVar[str] = "Premier."
        en: ClassVar[str] = "First."

    with pytest.raises(TypeError, match="share the code test-taken"):
        type("Second", (ApplianceError,), {"code": First.code, "fr": "Deuxième.", "en": "Second."})


def test_the_sentence_is_what_a_log_shows() -> None:
    class Full(ApplianceError):
        code: ClassVar[str] = "test-full"
        fr: ClassVar[str] = "Le disque {disk} est plein."
        en: ClassVar[str] = "Disk {disk} is full."

    error = Full(disk="a")
    assert str(error) == "Disk a is full."
    assert error.sentence("fr") == "Le disque a est plein."
