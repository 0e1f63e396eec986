"""Simulated cameras and drawn scenes. Nothing else imports this package."""
