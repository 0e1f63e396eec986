"""Témoin: a site video recorder. See README.md."""

__version__ = "0.1.0"
"""Version of the running software, told by journals and compared after a stop; the same as in pyproject.toml."""
