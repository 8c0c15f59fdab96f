"""The proof that each check can go red: every deliberate fault, one at a time, against its checks and neighbours."""

from suites.selfcheck.matrix import KillMatrix, Row

__all__ = ["KillMatrix", "Row"]
