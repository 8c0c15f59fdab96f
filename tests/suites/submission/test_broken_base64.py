"""What the checks send as broken base64 is broken for every decoder."""

import base64
import binascii

import pytest
from hypothesis import given

from suites.submission.base64 import broken, is_base64


@given(broken)
def test_no_decoder_takes_it_for_base64(line: bytes) -> None:
    assert not is_base64(line)
    with pytest.raises(binascii.Error):
        base64.b64decode(line, validate=True)


@given(broken)
def test_it_fits_into_a_command_and_is_neither_a_cancel_nor_an_empty_response(line: bytes) -> None:
    assert b" " not in line
    assert line.isascii()
    assert line not in {b"*", b"="}


@pytest.mark.parametrize("line", [b"", b"QQ==", b"QUI=", b"QUJD"])
def test_base64_is_known(line: bytes) -> None:
    assert is_base64(line)
