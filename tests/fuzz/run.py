"""Coverage-guided fuzzing of the camera's parsers, by hand: `python -m tests.fuzz.run TARGET [libFuzzer options]`.

Needs atheris (`pip install -r .setup/locks/fuzz.txt`), which no set-up installs. New inputs go to build/fuzz/TARGET;
what is worth keeping (a failure that was mended, a new branch) is copied by hand to tests/fuzz/corpus/TARGET, which
tests/unit/capture/test_hostile.py replays. Keep it small.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

with atheris.instrument_imports(include=["appliance.capture", "appliance.media"]):
    from tests.peers.hostile import MAX_INPUT, TARGETS, feed

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Fuzz until a failure or Ctrl-C."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"usage: python -m tests.fuzz.run {'|'.join(TARGETS)} [-max_total_time=60 ...]")
    name = sys.argv.pop(1)
    found = ROOT / "build" / "fuzz" / name
    found.mkdir(parents=True, exist_ok=True)
    kept = ROOT / "tests" / "fuzz" / "corpus" / name
    options = [f"-max_len={MAX_INPUT}", "-timeout=5", "-rss_limit_mb=512", f"-artifact_prefix={found}/"]
    atheris.Setup([sys.argv[0], *options, *sys.argv[1:], str(found), str(kept)], lambda data: feed(name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
