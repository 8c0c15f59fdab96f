"""Hypothesis in these tests: no deadline, for no test asserts a time."""

from hypothesis import settings

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
