"""Logging in, whatever the protocol: mechanisms, accounts and tokens joined to a session."""
