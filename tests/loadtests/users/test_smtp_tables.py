"""Locust's own table agrees with ours in counts and errors, whoever else takes part."""

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]


def agreed(saw: dict[str, Any], *, foreign: bool) -> None:
    counts = dict(saw["samples"])
    for failure, times in saw["failures"].items():
        operation = failure.partition(" ")[0]
        counts[operation] = counts.get(operation, 0) + times
    mine = {name: requests for name, (requests, _) in saw["table"].items() if name != "/"}
    assert mine == counts
    failed = sum(saw["failures"].values())
    assert saw["total"] == [sum(counts.values()) + 2 * foreign, failed + foreign]
    errors = {error: times for error, times in saw["table_errors"].items() if not error.startswith("/ ")}
    assert errors == saw["failures"]
    if foreign:
        assert saw["table"]["/"] == [2, 1]


@pytest.mark.parametrize("listen", [False, True])
@pytest.mark.parametrize("foreign", [False, True])
def test_both_tables_have_the_same(smtp_peer: Make, meet: Make, listen: bool, foreign: bool) -> None:
    replies = iter([b"250 ok\r\n", b"452 full\r\n"] * 6)
    peer = smtp_peer(END=lambda _line: next(replies))

    saw = meet(peer, sessions=6, listen=listen, foreign=foreign, traffic={"messages": [2, 2]})

    assert saw["failures"] == {"smtp.message 452": 6}
    agreed(saw, foreign=foreign)
    assert saw["table_octets"]["smtp.message"] == saw["octets"]["smtp.message"]


def test_who_listens_hears_of_every_operation_when_it_happens(smtp_peer: Make, meet: Make) -> None:
    saw = meet(smtp_peer(RCPT=b"550 no\r\n"), listen=True)

    assert saw["heard"] == [
        ["SMTP", "smtp.connect", True, None],
        ["SMTP", "smtp.ehlo", True, None],
        ["SMTP", "smtp.mail", True, None],
        ["SMTP", "smtp.rcpt", True, "550"],
    ]
