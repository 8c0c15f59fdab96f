"""Message numbers stay right, whatever the server says between two commands."""

from hypothesis import given
from hypothesis import strategies as st

from loadtests.users.imap_answers import Answer, AnswerReader
from loadtests.users.imap_mailbox import Mailbox, read_mailbox_data


def answered(octets: bytes) -> Answer:
    answer = AnswerReader().answer(b"A1 ", octets + b"A1 OK done\r\n")
    assert answer is not None
    return answer


@given(
    st.lists(st.tuples(st.sampled_from(["arrive", "go", "text"]), st.integers(0, 100)), max_size=20),
    st.booleans(),
)
def test_numbers_lead_to_the_same_messages(happenings: list[tuple[str, int]], literal: bool) -> None:
    """The model is a list of UIDs; the server tells of it in numbers."""
    model = [11, 12, 13]
    mailbox, next_uid = Mailbox(b"INBOX", exists=3, uids=list(model)), 14
    known = set(model)
    said = [b"* 1 FETCH (BODY[] {15}\r\n* 1 EXPUNGE\r\n\r\n)\r\n"] if literal else []
    for what, number in happenings:
        if what == "arrive":
            model.append(next_uid)
            next_uid += 1
            said.append(b"* %d EXISTS\r\n" % len(model))
        elif what == "go" and model:
            del model[number % len(model)]
            said.append(b"* %d EXPUNGE\r\n" % (number % (len(model) + 1) + 1))
        else:
            said.append(b"* OK they say * 1 EXPUNGE\r\n")
    mailbox.hear(answered(b"".join(said)))

    assert mailbox.exists == len(model)
    assert mailbox.uids == [uid for uid in model if uid in known]


def test_what_select_says() -> None:
    answer = answered(
        b"* 172 EXISTS\r\n* 1 RECENT\r\n* OK [UNSEEN 12] x\r\n* OK [UIDVALIDITY 3857529045] x\r\n"
        b"* OK [UIDNEXT 4392] next\r\n* FLAGS (\\Seen)\r\n"
    )
    mailbox = read_mailbox_data(b"INBOX", answer)
    assert (mailbox.exists, mailbox.uidvalidity, mailbox.uidnext) == (172, 3857529045, 4392)


def test_uids_are_learnt_in_order() -> None:
    mailbox = Mailbox(b"INBOX", exists=5)
    for number, uid in [(1, 7), (3, 9), (2, 8), (2, 8), (3, 9)]:
        mailbox.learn(number, uid)
    assert mailbox.uids == [7, 8, 9]
