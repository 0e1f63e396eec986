"""Every row of `make bench`: importing a module here declares its rows."""

import importlib
from pathlib import Path


def declare_all() -> None:
    """Import each measuring module of this folder (`*_rows.py`, `seek.py`...): all but the runner's own."""
    own = {"row", "rows", "run", "month", "__init__"}
    for file in sorted(Path(__file__).parent.glob("*.py")):
        if file.stem not in own:
            importlib.import_module(f"tests.bench.{file.stem}")
