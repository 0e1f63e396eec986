"""`make bench`: measures the rows and merges them into build/bench.json, one number a row."""

import argparse
import sys
import time
from pathlib import Path

import psutil

from tests.bench.row import ROWS, Missing, Options, Result, run_row, save
from tests.bench.rows import declare_all

FILE = Path(__file__).resolve().parents[2] / "build" / "bench.json"


def machine() -> str:
    """Processor, cores, memory and load: what a number is worth nothing without."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    models = {line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")}
    memory = psutil.virtual_memory().total / 2**30
    load = psutil.getloadavg()[0]
    name = ", ".join(sorted(models)) or "unknown processor"
    return f"{name}, {psutil.cpu_count()} cores, {memory:.0f} GiB, load {load:.1f}"


def line_of(result: Result) -> str:
    """One line for a person."""
    peer = f"; {result.peer}: {result.peer_value:.3g} {result.unit}" if result.peer_value is not None else ""
    met = {True: "met", False: "MISSED", None: "no target"}[result.met()]
    sign = "<=" if result.better == "lower" else ">="
    target = f"target {sign} {result.target:g}: {met}" if result.target is not None else met
    low, high = result.spread
    return f"{result.name}: {result.value:.3g} {result.unit} ({low:.3g} to {high:.3g}); {target}{peer}"


def main(arguments: list[str]) -> int:
    """0: measured; 1: nothing could be measured; 2: no such row. A missed target is shown, not a failure."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", help="rows by name, with commas between")
    parser.add_argument("--quick", action="store_true", help="shorter turns: 10 min in all at most")
    asked = parser.parse_args(arguments)
    declare_all()
    names = asked.only.split(",") if asked.only else list(ROWS)
    if unknown := [name for name in names if name not in ROWS]:
        print(f"no row {', '.join(unknown)}; there are: {', '.join(ROWS)}", file=sys.stderr)
        return 2
    print(f"plan: {len(names)} rows: {', '.join(names)}; on {machine()}")
    measured = 0
    for name in names:
        began = time.monotonic()
        try:
            result = run_row(ROWS[name], Options(quick=asked.quick), machine=machine())
        except Missing as missing:
            print(f"{name}: not measured here: {missing}")
            continue
        save(FILE, [result])
        measured += 1
        print(f"{line_of(result)}; {time.monotonic() - began:.0f} s", flush=True)
    return 0 if measured else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
