"""RFC 4616 §5: PLAIN where POP3 and IMAP say that passwords are not to be given."""

from harness.clients.live import LiveTarget
from harness.errors import CheckOutcome, NotOffered
from suites.covers import covers
from suites.security.doors import PLACES, open_door


@covers("RFC4616-1-a", "RFC4616-5-a", fault="security.plain-listed-beside-logindisabled")
def test_plain_is_not_listed_where_a_login_is_disabled(target: LiveTarget) -> None:
    shut = 0
    for place in PLACES:
        if place.tls:
            continue
        try:
            door = open_door(target, place)
        except CheckOutcome:
            continue
        if door.takes_passwords:
            continue
        shut += 1
        assert "PLAIN" not in door.offered, f"{place} takes no password, and lists {' '.join(door.offered)}"
    if not shut:
        raise NotOffered("passwords are taken in the clear by POP3 and IMAP")
