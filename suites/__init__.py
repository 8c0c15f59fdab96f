"""The conformance suites: checks only. A check gets a target and says what it saw."""
