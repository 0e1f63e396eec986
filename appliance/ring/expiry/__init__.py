"""Expiry by age: what must go, its destruction, and the account of it."""
