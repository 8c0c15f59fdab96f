"""Entities and parts are found to the octet."""

from base64 import encodebytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sealed.mime import MAX_PARTS, Ambiguous, Entity, canonical, split_parts

# Lines without the boundary: what stands between two delimiters.
bodies = st.lists(st.binary(max_size=20).filter(lambda line: b"--b" not in line), max_size=6).map(
    b"\r\n".join
)


@given(parts=st.lists(bodies, min_size=1, max_size=5), before=bodies, behind=bodies)
def test_the_parts_of_a_multipart_are_its_parts(parts: list[bytes], before: bytes, behind: bytes) -> None:
    body = before + b"\r\n" + b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n" + behind

    assert split_parts(body, "b") == parts


def test_the_sample_of_the_rfc_has_the_octets_that_it_says() -> None:
    # RFC 8551 §3.5.3.3, which prints the signed octets in hexadecimal.
    boundary = "----=_NextBoundary____Fri,_06_Sep_2002_00:25:21"
    octets = bytes.fromhex(
        "54 68 69 73 20 69 73 20 73 6f 6d 65 20 73 61 6d 70 6c 65 20 63 6f 6e 74 65 6e 74 2e 0d 0a"
    )
    body = (
        b"This is a multipart message in MIME format.\r\n\r\n--%s\r\nThis is some sample content.\r\n\r\n"
        b"--%s\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nMIIB\r\n--%s--\r\n"
    ) % ((boundary.encode(),) * 3)

    assert split_parts(body, boundary)[0] == octets


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (b"--b\r\nx\r\n", "b"), (b"--b\r\nx\r\n--b-\r\n", "b"), (b"", "b"), (b"--\r\n----\r\n", ""),
        (b"--b--\r\n", "ü"), (b"--b\n x\n--b--\n", "b"), (b"x--b\r\n--b--", "c"),
        (b"--b\r\n" * (MAX_PARTS + 2) + b"--b--", "b"), (b"--" + b"b" * 71 + b"--", "b" * 71),
    ],
)  # fmt: skip
def test_what_has_no_certain_parts_is_refused(body: bytes, boundary: str) -> None:
    with pytest.raises(Ambiguous):
        split_parts(body, boundary)


@given(names=st.lists(st.sampled_from([b"A", b"b-c", b"Content-Type"]), max_size=5), body=st.binary())
def test_an_entity_is_its_fields_and_its_body(names: list[bytes], body: bytes) -> None:
    fields = [name + b": x\r\n  y\r\n" for name in names]
    entity = Entity.read(b"".join(fields) + b"\r\n" + body)

    assert [octets for _, octets in entity.fields] == fields
    assert [name for name, _ in entity.fields] == [name.decode().lower() for name in names]
    assert entity.body == body


@given(octets=st.binary())
def test_any_octets_are_an_entity_or_refused(octets: bytes) -> None:
    try:
        entity = Entity.read(octets)
    except Ambiguous:
        return
    assert b"".join(field for _, field in entity.fields) + b"\r\n" + entity.body == octets


@pytest.mark.parametrize(
    "octets", [b"", b"A: b\r\n", b"no field\r\n\r\n", b" a: b\r\n\r\n", b"a: b\nc\r\n: x\r\n\r\n"]
)
def test_a_header_that_is_none_is_refused(octets: bytes) -> None:
    with pytest.raises(Ambiguous):
        Entity.read(octets)


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (b"Content-Type: a/b\r\nContent-Type: c/d\r\n", "2 times"),
        (b"Content-Type: a/b; x=1; X=2\r\n", "twice"),
        (b"Content-Type: multipart/signed; boundary=a; boundary*=us-ascii''b\r\n", "twice"),
    ],
)
def test_a_type_that_is_said_twice_is_refused(field: bytes, problem: str) -> None:
    with pytest.raises(Ambiguous, match=problem):
        _ = Entity.read(field + b"\r\n").kind


@given(octets=st.binary())
def test_base64_comes_back(octets: bytes) -> None:
    head = b"Content-Transfer-Encoding: BASE64\r\n\r\n"

    assert Entity.read(head + encodebytes(octets).replace(b"\n", b"\r\n")).decoded() == octets


@pytest.mark.parametrize("encoding", [b"base64", b"uuencode", b"8bit\r\nContent-Transfer-Encoding: 8bit"])
def test_an_encoding_that_is_none_is_refused(encoding: bytes) -> None:
    with pytest.raises(Ambiguous):
        Entity.read(b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\nA*B").decoded()


@given(octets=st.binary())
def test_octets_that_travelled_stay_as_they_are(octets: bytes) -> None:
    assert canonical(octets + b"\r\n") == octets + b"\r\n"


def test_a_file_with_lf_alone_gets_crlf() -> None:
    assert canonical(b"a\n\nb \n") == b"a\r\n\r\nb \r\n"
