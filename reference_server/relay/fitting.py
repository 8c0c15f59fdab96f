"""A message as one peer can take it: what it does not offer is left out, worked around, or a reason to fail."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from reference_server.envelope import Body, Envelope, Recipient
from reference_server.relay.conversion import CannotConvert, convert, fits, has_8bit_header

__all__ = ["Fitted", "Fitting", "Unfit"]

# Whatever an address is, it must not end its command line or its path.
_UNSAYABLE: Final = re.compile(rb"[\0\r\n]")


class Unfit(Exception):
    """The peer cannot take it, ever: `status` as in RFC 3463 §2, `reason` for people."""

    def __init__(self, status: str, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is said and sent.

    Attributes:
        mail: The MAIL command line, without CRLF.
        rcpt: Address -> the RCPT command line.
        unfit: Address -> why this recipient cannot be reached by this peer, though others can.
        chunked: Sent by BDAT.
    """

    mail: bytes
    rcpt: Mapping[bytes, bytes]
    unfit: Mapping[bytes, Unfit]
    content: bytes = field(repr=False)
    chunked: bool = False


class Fitting:
    """Fits messages to the extensions of one peer (keyword -> its parameters, as `read_extensions` gives them).

    Args:
        prefer_chunks: Send by BDAT whatever can be sent so.
    """

    def __init__(self, extensions: Mapping[str, str], *, prefer_chunks: bool = False) -> None:
        self.extensions = extensions
        self.prefer_chunks = prefer_chunks

    @property
    def dsn(self) -> bool:
        """The peer takes over the duty to notify (RFC 3461 §5.2.1)."""
        return "DSN" in self.extensions

    def fit(self, envelope: Envelope, content: bytes) -> Fitted:
        """Raises `Unfit` where no recipient can be served."""
        utf8 = self.needs_smtputf8(envelope, content)
        body = self.body_of(envelope, content)
        if not self.takes(body):
            content, body = self.converted(content, body)
        self.check_size(len(content))
        rcpt, unfit = {}, {}
        for recipient in envelope.recipients:
            try:
                rcpt[recipient.address] = self.rcpt_line(recipient, utf8=utf8)
            except Unfit as why:
                unfit[recipient.address] = why
        chunked = body is Body.BINARY or (self.prefer_chunks and "CHUNKING" in self.extensions)
        mail = self.mail_line(envelope, octets=len(content), body=body, utf8=utf8)
        return Fitted(mail, rcpt, unfit, content, chunked)

    # The content

    def body_of(self, envelope: Envelope, content: bytes) -> Body:
        """What the content is, in truth; BINARYMIME also where it was only declared, for its parts say so."""
        if envelope.body is Body.BINARY:
            return Body.BINARY
        return next(body for body in Body if fits(content, body))

    def takes(self, body: Body) -> bool:
        """RFC 6152 §3, RFC 3030 §3: never send what was not offered."""
        match body:
            case Body.SEVEN_BIT:
                return True
            case Body.EIGHT_BIT:
                return "8BITMIME" in self.extensions
            case Body.BINARY:
                return {"BINARYMIME", "CHUNKING"} <= self.extensions.keys()

    def converted(self, content: bytes, body: Body) -> tuple[bytes, Body]:
        """The content as 8-bit or 7-bit MIME (RFC 3030 §3, RFC 6152 §3)."""
        target = Body.EIGHT_BIT if self.takes(Body.EIGHT_BIT) else Body.SEVEN_BIT
        try:
            content = convert(content, target)
        except CannotConvert as exc:
            status = "5.6.1" if body is Body.BINARY else "5.6.3"
            raise Unfit(
                status, f"the host takes no {body} content, and it cannot be converted: {exc}"
            ) from exc
        return content, Body.SEVEN_BIT if content.isascii() else Body.EIGHT_BIT

    def check_size(self, octets: int) -> None:
        """RFC 1870 §7: what the peer will never accept is not sent."""
        limit = self.extensions.get("SIZE", "")
        if limit.isascii() and limit.isdigit() and 0 < int(limit) < octets:
            raise Unfit("5.3.4", f"the message has {octets} octets, the host takes {int(limit)}")

    def needs_smtputf8(self, envelope: Envelope, content: bytes) -> bool:
        """Whether MAIL says SMTPUTF8: only where sender, a recipient or a header asks for it (RFC 6531 §3.4).

        Raises:
            Unfit: The sender's address or the header asks for it, and it is not offered (RFC 6531 §3.2, §3.5).
        """
        offered = "SMTPUTF8" in self.extensions
        header = envelope.smtputf8 and has_8bit_header(content)
        if not offered and not envelope.reverse_path.isascii():
            raise Unfit("5.6.7", "the sender's address needs SMTPUTF8, which the host does not offer")
        if not offered and header:
            raise Unfit("5.6.9", "the message's header needs SMTPUTF8, which the host does not offer")
        addresses = [envelope.reverse_path, *(recipient.address for recipient in envelope.recipients)]
        return offered and (header or not all(address.isascii() for address in addresses))

    # The commands

    def mail_line(self, envelope: Envelope, *, octets: int, body: Body, utf8: bool) -> bytes:
        """MAIL with the parameters that the peer offers (RFC 5321 §4.1.1.2)."""
        if _UNSAYABLE.search(envelope.reverse_path):
            raise Unfit("5.1.7", "the sender's address holds a control character")
        words = [b"MAIL FROM:<%s>" % envelope.reverse_path]
        if "SIZE" in self.extensions:
            words.append(b"SIZE=%d" % octets)
        if body is not Body.SEVEN_BIT:
            words.append(b"BODY=" + body.encode())
        if utf8:
            words.append(b"SMTPUTF8")
        return b" ".join(words + self.dsn_of_message(envelope))

    def dsn_of_message(self, envelope: Envelope) -> list[bytes]:
        """RFC 3461 §5.2.1 (a), (b): as they came, or not at all."""
        if not self.dsn:
            return []
        ret = [b"RET=" + envelope.ret.encode()] if envelope.ret else []
        return ret + ([b"ENVID=" + envelope.envid] if envelope.envid else [])

    def rcpt_line(self, recipient: Recipient, *, utf8: bool) -> bytes:
        """RCPT with the parameters that the peer offers (RFC 5321 §4.1.1.3); raises `Unfit` for this one alone."""
        if _UNSAYABLE.search(recipient.address):
            raise Unfit("5.1.3", "the address holds a control character")
        if not utf8 and not recipient.address.isascii():
            raise Unfit("5.6.7", "the address needs SMTPUTF8, which the host does not offer")
        path = b"RCPT TO:<%s>" % recipient.address
        return b" ".join([path, *self.dsn_of_recipient(recipient, utf8=utf8)])

    def dsn_of_recipient(self, recipient: Recipient, *, utf8: bool) -> list[bytes]:
        """RFC 3461 §5.2.1 (c), (d): as they came, or not at all."""
        if not self.dsn:
            return []
        notify = b"NOTIFY=" + ",".join(sorted(recipient.notify)).encode() if recipient.notify else b""
        orcpt = b""
        if recipient.orcpt:
            orcpt = b"ORCPT=" + (recipient.orcpt if utf8 else _ascii_orcpt(recipient.orcpt))
        return [word for word in (notify, orcpt) if word]


def _ascii_orcpt(orcpt: bytes) -> bytes:
    """RFC 6533 §3: where SMTPUTF8 is not in use, characters beyond ASCII are spelt out."""
    text = orcpt.decode("utf-8", "surrogateescape")
    return "".join(letter if letter.isascii() else f"\\x{{{ord(letter):X}}}" for letter in text).encode()
