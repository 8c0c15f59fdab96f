"""Checks of pop3: one module per RFC section."""
