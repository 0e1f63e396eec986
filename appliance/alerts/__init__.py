"""Alerts: how they live, what is kept of them, what people answered."""
