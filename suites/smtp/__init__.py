"""Checks of smtp: one module per RFC section."""
