"""The page's words: both languages whole, nothing unused, nothing unsaid."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

WEBUI = Path(__file__).resolve().parents[3] / "webui"


def words(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((WEBUI / "src" / f"{language}.json").read_text(encoding="utf-8"))
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
    groups = "app|banner|down|verdict|issues?|jump|cameras|status|stream|disks|play|time|events|keys"
    used = set(re.findall(rf'"((?:{groups})\.\w+(?:\.\w+)?)"', source))
    computed = {f"status.{each}" for each in ("recording", "starting", "stopped")} | {"stream.main", "stream.sub"}
    assert used - set(words("fr")) == set()
    assert set(words("fr")) - used - computed == set()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_punctuation_is_the_languages_own(language: str) -> None:
    for key, text in words(language).items():
        before = re.findall(r"(.)[:?!;](?!\w)", text)
        if language == "fr":
            assert all(mark in " \u00a0" for mark in before), key
        else:
            assert all(mark not in " \u00a0" for mark in before), key


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
