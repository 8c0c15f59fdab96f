"""Letters go out as RFC 5321 wants them, come in the sizes asked for, and can be read back."""

import re
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.wire.smtp.data import DataReader, encode_data
from loadtests.content import forms
from loadtests.content.letters import Letter, Letters
from loadtests.content.sizes import quantile_of
from loadtests.ledger.token import Token, read
from loadtests.plan import Content

RUN = "0a1b2c3d"
SENDER, RECIPIENT = b"mailproof@example.org", b"user100@example.test"
FIXED = Content(sizes="fixed", octets=2000, pool=30)


def letters(content: Content = FIXED, seed: int = 1, worker: int = 0) -> Letters:
    return Letters(content, seed, RUN, worker)


def all_of(
    made: Letters, recipients: tuple[bytes, ...] = (RECIPIENT,), sender: bytes = SENDER
) -> list[Letter]:
    return [made.compose(slot, sender, recipients) for slot in range(len(made))]


def sent(letter: Letter) -> bytes:
    """What a server makes of it."""
    reader = DataReader()
    content = reader.feed(letter.wire)
    assert reader.ended
    assert not reader.rest
    assert not reader.faults
    return content


@pytest.mark.parametrize(
    "content", [FIXED, Content(pool=50), Content(sizes="lognormal", pool=50)], ids=lambda it: it.sizes
)
def test_what_a_server_takes_is_the_content_and_whole(content: Content) -> None:
    for slot, letter in enumerate(all_of(letters(content))):
        assert sent(letter) == letter.content
        assert letter.wire == encode_data(letter.content) == b"".join(letter.pieces)
        assert len(letter.content) == letter.octets
        assert read(letter.content) == (Token(RUN, 0, slot), True)
        assert not letter.needs_8bit
        assert not letter.long_lines


def test_dots_are_stuffed_somewhere() -> None:
    assert any(
        b"\r\n..\r\n" in letter.wire and b"\r\n.\r\n" in letter.content for letter in all_of(letters())
    )


@given(octets=st.integers(300, 20_000), worker=st.sampled_from([0, 9]), seed=st.integers(0, 2**32))
def test_a_letter_has_exactly_the_size_asked_for(octets: int, worker: int, seed: int) -> None:
    content = Content(sizes="fixed", octets=octets, pool=1)
    assert all_of(letters(content, seed, worker))[0].octets == octets


def test_other_names_make_a_letter_longer_by_their_length() -> None:
    made = letters(Content(sizes="fixed", octets=1000, pool=1))
    assert made.compose(1, SENDER + b"xx", [RECIPIENT + b"yyy"]).octets == 1005


def test_the_letters_of_a_pool_have_the_sizes_of_the_distribution() -> None:
    content = Content(sizes="measured", pool=200)
    sizes = [letter.octets for letter in all_of(letters(content))]
    octets = quantile_of(content)
    exact = [octets((at + 0.5) / 2000) for at in range(2000)]
    assert mean(sizes) == pytest.approx(mean(exact), rel=0.25)
    for percent in (25, 50, 75, 90):
        assert sorted(sizes)[percent * 2] == pytest.approx(octets(percent / 100), rel=0.1)


def test_the_same_seed_makes_the_same_pool_and_every_worker_its_own_order() -> None:
    def bodies(made: Letters) -> list[bytes]:
        return [letter.content.partition(b"\r\n\r\n")[2] for letter in all_of(made)]

    first, same, worker, seed = (
        bodies(letters()),
        bodies(letters()),
        bodies(letters(worker=1)),
        bodies(letters(seed=2)),
    )
    assert first == same
    assert first != worker
    assert sorted(first) == sorted(worker)
    assert not set(first) & set(seed)


def test_the_pool_goes_round() -> None:
    made = letters(Content(sizes="fixed", pool=3))
    bodies = [made.compose(slot, SENDER, [RECIPIENT]).content.partition(b"\r\n\r\n")[2] for slot in range(6)]
    assert bodies[:3] == bodies[3:]
    assert len(set(bodies)) == 3


def test_the_header_is_that_of_a_message() -> None:
    content = letters().compose(12, SENDER, [RECIPIENT, b"user101@example.test"]).content
    names = re.findall(rb"^([!-9;-~]+):", content.partition(b"\r\n\r\n")[0], re.MULTILINE)
    once = (
        b"X-Mailproof-Token",
        b"From",
        b"To",
        b"Date",
        b"Subject",
        b"Message-ID",
        b"MIME-Version",
        b"Content-Type",
    )
    assert [names.count(name) for name in once] == [1] * len(once)
    assert names[0] == b"X-Mailproof-Token"
    assert b"\r\nFrom: mailproof@example.org\r\nTo: user100@example.test\r\n" in content


def test_a_null_reverse_path_has_an_author() -> None:
    letter = letters().compose(0, b"", [RECIPIENT])
    assert letter.mail_from == b""
    assert b"\r\nFrom: mailproof@mailproof.example\r\n" in letter.content


def test_a_pool_that_does_not_fit_into_memory_is_refused() -> None:
    with pytest.raises(UsageError, match="1000 messages of 10,000,000 octets each do not fit"):
        letters(Content(sizes="fixed", octets=10_000_000, pool=1000))


MESSAGE = (
    b"From: ann@example.org\nTo: bob@example.test\nSubject: Hi\nMessage-ID: <1@example.org>\n\nHello\n.\n..\n"
)


def directory(path: Path, **files: bytes) -> Letters:
    for name, octets in files.items():
        (path / name).write_bytes(octets)
    return letters(Content(sizes="directory", directory=str(path), max_octets=100_000))


def test_a_message_of_a_file_goes_out_as_it_is_with_tokens_on_top(tmp_path: Path) -> None:
    letter = directory(tmp_path, a=MESSAGE).compose(5, SENDER, [RECIPIENT])
    content = sent(letter)
    assert content == letter.content
    assert read(content) == (Token(RUN, 0, 5), True)
    lines = content.split(b"\r\n")
    assert lines[0].startswith(b"X-Mailproof-Token: ")
    assert lines[1].startswith(b"Message-ID: <0a1b2c3d.")
    assert b"\r\n".join(lines[2:]) == MESSAGE.replace(b"Message-ID: <1@example.org>\n", b"").replace(
        b"\n", b"\r\n"
    )


@pytest.mark.parametrize(
    ("octets", "becomes"),
    [
        (b"A: b\r\n\r\nx", b"A: b\r\n\r\nx\r\n"),
        (b"A: b\r\rx\ry", b"A: b\r\n\r\nx\r\ny\r\n"),
        (b"From ann Tue Nov  3 10:00:00 2026\nA: b\n\nx\n", b"A: b\r\n\r\nx\r\n"),
        (b"A: b\nX-Mailproof-Token: old\nB:\n c\n\n", b"A: b\r\nB:\r\n c\r\n\r\n\r\n"),
        (b"A: b\n", b"A: b\r\n\r\n\r\n"),
    ],
)
def test_line_ends_and_old_tokens_are_put_right(tmp_path: Path, octets: bytes, becomes: bytes) -> None:
    content = sent(directory(tmp_path, a=octets).compose(0, SENDER, [RECIPIENT]))
    assert content.split(b"\r\n", 2)[2] == becomes
    assert read(content) == (Token(RUN, 0, 0), True)


def test_what_a_server_must_offer_is_said(tmp_path: Path) -> None:
    made = directory(
        tmp_path,
        a=MESSAGE,
        b="Subject: x\n\ngrün\n".encode(),
        c=b"Subject: x\n\n" + b"l" * 999 + b"\n",
        d=b"no message",
        e=b"A: b\n\n" + b"x" * 100_001,
        f="Subject: grün\n\n".encode(),
    )
    assert sorted((each.needs_8bit, each.long_lines) for each in all_of(made)) == [
        (False, False),
        (False, True),
        (True, False),
    ]
    assert [note.removeprefix(f"{tmp_path}: ") for note in made.notes] == [
        "3 of 6 files are left out, too large or no message: d, e, f",
        "1 of 6 files hold octets above 127: a server must offer 8BITMIME",
        "1 of 6 files have lines over 998 octets: servers may refuse or break them",
    ]


def test_files_below_a_directory_are_taken_and_no_more_than_the_pool_holds(tmp_path: Path) -> None:
    (tmp_path / "cur").mkdir()
    for number in range(20):
        (tmp_path / "cur" / str(number)).write_bytes(b"Subject: %d\n\nx\n" % number)
    content = Content(sizes="directory", directory=str(tmp_path), pool=5)
    subjects = {each.content.split(b"\r\n")[2] for each in all_of(letters(content))}
    assert len(subjects) == 5
    assert subjects == {each.content.split(b"\r\n")[2] for each in all_of(letters(content, worker=1))}


def test_a_directory_without_a_message_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"no message")
    for path, problem in (
        (str(tmp_path), "has no message of at most"),
        (str(tmp_path / "b"), "is not a directory"),
        (None, "is not a dir"),
    ):
        with pytest.raises(UsageError, match=problem):
            letters(Content(sizes="directory", directory=path))


def test_too_much_mail_in_a_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MAX_POOL_OCTETS", 5)
    with pytest.raises(UsageError, match="has more than 5 octets of messages"):
        directory(tmp_path, a=MESSAGE)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(MESSAGE)
    with pytest.raises(UsageError, match="cannot be read"):
        forms._form_of(tmp_path / "none", 1000)
