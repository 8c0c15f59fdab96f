"""The short names by which people know the RFCs of the register."""

from collections.abc import Mapping
from typing import Final

__all__ = ["NAMES"]

NAMES: Final[Mapping[int, str]] = {
    1870: "SMTP SIZE",
    1939: "POP3",
    2033: "LMTP",
    2034: "SMTP ENHANCEDSTATUSCODES",
    2177: "IMAP IDLE",
    2449: "POP3 CAPA and extensions",
    2595: "TLS with POP3 and IMAP",
    2920: "SMTP PIPELINING",
    3030: "SMTP CHUNKING and BINARYMIME",
    3207: "SMTP STARTTLS",
    3461: "SMTP DSN",
    3501: "IMAP4rev1",
    4315: "IMAP UIDPLUS",
    4616: "SASL PLAIN",
    4954: "SMTP AUTH",
    5034: "POP3 AUTH",
    5161: "IMAP ENABLE",
    5258: "IMAP LIST-EXTENDED",
    5321: "SMTP",
    5802: "SASL SCRAM",
    6152: "SMTP 8BITMIME",
    6154: "IMAP SPECIAL-USE",
    6409: "Message submission",
    6531: "SMTPUTF8",
    6851: "IMAP MOVE",
    7162: "IMAP CONDSTORE and QRESYNC",
    7504: "SMTP 521 and 556 replies",
    7888: "IMAP LITERAL+ and LITERAL-",
    8314: "TLS for submission and access",
    9051: "IMAP4rev2",
}
