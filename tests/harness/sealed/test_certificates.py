"""Whose a certificate is, and through whom an authority vouches for it."""

import datetime as dt
import hashlib

import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.sealed import Keys, Problem, Scheme, Standing, Wish, open_message, seal
from harness.sealed.certificates import addresses_of, for_sealing, for_signing, problems_of, vouched_for
from harness.sealed.keys import Identity
from harness.sealed.make_keys import issue, make_authority
from harness.sealed.smime_verify import verify_smime

ALICE = "alice@example.test"


def certificate(
    at: dt.datetime, name: str, *extensions: x509.ExtensionType, issuer: Identity | None = None
) -> Identity:
    """A certificate with these extensions and no others; of nobody's but its own where there is no issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - dt.timedelta(days=1))
        .not_valid_after(at + dt.timedelta(days=30))
    )
    signer = issuer.key if issuer else key
    extensions = (*extensions, x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()))
    for each in extensions:
        builder = builder.add_extension(each, critical=isinstance(each, x509.BasicConstraints))
    return Identity(builder.sign(signer, hashes.SHA256()), key)


def authority(at: dt.datetime, *more: x509.ExtensionType, **how) -> Identity:
    return certificate(at, "a house's own", x509.BasicConstraints(ca=True, path_length=None), *more, **how)


def usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})


def person(at: dt.datetime, issuer: Identity, *extensions: x509.ExtensionType) -> Identity:
    names = x509.SubjectAlternativeName([x509.RFC822Name(ALICE)])
    return certificate(at, "Alice", names, *extensions, issuer=issuer)


def test_an_authority_needs_no_key_usage_but_keeps_to_one(world) -> None:
    plain, other = authority(world.at), authority(world.at, usage(digital_signature=True))
    right = authority(world.at, usage(key_cert_sign=True))

    found = [
        vouched_for(person(world.at, a).certificate, [], [a.certificate], world.at)
        for a in (plain, other, right)
    ]

    assert found == [True, False, True]


def test_certificates_between_travel_with_the_signature(world) -> None:
    root = make_authority("root", world.at)
    between = authority(world.at, usage(key_cert_sign=True), issuer=root)
    alice = issue(between, ALICE, world.at)
    ours = Keys(certificates=(alice.certificate, between.certificate), private_keys=(alice.key,))
    message = seal(
        b"From: alice@example.test\r\nContent-Type: text/plain\r\n\r\nx\r\n",
        Wish(Scheme.SMIME, sign=True, encrypt=False), ours, sender=ALICE, recipients=[], at=world.at,
    )  # fmt: skip

    theirs = Keys(authorities=(root.certificate,))

    assert open_message(message, theirs, world.at).seal.standing is Standing.GOOD
    assert not vouched_for(alice.certificate, [], [root.certificate], world.at)


def test_a_chain_is_no_longer_than_its_authority_allows(world) -> None:
    root = make_authority("root", world.at)
    first = authority(world.at, usage(key_cert_sign=True), issuer=root)
    second = authority(world.at, usage(key_cert_sign=True), issuer=first)
    alice = issue(second, ALICE, world.at)

    between = [first.certificate, second.certificate]

    assert not vouched_for(alice.certificate, between, [root.certificate], world.at)
    assert vouched_for(alice.certificate, between, [first.certificate], world.at)


@pytest.mark.parametrize(
    ("extensions", "signs", "seals"),
    [
        ((), True, True),
        ((usage(digital_signature=True),), True, False),
        ((usage(content_commitment=True),), True, False),
        ((usage(key_agreement=True),), False, True),
        ((usage(key_encipherment=True),), False, True),
        ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),), False, False),
        ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]),), True, True),
        ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]),), True, True),
    ],
)
def test_a_certificate_is_for_what_it_says(
    world, extensions: tuple[x509.ExtensionType, ...], signs: bool, seals: bool
) -> None:
    found = person(world.at, world.authority, *extensions).certificate

    assert (for_signing(found), for_sealing(found)) == (signs, seals)
    assert (Problem.WRONG_USE in problems_of(found, world.at)) != signs


def test_an_old_certificate_has_its_address_in_the_subject(world) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "Alice@Example.Test")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(world.at).not_valid_after(world.at + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip

    assert addresses_of(made) == (ALICE,)


@pytest.mark.parametrize("altered", [False, True])
def test_ed25519_signatures_are_verified(world, altered: bool) -> None:
    """RFC 8551 §2.2 asks for EdDSA; cryptography and openssl 3.0 make none, so this one is put together here."""
    key = ed25519.Ed25519PrivateKey.generate()
    content = b"Content-Type: text/plain\r\n\r\nx\r\n"
    names = x509.SubjectAlternativeName([x509.RFC822Name(ALICE)])
    issuer = world.authority.certificate.subject
    made = (
        x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(issuer).public_key(key.public_key())
        .serial_number(7).not_valid_before(world.at).not_valid_after(world.at + dt.timedelta(days=1))
        .add_extension(names, critical=True).sign(world.authority.key, hashes.SHA256())
    )  # fmt: skip
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["data"]},
            {"type": "message_digest", "values": [hashlib.sha512(content).digest()]},
        ]
    )
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [{"algorithm": "sha512"}],
            "encap_content_info": {"content_type": "data"},
            "certificates": [asn1_x509.Certificate.load(made.public_bytes(Encoding.DER))],
            "signer_infos": [
                {
                    "version": "v1",
                    "sid": {
                        "issuer_and_serial_number": {
                            "issuer": asn1_x509.Name.load(issuer.public_bytes()), "serial_number": 7,
                        }
                    },
                    "digest_algorithm": {"algorithm": "sha512"},
                    "signed_attrs": attributes,
                    "signature_algorithm": {"algorithm": "ed25519"},
                    "signature": key.sign(attributes.dump()),
                }
            ],
        }
    )  # fmt: skip
    der = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()

    (found,) = verify_smime(der, content + b"y" * altered, world.keys, world.at)

    assert found.addresses == (ALICE,)
    assert found.problems == ((Problem.ALTERED,) if altered else ())
