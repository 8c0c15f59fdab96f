"""Addresses of a field that strangers wrote."""

from harness.mua.reply import addresses_in


def test_comments_within_comments_are_no_addresses_and_no_error() -> None:
    assert addresses_in("(" * 5000 + "a@example.test") == []
    (bob,) = addresses_in("(one (two)) Bob <bob@example.test>")
    assert str(bob).endswith("<bob@example.test>")
