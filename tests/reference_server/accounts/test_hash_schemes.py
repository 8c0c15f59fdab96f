"""Kept passwords: what Dovecot and crypt(3) have made is known here, and what is no hash is never an entry."""

import hashlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.accounts.schemes import SCHEMES, SchemeError, read_stored
from reference_server.accounts.scram import derive

# Of "secret", each as `doveadm pw` of Dovecot 2.3.19 has made it.
OF_DOVECOT = [
    "{MD5}$1$G2hCNc1J$QfNsz7ISoh2EWIcoIgXKC0",
    "{MD5-CRYPT}$1$4.rYofpp$/1lPEs0m17G/tx5U9LLME/",
    "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "{SHA1}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
    "{SHA512}vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/isg==",
    "{SMD5}8uf5DrH0v562/jTL3DcafupfLtM=",
    "{SSHA}gwSZwbHxO1akHckMIWqJ+4fYnXmuQCiZ",
    "{SSHA256}kcACGDYZ1sXKEBvCHMsNsa5artvpfscfz9RsgE34y74Fgr+1",
    "{SSHA512}tNDhYlxQjRNkyqLOpppX4JaFidRUJJDZiV7qSxUaFItgLQCJLkLepx/pZFTX/BgPhHldB7P36Gq26mpbMqE8DB11VNE=",
    "{PLAIN}secret",
    "{CLEARTEXT}secret",
    "{LDAP-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
    "{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69",
    "{PBKDF2}$1$EL5QycbwgkaBv9wb$5000$773f67aa453ac16fe372e6796158916ad8bcfe9e",
    "{CRYPT}$2y$05$4u1Y3sjoXl1rBzvXoe9dkO9RkKwYav3tbbBTnrblGs8WFzXiMQe9.",
    "{SHA256-CRYPT}$5$7rsvh145V1Kk9JZC$U1f1f6xB6YP3494.b9SqYBcilfqgzQCOifngWrC4Lx8",
    (
        "{SHA512-CRYPT}$6$OKeMAQu4kqeEml49"
        "$jeyq1n2eOCd60kV1Eb/tisRZeN6pizFifx5M.qfOPgkNiz4L6niCmpQ/b0VLDFZp72sxj3Y0Z0GROlmSTuoRo1"
    ),
    "{DES-CRYPT}Z6ZF/pg.hYdCk",
    "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$MMBcyXJYVFob0fDKBn9l5w$ped7ljS4mVqAmSvBbKtBEswmFZb590/m2nqGfuTU8bk",
    (
        "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1"
        "$7sYHBHoQSgN6RmNiLAAisg$TymnBjpQU2xbhtCo5pc9nw/crfZhM4Aw4uhgFZLm97Q"
    ),
    "{BLF-CRYPT}$2y$05$Xmp/8uBDtknVwDdkBtbmbOoi48tI8GeiRSYbbcN073t.r1Px7XJ/i",
    "{SCRAM-SHA-1}4096,cVvx51z8JB1yr3Ydrhn8Mg==,olo5jvdWjC7hdVE7W5Nl/SBJfCw=,d74y1pG93Zv92KKn7h5B241JNKA=",
    (
        "{SCRAM-SHA-256}4096,zV2mprhN0ansq+nkaYa/kQ=="
        ",OzXQNyBTvwkuUZjRWvhqjg8cLXWEO2MakTDBAHom568=,be/FYJGrLFb9K5SNGMHttcuDtl+f+iBZGSN2JK3HS5E="
    ),
    "{SSHA256.HEX}7060e72bed9963813a8ca70d270f66083e98c9d79c60b4631bad20dee675051b6010b3e8",
    "{SHA256.B64}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
    "{PLAIN-MD5.B64}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
]
# Strings of crypt(3) stand alone too, as in a shadow file; the last two are of its specification and of bcrypt's.
BARE = [
    ("$2y$05$Xmp/8uBDtknVwDdkBtbmbOoi48tI8GeiRSYbbcN073t.r1Px7XJ/i", "secret"),
    ("$1$4.rYofpp$/1lPEs0m17G/tx5U9LLME/", "secret"),
    (
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        "Hello world!",
    ),
    ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
]
# What may not be read as a hash of any kind.
BROKEN = [
    "{BLF-CRYPT}$2y$05$tooshort",
    "{BLF-CRYPT}$2y$05$" + "!" * 53,
    "{SHA512-CRYPT}$6$salt",
    "{SHA512-CRYPT}plain text",
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$",
    "{ARGON2ID}secret",
    "{SHA256}secret",
    "{SSHA}c2VjcmV0",
    "{SSHA}not base64!",
    "{PBKDF2}$2$salt$1000$00",
    "{SCRAM-SHA-256}4096,c2FsdA==,short,short",
    "{SCRAM-SHA-256}4096,,,",
    "{SCRAM-SHA-1}secret",
    "{CRYPT}$y$j9T$salt$hash",
    "{CRYPT}",
    "{PLAIN-MD5}5ebe",
]
# What would keep a worker for minutes, or take the machine's memory.
TOO_DEAR = [
    "{BLF-CRYPT}$2y$31$Xmp/8uBDtknVwDdkBtbmbOoi48tI8GeiRSYbbcN073t.r1Px7XJ/i",
    "{SHA512-CRYPT}$6$rounds=999999999$saltstring$" + "x" * 86,
    "{ARGON2ID}$argon2id$v=19$m=4194304,t=3,p=1$7sYHBHoQSgN6RmNiLAAisg$TymnBjpQU2xbhtCo5pc9nw",
    "{PBKDF2}$1$salt$2000000001$773f67aa453ac16fe372e6796158916ad8bcfe9e",
    "{SCRAM-SHA-1}999999999,cVvx51z8JB1yr3Ydrhn8Mg==,olo5jvdWjC7hdVE7W5Nl/SBJfCw=,d74y1pG93Zv92KKn7h5B241JNKA=",
]

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))


@pytest.mark.parametrize("kept", OF_DOVECOT, ids=lambda kept: kept.partition("}")[0][1:])
def test_what_dovecot_keeps_is_known(kept: str) -> None:
    stored = read_stored(kept)

    assert stored.fits("secret")
    assert not stored.fits("Secret")
    assert not stored.fits("")
    assert not stored.fits("secret\0")


@pytest.mark.parametrize(("kept", "password"), BARE)
def test_a_string_of_crypt_needs_no_scheme(kept: str, password: str) -> None:
    assert read_stored(kept).fits(password)
    assert not read_stored(kept).fits(password + "x")


def test_the_standard_form_of_scram_keys_is_known() -> None:
    """RFC 5803; the password and the salt are those of RFC 5802 §5."""
    kept = "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE="

    assert read_stored(kept).fits("pencil")
    assert not read_stored(kept).fits("pencils")


@pytest.mark.parametrize("kept", BROKEN)
def test_what_is_no_hash_is_an_error_and_never_an_entry(kept: str) -> None:
    for password in ("secret", "", kept.partition("}")[2]):
        with pytest.raises(SchemeError):
            assert not read_stored(kept).fits(password)


@pytest.mark.parametrize("kept", TOO_DEAR, ids=lambda kept: kept.partition("}")[0][1:])
def test_a_hash_that_would_take_minutes_is_not_computed(kept: str) -> None:
    with pytest.raises(SchemeError, match="at most"):
        read_stored(kept).fits("secret")


@pytest.mark.parametrize("kept", ["{SHA512-CRYPT}!$6$x", "{CRYPT}*", "{CRYPT}!", "{SSHA}!", "{ARGON2ID}*"])
def test_a_locked_password_is_nobodys(kept: str) -> None:
    assert read_stored(kept).locked
    assert not read_stored(kept).fits("secret")
    assert not read_stored(kept).fits(kept.partition("}")[2])


@pytest.mark.parametrize("kept", ["{LANMAN}abc", "{DIGEST-MD5}abc", "{}secret", "secret", "{SSHA", ""])
def test_a_scheme_that_is_not_known_or_not_said_is_an_error(kept: str) -> None:
    with pytest.raises(SchemeError, match="scheme"):
        read_stored(kept)


@pytest.mark.parametrize("kept", ["{LANMAN}5ebe2294", "{SSHA}5ebe2294", "5ebe2294"])
def test_no_error_shows_what_is_kept(kept: str) -> None:
    with pytest.raises(SchemeError) as raised:
        read_stored(kept).fits("secret")

    assert "5ebe2294" not in str(raised.value)
    assert "5ebe2294" not in repr(raised.value)


def test_the_default_scheme_is_for_what_names_none() -> None:
    assert read_stored("5ebe2294ecd0e0f08eab7690d2a6ee69", "PLAIN-MD5").fits("secret")
    assert read_stored("secret", "PLAIN").fits("secret")
    assert read_stored("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "PLAIN").fits("secret")


def test_bcrypt_reads_72_octets_as_crypt_does() -> None:
    stored = read_stored("$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui")

    long = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + "0123456789"
    assert stored.fits(long + "chars after 72 are ignored")


@given(password=texts, other=texts)
def test_a_salted_digest_fits_its_password_and_no_other(password: str, other: str) -> None:
    made = hashlib.sha512(password.encode() + b"salt").digest() + b"salt"
    stored = read_stored("{SSHA512}" + b64encode(made).decode())

    assert stored.fits(password)
    assert stored.fits(other) == (other == password)


@given(password=texts, other=texts)
def test_a_password_in_the_clear_is_itself_whatever_it_looks_like(password: str, other: str) -> None:
    stored = read_stored("{PLAIN}" + password)

    assert stored.cleartext() == password
    assert stored.fits(other) == (other == password)


@given(st.sampled_from(sorted(SCHEMES)), texts, texts)
def test_whatever_is_kept_there_is_an_answer_or_an_error(scheme: str, value: str, password: str) -> None:
    """And it is no entry, but where the value is the password."""
    try:
        fits = read_stored(f"{{{scheme}}}{value}").fits(password)
    except SchemeError:
        return
    assert not fits or value == password


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_keys_are_given_or_derived_for_their_own_mechanism(mechanism: str) -> None:
    salt = b"sixteen octets.."
    made = derive("secret", mechanism, salt)
    kept = ",".join(b64encode(each).decode() for each in (salt, made.stored_key, made.server_key))

    assert read_stored(f"{{{mechanism}}}4096,{kept}").scram(mechanism, b"another") == made
    assert read_stored("{PLAIN}secret").scram(mechanism, salt) == made
    assert read_stored(f"{{{mechanism}}}4096,{kept}").scram("SCRAM-SHA-512", salt) is None
    assert read_stored(OF_DOVECOT[-1]).scram(mechanism, salt) is None
