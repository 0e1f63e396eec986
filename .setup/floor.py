"""Raises the floor of tests from the last complete runs of each tier (build/tests-*.json); never lowers it.

Lowering is done by hand in .ci/test-floor.json, where a reviewer sees it.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLOOR = ROOT / ".ci" / "test-floor.json"

if __name__ == "__main__":
    floor = json.loads(FLOOR.read_text(encoding="utf-8"))
    for tier in floor:
        run = ROOT / "build" / f"tests-{tier}.json"
        if run.is_file():
            floor[tier] = max(floor[tier], json.loads(run.read_text(encoding="utf-8"))["ran"])
    FLOOR.write_text(json.dumps(floor) + "\n", encoding="utf-8")
    sys.stdout.write(f"{FLOOR.relative_to(ROOT)}: {floor}\n")
