"""Conversations of a page, by the identifiers that messages name."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reference_server.web.mail.conversations import gather


def test_answers_stand_behind_what_they_answer() -> None:
    newest_first = [
        ("<c>", "<a> <b>", "c"),
        ("<x>", "", "x"),
        ("<b>", "<a>", "b"),
        ("<d>", "<a>", "d"),
        ("<a>", "", "a"),
    ]
    assert gather(newest_first) == [("a", 0), ("d", 1), ("b", 1), ("c", 2), ("x", 0)]


def test_the_nearest_that_is_there_is_the_parent() -> None:
    assert gather([("<c>", "<a> <gone>", "c"), ("<a>", "", "a")]) == [("a", 0), ("c", 1)]


_ids = st.sampled_from(["", "<a>", "<b>", "<c>", "<d>", "nonsense"])


@given(st.lists(st.tuples(_ids, st.lists(_ids, max_size=3).map(" ".join)), max_size=8))
def test_each_message_comes_once_whatever_they_name(named: list[tuple[str, str]]) -> None:
    messages = [(own, others, number) for number, (own, others) in enumerate(named)]
    gathered = gather(messages)
    assert sorted(number for number, _ in gathered) == list(range(len(named)))
    assert all(depth == 0 or before >= depth - 1 for (_, before), (_, depth) in pairwise(gathered))
