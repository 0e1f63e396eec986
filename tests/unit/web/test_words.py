"""The page's words: both languages whole, nothing unused, nothing unsaid."""

import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

import appliance
from appliance.accounts.aim import End
from appliance.accounts.look import Reason
from appliance.alerts.model import Kind, Severity, Verdict
from appliance.core.errors import ApplianceError
from appliance.web.errors import WebError
from appliance.web.look_errors import SHUT

NARROW = "\u202f"
"""Narrow no-break space: French puts it before these signs, so that none begins a line."""

WEBUI = Path(__file__).resolve().parents[3] / "webui"


def words(language: str) -> dict[str, str]:
    """Those of the first page, and those that a screen brings itself."""
    found: dict[str, str] = json.loads((WEBUI / "src" / f"{language}.json").read_text(encoding="utf-8"))
    for file in sorted((WEBUI / "src").glob(f"*-{language}.json")):
        brought: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        assert not set(brought) & set(found), file.name
        found |= brought
    return found


def test_both_languages_have_the_same_keys_and_values_in_them() -> None:
    fr, en = words("fr"), words("en")
    assert list(fr) == list(en)
    for key, text in fr.items():
        assert text.strip(), key
        assert en[key].strip(), key
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", en[key])), key


def test_every_key_is_used_and_every_use_has_a_key() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in sorted((WEBUI / "src").glob("*.ts")))
    groups = "|".join(sorted({key.partition(".")[0] for key in words("fr")}))  # another group does not compile
    made = re.findall(r"`(\w+)\.\$\{", source)  # put together: `severity.${alert.severity}`
    used = set(re.findall(rf'"((?:{groups})\.\w+(?:\.\w+)?)"', source))
    used |= {f"{base}.{form}" for base in re.findall(r'plural\("([\w.]+)"', source) for form in ("one", "other")}
    used -= set(re.findall(r'plural\("([\w.]+)"', source))
    computed = {f"status.{each}" for each in ("recording", "starting", "stopped", "paused")} | {
        "stream.main",
        "stream.sub",
    }
    computed |= {
        f"rule.{each}"
        for each in ("intrusion", "line", "loitering", "covered", "defocused", "moved", "frozen", "harmful")
    }
    computed |= {f"label.{each}" for each in ("person", "vehicle", "something")}
    computed |= {f"severity.{each}" for each in Severity} | {f"kind.{each}" for each in Kind}
    computed |= {f"{group}.{each}" for group in ("verdictOf", "judge") for each in Verdict}
    computed |= {f"reason.{each}" for each in Reason} | {
        f"look.{each.code.removeprefix('look-')}" for each in SHUT.values()
    }
    computed |= {f"aimed.{each}" for each in End}
    assert computed | used <= set(words("fr"))
    assert {key for key in words("fr") if key.partition(".")[0] not in made} - used - computed == set()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_punctuation_is_the_languages_own(language: str) -> None:
    for key, text in words(language).items():
        before = re.findall(r"(.)[:?!;](?!\w)", text)
        if language == "fr":
            assert set(before) <= {NARROW}, key
        else:
            assert not any(mark.isspace() for mark in before), key


def errors() -> dict[str, type[ApplianceError]]:
    """Every named error of the product, the web's own among them."""
    for module in pkgutil.walk_packages(appliance.__path__, "appliance."):
        if module.name.rpartition(".")[2] in {"errors", "input_errors", "faults"}:
            importlib.import_module(module.name)
    return ApplianceError.registry


def test_french_errors_put_a_space_before_high_signs_and_count_without_brackets() -> None:
    for code, error in errors().items():
        before = re.findall(r"(.)[:?!;](?=\s|$)", error.fr)
        assert all(mark.isspace() for mark in before), (code, error.fr)
        if issubclass(error, WebError):
            assert set(before) <= {NARROW}, (code, error.fr)
        assert "(s)" not in error.fr + error.en, code


def test_the_lock_names_no_registry() -> None:
    text = (WEBUI / "package-lock.json").read_text(encoding="utf-8")
    lock: dict[str, Any] = json.loads(text)
    assert "resolved" not in text
    assert "http" not in re.sub(r'"url": "https?://[^"]*"', "", text)  # funding notes of packages apart
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
    package = json.loads((WEBUI / "package.json").read_text(encoding="utf-8"))
    assert set(package["dependencies"]) == {"lit"}
    for group in ("dependencies", "devDependencies"):
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package[group].values())
