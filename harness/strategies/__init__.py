"""Hypothesis strategies for what a check sends: addresses, messages, MIME trees, commands, octet cuts."""
