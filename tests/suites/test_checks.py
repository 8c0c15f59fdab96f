"""The checks as a whole: declared right, each with its fault, and enough of them."""

import ast
from pathlib import Path

import pytest

import suites
from harness.cli.running import collect_checks
from harness.spec import load_register
from reference_server.faults import known_faults
from suites.covers import Check


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    return collect_checks()


def test_every_fault_that_a_check_names_exists(checks: list[Check]) -> None:
    known = known_faults()

    assert [(c.id, fault) for c in checks for fault in c.faults if fault not in known] == []


def test_every_fault_is_some_checks_own(checks: list[Check]) -> None:
    own = {check.fault for check in checks}

    assert [name for name in known_faults() if name not in own] == []


def test_no_check_proves_what_the_register_excludes(checks: list[Check]) -> None:
    register = load_register()

    assert [(c.id, r) for c in checks for r in c.requirements if register[r].excluded] == []


def test_every_assertion_says_what_was_seen() -> None:
    bare = [
        f"{path.name}:{node.lineno}"
        for path in Path(suites.__file__).parent.glob("*/test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert) and node.msg is None
    ]

    assert bare == []


def test_there_are_as_many_as_the_readme_says(checks: list[Check]) -> None:
    assert len(checks) >= 160
    assert len({requirement for check in checks for requirement in check.requirements}) >= 200
