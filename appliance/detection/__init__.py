"""Finds persons and vehicles in pictures, where the law allows it, and cameras that no longer see."""
