"""The two test strings are found in whatever they are wrapped, and nothing else is."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.filters.builtin import BuiltInSpam, BuiltInVirus
from reference_server.filters.unpack import MAX_PIECES, TooMuch, Unpacker
from reference_server.world.filters import StageKind, Verdict


@pytest.fixture
def virus(tools):
    return BuiltInVirus(tools.stage(StageKind.BUILT_IN))


@pytest.fixture
def spam(tools):
    return BuiltInSpam(tools.stage(StageKind.BUILT_IN))


def test_the_virus_is_found_in_every_wrapping(tools, virus, wrapped_virus) -> None:
    finding = virus.look(tools.mail(wrapped_virus))
    assert (finding.verdict, finding.said.split()[0]) == (Verdict.REJECT, "Eicar-Test-Signature")
    assert finding.mail.content == wrapped_virus


def test_the_virus_is_found_however_deep_it_lies(tools, virus) -> None:
    content = tools.with_file(tools.EICAR)
    for level in range(120):
        boundary = b"level%d" % level
        content = (
            b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" % (boundary, boundary)
            + content
            + b"\r\n--%s--\r\n" % boundary
        )
    assert virus.look(tools.mail(content)).verdict is Verdict.REJECT


def test_the_virus_is_found_in_uuencoded_text(tools, virus) -> None:
    import binascii

    lines = [binascii.b2a_uu(tools.EICAR[at : at + 45]) for at in range(0, len(tools.EICAR), 45)]
    text = "begin 644 a.com\n" + b"".join(lines).decode() + "`\nend\n"
    assert virus.look(tools.mail(tools.sealed(tools.letter(text)))).verdict is Verdict.REJECT


def test_the_virus_is_found_in_an_encoded_message(tools, virus) -> None:
    import base64

    inner = base64.encodebytes(tools.with_file(tools.EICAR)).replace(b"\n", b"\r\n")
    content = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inner
    assert virus.look(tools.mail(content)).verdict is Verdict.REJECT


def test_a_letter_about_the_virus_is_none(tools, virus) -> None:
    text = "the string is " + tools.EICAR.decode() + "\n"
    assert virus.look(tools.mail(tools.sealed(tools.letter(text)))).verdict is Verdict.ACCEPT


@pytest.mark.parametrize("verdict", [Verdict.QUARANTINE, Verdict.DISCARD, Verdict.TAG])
def test_what_becomes_of_a_virus_is_a_setting(tools, verdict) -> None:
    content = tools.with_file(tools.EICAR)
    finding = BuiltInVirus(tools.stage(StageKind.BUILT_IN, verdict=verdict)).look(tools.mail(content))
    assert finding.verdict is verdict
    tag = b"X-Virus-Status: Infected (Eicar-Test-Signature)\r\n" if verdict is Verdict.TAG else b""
    assert finding.mail.content == tag + content


def test_an_archive_that_gives_too_much_is_refused(tools, virus) -> None:
    bomb = tools.zipped(b"\0" * (70 * 1024 * 1024))
    assert len(bomb) < 100_000
    finding = virus.look(tools.mail(tools.with_file(bomb, "a.zip")))
    assert (finding.verdict, finding.said.split()[0]) == (Verdict.REJECT, "Limits-Exceeded")


def test_archives_in_archives_come_to_an_end(tools, virus) -> None:
    archive = tools.EICAR
    for _ in range(20):
        archive = tools.zipped(archive, "again.zip")
    assert virus.look(tools.mail(tools.with_file(archive, "a.zip"))).said.startswith("Limits-Exceeded")


def test_parts_come_to_an_end() -> None:
    part = b"--x\r\n\r\n\r\n"
    content = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + part * (MAX_PIECES + 1)
    with pytest.raises(TooMuch):
        list(Unpacker().leaves(content))


def test_a_damaged_archive_is_looked_at_as_far_as_it_goes(tools, virus) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("good", tools.EICAR)
        file.writestr("bad", b"x" * 100)
    octets = archive.getvalue().replace(b"x" * 100, b"y" * 100)  # the checksum is wrong now
    assert virus.look(tools.mail(tools.with_file(octets, "a.zip"))).verdict is Verdict.REJECT


@given(st.binary(max_size=2000))
def test_anything_can_be_taken_apart(content: bytes) -> None:
    for octets in (
        content,
        b"PK\x03\x04" + content,
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + content,
    ):
        assert isinstance([leaf.octets for leaf in Unpacker().leaves(octets)], list)


def test_the_spam_line_is_tagged(tools, spam) -> None:
    content = tools.sealed(tools.letter("Buy!\n" + tools.GTUBE.decode() + "\n"))
    finding = spam.look(tools.mail(content))
    assert finding.verdict is Verdict.TAG
    assert finding.mail.content == (
        b"X-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=1000.0 required=5.0 tests=GTUBE\r\n" + content
    )
    assert finding.changes == (
        "added X-Spam-Flag: YES",
        "added X-Spam-Status: Yes, score=1000.0 required=5.0 tests=GTUBE",
    )


def test_ham_is_neither_and_stays_as_it_is(tools, virus, spam) -> None:
    for each in (virus, spam):
        finding = each.look(tools.mail())
        assert (finding.verdict, finding.mail.content) == (Verdict.ACCEPT, tools.HAM)
