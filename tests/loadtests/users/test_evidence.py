"""Evidence is for people: lines with a direction, long ones cut, control octets escaped, secrets hidden."""

from loadtests.users.evidence import render

WHERE = "smtp://192.0.2.7:25"


def test_each_line_has_its_direction() -> None:
    shown = render(WHERE, [(True, b"EHLO a\r\n"), (False, b"250-b\r\n250 c\r\n")], [])

    assert shown.splitlines() == [WHERE, "C: EHLO a", "S: 250-b", "S: 250 c"]


def test_a_secret_is_hidden_however_it_was_cut() -> None:
    shown = render(WHERE, [(False, b"535 you said ses"), (False, b"ame\r\n")], [b"sesame"])

    assert "sesame" not in shown
    assert "you said ***" in shown


def test_what_is_long_is_cut_and_what_is_no_text_is_escaped() -> None:
    shown = render(WHERE, [(True, b"x" * 5000), (False, b"250 \x1b[31m\xff\r\n")], [])

    assert len(shown) < 600
    assert "[...]" in shown
    assert "\x1b" not in shown
    assert "\\x1b[31m" in shown
