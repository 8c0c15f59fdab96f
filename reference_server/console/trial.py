"""Messages to try a world with, and the way in for them: the front door of the host that has the mailbox."""

import smtplib
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from enum import StrEnum
from typing import Final

from harness.target import Endpoint

__all__ = ["Kind", "Trial", "TrialFailed", "send"]

# Ours: a filter may think for a while.
_PATIENCE_S: Final = 30.0

# RFC 2606 §2: of nobody.
_OUR_NAME: Final = "console.mailproof.test"

_PICTURE: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000002000000020802000000fdd49a73"
    "000000104944415478da6390f7ef07220608050019fa03f5f972ca220000000049454e44ae426082"
)
_HTML: Final = """<!doctype html><html><body>
<h1>Hello</h1><p>{text}</p>
<p><img src="cid:{cid}" alt="a square" width="40" height="40">
<a href="https://example.org/">a link</a></p>
<script>document.body.textContent = "a script ran"</script>
</body></html>"""


class Kind(StrEnum):
    """What the message is like."""

    PLAIN = "plain text"
    HTML = "HTML with a picture and an attachment"
    EICAR = "the EICAR test file as an attachment"
    GTUBE = "the GTUBE test line"


# Taken apart, so that no scanner takes this file for what it writes.
_EICAR: Final = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
_GTUBE: Final = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


@dataclass(frozen=True, slots=True)
class Trial:
    sender: str
    recipient: str
    subject: str
    text: str
    kind: Kind = Kind.PLAIN

    def message(self) -> bytes:
        """Raises `ValueError` where a field holds what no header field may."""
        message = EmailMessage(SMTP)
        message["From"] = self.sender
        message["To"] = self.recipient
        message["Subject"] = self.subject
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = make_msgid(domain=_OUR_NAME)
        text = self.text.replace("\r\n", "\n")
        message.set_content(text if self.kind is not Kind.GTUBE else f"{text}\n\n{_GTUBE}\n")
        if self.kind is Kind.HTML:
            cid = make_msgid(domain=_OUR_NAME)
            message.add_alternative(_HTML.format(text="This is the HTML.", cid=cid[1:-1]), subtype="html")
            *_, html = message.iter_parts()
            html.add_related(_PICTURE, "image", "png", cid=cid)
            message.add_attachment(text, filename="notes.txt")
        elif self.kind is Kind.EICAR:
            message.add_attachment(_EICAR, "application", "octet-stream", filename="eicar.com")
        return message.as_bytes()


class TrialFailed(Exception):
    """Why the message was not taken, in one line."""


def send(trial: Trial, door: Endpoint) -> str:
    """Hand a message to a host by SMTP, as anybody could; returns the last reply. Blocking.

    Raises:
        TrialFailed: It was not taken.
    """
    try:
        octets = trial.message()
        with smtplib.SMTP(door.host, door.port, local_hostname=_OUR_NAME, timeout=_PATIENCE_S) as smtp:
            smtp.ehlo()
            for refused in (smtp.mail(trial.sender), smtp.rcpt(trial.recipient)):
                if refused[0] // 100 != 2:
                    raise TrialFailed(_said(*refused))
            code, text = smtp.data(octets)
            if code // 100 != 2:
                raise TrialFailed(_said(code, text))
            return _said(code, text)
    except (smtplib.SMTPException, OSError, ValueError) as exc:
        raise TrialFailed(str(exc)) from exc


def _said(code: int, text: bytes) -> str:
    return f"{code} {text.decode('utf-8', 'replace')}"
