"""The `appliance` command: one table declares every verb; help teaches; the exit code means something."""

from appliance.cli.command import main
from appliance.cli.table import VERBS
from appliance.cli.verb import CANNOT, CLOSED, FOUND, OK, USAGE, Verb

__all__ = ["CANNOT", "CLOSED", "FOUND", "OK", "USAGE", "VERBS", "Verb", "main"]
