"""Checks of lmtp: one module per RFC section."""
