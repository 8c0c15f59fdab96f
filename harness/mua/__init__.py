"""A small mail user agent: composes, submits, and reads, for any target."""
