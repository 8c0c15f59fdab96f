"""Deviations of content: where it ends, and what is refused in it."""

import re
from collections.abc import Callable
from typing import ClassVar

from harness.wire.smtp.data import DataReader
from harness.wire.smtp.states import State
from reference_server.faults import fault
from reference_server.smtp import SmtpSession
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.transaction import Recipient


class _Rewriting(DataReader):
    """A reader that takes some octets for others."""

    def __init__(self, rewrite: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._rewrite = rewrite

    def feed(self, data: bytes) -> bytes:
        return super().feed(data if self.ended else self._rewrite(data))


class _RewritesData(SmtpSession):
    """Takes what `pattern` finds in data for `meaning`."""

    pattern: ClassVar[re.Pattern[bytes]]
    meaning: ClassVar[bytes] = b"\r\n"

    def data_reader(self) -> DataReader:
        return _Rewriting(lambda data: self.pattern.sub(self.meaning, data))


@fault("smtp.lf-dot-lf-ends-data")
class LfDotLfEndsData(_RewritesData):
    """LF dot LF ends the data."""

    pattern = re.compile(rb"(?<!\r)\n\.\n")
    meaning = b"\r\n.\r\n"


@fault("smtp.lf-ends-a-line-of-data")
class LfEndsALineOfData(_RewritesData):
    """A line of a dot ends the data where one of its line ends is LF and the other is not."""

    pattern = re.compile(rb"(?<!\r)\n\.\r\n?|\r\n?\.\n")
    meaning = b"\r\n.\r\n"


@fault("smtp.cr-ends-a-line-of-data")
class CrEndsALineOfData(_RewritesData):
    """CR ends a line of data."""

    pattern = re.compile(rb"\r(?!\n)")


@fault("smtp.nul-in-data-is-dropped")
class NulInDataIsDropped(_RewritesData):
    """NUL is taken out of data before its end is looked for."""

    pattern = re.compile(rb"\0")
    meaning = b""


@fault("smtp.lf-ends-a-command")
class LfEndsACommand(SmtpSession):
    """CR and LF each end a command."""

    def receive(self, data: bytes) -> bytes:
        in_commands = self._reader is None and b"DATA" not in data.upper() and b"BDAT" not in data.upper()
        return super().receive(re.sub(rb"\r?\n|\r", b"\r\n", data) if in_commands else data)


@fault("smtp.end-of-data-gets-354")
class EndOfDataGets354(SmtpSession):
    """The end of data is answered 354 and the message taken."""

    def final_replies(self, reply: Answer, recipients: list[Recipient]) -> list[Answer]:
        return [Answer(354, ("Go on",)) if reply.klass == 2 else reply for _ in recipients]


@fault("smtp.mail-loop-gets-354")
class MailLoopGets354(SmtpSession):
    """A message that is refused for its Received fields is answered 354."""

    def check_content(self, content: bytes) -> Answer | None:
        return super().check_content(content) and Answer(354, ("Go on",))


@fault("smtp.end-of-data-keeps-transaction")
class EndOfDataKeepsTransaction(SmtpSession):
    """The transaction is still open behind the end of data."""

    def content_complete(self) -> list[Answer]:
        kept = self.reverse_path, self.mail_parameters, self.recipients
        replies = super().content_complete()
        if self.state is State.READY:
            self.state = State.RCPT
            self.reverse_path, self.mail_parameters, self.recipients = kept
        return replies


# Content that is refused


class _RefusesContent(SmtpSession):
    """Refuses a message that `pattern` is found in."""

    pattern: ClassVar[re.Pattern[bytes]]

    def check_content(self, content: bytes) -> Answer | None:
        if self.pattern.search(content):
            return answer(554, "5.6.0", "Message not taken")
        return super().check_content(content)


@fault("smtp.header-defects-refused")
class HeaderDefectsRefused(_RefusesContent):
    """A message whose header section has defects is refused."""

    pattern = re.compile(
        rb"Subject: twice|yesterday|no brackets|no field at all|Type: text\r|=absent|: base64|not an address"
    )


@fault("smtp.recipients-in-header-counted")
class RecipientsInHeaderCounted(_RefusesContent):
    """A message with more than 200 addresses in a field is refused."""

    pattern = re.compile(rb"Cc: (?:[^\r\n]+,\r\n ){200}")


@fault("smtp.50-received-fields")
class FiftyReceivedFields(_RefusesContent):
    """A message with more than 50 Received fields is refused."""

    pattern = re.compile(rb"(?:Received: [^\r\n]+\r\n){50}")


@fault("smtp.binary-label-refused")
class BinaryLabelRefused(_RefusesContent):
    """A message labelled binary is refused after DATA."""

    pattern = re.compile(rb"Content-Transfer-Encoding: binary")


@fault("smtp.text-line-of-999-octets")
class TextLineOf999Octets(SmtpSession):
    """A message with a line of 1000 octets is refused."""

    def check_content(self, content: bytes) -> Answer | None:
        if max(map(len, content.split(b"\r\n")), default=0) + 2 > 999:
            return answer(500, "5.6.0", "Line too long")
        return super().check_content(content)


@fault("smtp.message-of-60000-octets")
class MessageOf60000Octets(SmtpSession):
    """A message of more than 60,000 octets is refused."""

    def check_content(self, content: bytes) -> Answer | None:
        return (
            answer(552, "5.3.4", "Message too large")
            if len(content) > 60_000
            else super().check_content(content)
        )


@fault("smtp.limit-without-size")
class LimitWithoutSize(SmtpSession):
    """Messages above 1,000,000 octets are refused, and SIZE is not offered."""

    def extensions(self) -> dict[str, str]:
        return {name: value for name, value in super().extensions().items() if name != "SIZE"}

    def too_large(self) -> bool:
        return self._octets > 1_000_000
