"""Témoin: a site video recorder. See README.md."""
