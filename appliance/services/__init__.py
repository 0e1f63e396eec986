"""One thin composition per process."""
