"""Mail programs that keep mailboxes in step by IMAP, and the mail that comes meanwhile."""

from loadtests.scenarios import habits


class Thunderbird(habits.Syncer):
    """Keeps several connections, asks for a long set of header fields, and waits by IDLE."""


class AppleMail(habits.Syncer):
    """Asks for structures as well, and waits by asking again."""

    idles = False
    header_items = (
        b"(UID INTERNALDATE FLAGS RFC822.SIZE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (DATE SUBJECT FROM TO CC"
        b" MESSAGE-ID IN-REPLY-TO REFERENCES X-PRIORITY CONTENT-TYPE)])"
    )


class Exchanger(habits.Exchanger):
    """Brings mail by SMTP, where the target has it."""


class Transfer(habits.Transfer):
    """Brings mail by LMTP, where the target has no SMTP."""


class Sender(habits.Sender):
    """Brings mail by submission, where the target has nothing else."""
