"""Checks of delivery: one module per RFC section."""
