"""ESMTP parameters of MAIL and RCPT: the general grammar, and the values that extensions define."""

import re
from collections.abc import Mapping
from typing import Final

from harness.wire.smtp.errors import CommandError, ParameterError

__all__ = ["VALUES", "parse_parameters"]

_KEYWORD: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9-]*")
_VALUE: Final = re.compile(rb"[!-<>-~\x80-\xff]+")

_XTEXT: Final = rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})"
_EVENT: Final = rb"(?:SUCCESS|FAILURE|DELAY)"

# Keyword -> (what its value must be, None for no value at all; the rule). A keyword that is not listed takes what
# the general grammar allows; whether it is known is the server's to say.
VALUES: Final[Mapping[str, tuple[re.Pattern[bytes] | None, str]]] = {
    "SIZE": (re.compile(rb"[0-9]{1,20}"), "RFC 1870 §6"),
    "BODY": (re.compile(rb"7BIT|8BITMIME|BINARYMIME", re.IGNORECASE), "RFC 3030 §3"),
    "SMTPUTF8": (None, "RFC 6531 §3.4"),
    # RFC 4954 §5 lets a server take a bad value for an absent one, so only the xtext is asked for here.
    "AUTH": (re.compile(_XTEXT + rb"+"), "RFC 4954 §8"),
    "RET": (re.compile(rb"FULL|HDRS", re.IGNORECASE), "RFC 3461 §4.3"),
    "ENVID": (re.compile(_XTEXT + rb"{1,100}"), "RFC 3461 §4.4"),
    "NOTIFY": (re.compile(rb"NEVER|" + _EVENT + rb"(?:," + _EVENT + rb")*", re.IGNORECASE), "RFC 3461 §4.1"),
    # RFC 6533 §3: an address of the type utf-8 may come in UTF-8.
    "ORCPT": (
        re.compile(
            rb"[A-Za-z0-9!#$%&'*+/?^_`{|}~-]+;" + _XTEXT + rb"+|(?i:utf-8);(?:" + _XTEXT + rb"|[\x80-\xff])+"
        ),
        "RFC 3461 §4.2",
    ),
}


def parse_parameters(octets: bytes, position: int = 0) -> dict[str, bytes | None]:
    """Read `` keyword[=value]`` again and again from `position` to the end.

    Returns:
        Keywords in upper case -> value, None where there is no ``=``.

    Raises:
        CommandError: Something else than one space stands before a parameter.
        ParameterError: A keyword or value breaks the grammar, comes twice, or is not what its extension takes.

    Source: RFC 5321 §4.1.2; RFC 6531 §3.3 (values beyond ASCII); `VALUES` for each extension.
    """
    parameters: dict[str, bytes | None] = {}
    while position < len(octets):
        if octets[position : position + 1] != b" ":
            raise CommandError(position, "RFC 5321 §4.1.2", "a space and a parameter expected")
        position = _parameter(octets, position + 1, parameters)
    return parameters


def _parameter(octets: bytes, start: int, parameters: dict[str, bytes | None]) -> int:
    found = _KEYWORD.match(octets, start)
    if found is None:
        raise ParameterError(start, "RFC 5321 §4.1.2", "a parameter begins with a letter or a digit")
    keyword, end = found[0].decode().upper(), found.end()
    value: bytes | None = None
    if octets[end : end + 1] == b"=":
        held = _VALUE.match(octets, end + 1)
        if held is None:
            raise ParameterError(end + 1, "RFC 5321 §4.1.2", f"{keyword}= without a value", keyword)
        value, end = held[0], held.end()
    if keyword in parameters:
        raise ParameterError(start, "RFC 5321 §4.1.2", f"{keyword} given twice", keyword)
    _check_value(start, keyword, value)
    parameters[keyword] = value
    return end


def _check_value(position: int, keyword: str, value: bytes | None) -> None:
    if keyword not in VALUES:
        return
    pattern, rule = VALUES[keyword]
    if pattern is None:
        if value is not None:
            raise ParameterError(position, rule, f"{keyword} takes no value", keyword)
    elif value is None or not pattern.fullmatch(value):
        raise ParameterError(position, rule, f"{keyword} with a value it does not take", keyword)
