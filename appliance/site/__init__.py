"""The description of a site and what it allows."""
