"""The result model and its JSON Lines store."""

from harness.results.model import (
    SCHEMA,
    CheckResult,
    Counterexample,
    EntryRecord,
    Finding,
    GateRecord,
    RunEnd,
    RunHeader,
    Seen,
    TargetFacts,
    TranscriptRecord,
    Verdict,
    verdict,
    worst,
)
from harness.results.store import RESULT_FILE, Run, RunWriter, read_run

__all__ = [
    "RESULT_FILE",
    "SCHEMA",
    "CheckResult",
    "Counterexample",
    "EntryRecord",
    "Finding",
    "GateRecord",
    "Run",
    "RunEnd",
    "RunHeader",
    "RunWriter",
    "Seen",
    "TargetFacts",
    "TranscriptRecord",
    "Verdict",
    "read_run",
    "verdict",
    "worst",
]
