"""Checks of imap: one module per RFC section."""
