"""Checks of submission: one module per RFC section."""
