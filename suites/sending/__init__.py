"""Checks of what a server sends: where to, in which form, and what it reports; one module per RFC section."""
