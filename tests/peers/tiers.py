"""Pytest plugin: the tiers of tests, what each is about to run, and what it proved.

`quick` is `make test`, `full` is `make test-full` (what `quick` left out, never a repetition), `nightly` is
`make test-full NIGHTLY=1`; `image` is `make image-test`, which builds the image and starts it.
At the end the real counterparts that ran are named, and so is every test that did
not run here, with its reason. With `--hold-floor` the number of tests may not fall below `.ci/test-floor.json`.
"""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.peers.block_rig import sweep
from tests.peers.need import COUNTERPARTS, EVIDENCE, ROOT, assets_folder, in_ci, locate

TIERS: Final = ("quick", "full", "nightly", "image")
FLOOR_FILE: Final = ROOT / ".ci" / "test-floor.json"
BUDGET_S: Final = {"quick": 8 * 60, "full": 40 * 60, "nightly": 6 * 3600, "image": 45 * 60}
"""Seconds a warm run of a tier may take on 2 cores: what a person waits for before a commit, and over lunch."""


def tier_of(item: pytest.Item) -> str:
    """The tier an item belongs to, by its markers."""
    for rare in ("image", "nightly"):
        if item.get_closest_marker(rare):
            return rare
    return "full" if item.get_closest_marker("full") else "quick"


def read_floor(file: Path = FLOOR_FILE) -> dict[str, int]:
    """Tests that each tier must run at least, by tier."""
    return {str(tier): int(count) for tier, count in json.loads(file.read_text(encoding="utf-8")).items()}


def below_floor(tiers: list[str], ran: int, floor: dict[str, int]) -> str | None:
    """A sentence when fewer tests ran than the floor asks for the tiers together."""
    wanted = sum(floor.get(tier, 0) for tier in tiers)
    if ran >= wanted:
        return None
    return f"{ran} tests ran, the floor of {'+'.join(tiers)} is {wanted} ({FLOOR_FILE.name}): tests were lost"


class Tiers:
    """Holds one session's plan and its result."""

    def __init__(self, tiers: list[str], *, hold_floor: bool) -> None:
        self.tiers = tiers
        self.hold_floor = hold_floor
        self.left_out: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.started = time.monotonic()
        self.complaint: str | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the tiers asked for."""
        kept: list[pytest.Item] = []
        dropped: list[pytest.Item] = []
        for item in items:
            (kept if tier_of(item) in self.tiers else dropped).append(item)
        self.left_out.update(tier_of(item) for item in dropped)
        if dropped:
            config.hook.pytest_deselected(items=dropped)
            items[:] = kept

    def pytest_report_collectionfinish(self, items: list[pytest.Item]) -> list[str]:
        """The plan: what will run, and which evidence is here."""
        kinds = Counter(Path(item.nodeid).parts[1] if item.nodeid.startswith("tests/") else "?" for item in items)
        here = sorted({known.title for tool, known in COUNTERPARTS.items() if locate(tool)})
        absent = sorted({f"{k.title} ({k.package})" for tool, k in COUNTERPARTS.items() if not locate(tool)})
        budget = sum(BUDGET_S[tier] for tier in self.tiers) // 60
        lines = [f"swept: {left}, of tests that were killed" for left in sweep()]
        lines += [
            f"plan: {'+'.join(self.tiers)}, {len(items)} tests ("
            + ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
            + f"), at most {budget} min; left to another tier: "
            + (", ".join(f"{tier} {count}" for tier, count in sorted(self.left_out.items())) or "none"),
            f"evidence here: assets {'yes' if assets_folder() else 'no'}; {', '.join(here) or 'no counterpart'}",
        ]
        if absent:
            lines.append(f"not here: {', '.join(absent)}")
        return lines

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count once a test: its call, or a set-up that did not reach it."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.outcome] += 1
        if report.skipped and report.nodeid not in EVIDENCE.not_run and isinstance(report.longrepr, tuple):
            EVIDENCE.not_run[report.nodeid] = str(report.longrepr[2]).removeprefix("Skipped: ")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Hold the floor, and leave the figures for the command that raises it."""
        without_assets = sum(reason.startswith("assets not here") for reason in EVIDENCE.not_run.values())
        ran = self.outcomes["passed"] + without_assets
        if self.hold_floor and exitstatus == 0:
            self._record(ran)
            if in_ci():
                self.complaint = below_floor(self.tiers, ran, read_floor())
            if self.complaint:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _record(self, ran: int) -> None:
        if len(self.tiers) != 1:
            return
        file = ROOT / "build" / f"tests-{self.tiers[0]}.json"
        file.parent.mkdir(exist_ok=True)
        seconds = round(time.monotonic() - self.started, 1)
        file.write_text(json.dumps({"ran": ran, "seconds": seconds}) + "\n", encoding="utf-8")

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What ran for real, and what did not run here."""
        out = terminalreporter
        out.section("evidence")
        used = ", ".join(f"{name} ({count} tests)" for name, count in sorted(EVIDENCE.used.items()))
        out.line(f"evidence: assets {'yes' if assets_folder() else 'no'}; real counterparts that ran: {used or 'none'}")
        for test, reason in sorted(EVIDENCE.not_run.items()):
            out.line(f"not run here: {test}: {reason}")
        seconds = time.monotonic() - self.started
        budget = sum(BUDGET_S[tier] for tier in self.tiers)
        late = " OVER ITS TIME" if seconds > budget else ""
        out.line(f"tier {'+'.join(self.tiers)}: {seconds:.0f} s of {budget} s{late}")
        if self.complaint:
            out.line(f"FLOOR: {self.complaint}", red=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """--tier and --hold-floor."""
    group = parser.getgroup("tiers")
    group.addoption("--tier", default="quick,full", help=f"tiers to run, of {', '.join(TIERS)}; default: %(default)s")
    group.addoption("--hold-floor", action="store_true", help="in CI, fewer tests than the floor is a failure")


def pytest_configure(config: pytest.Config) -> None:
    """Start the plan of this session."""
    tiers = str(config.getoption("tier")).split(",")
    if unknown := set(tiers) - set(TIERS):
        raise pytest.UsageError(f"--tier: unknown {', '.join(sorted(unknown))}; use {', '.join(TIERS)}")
    config.pluginmanager.register(
        Tiers(tiers, hold_floor=bool(config.getoption("hold_floor"))), "tiers-of-this-session"
    )


@pytest.fixture(scope="session")
def assets() -> Path | None:
    """Folder of the assets, or None: a test that can do with or without them asks for this."""
    return assets_folder()
