"""Mail that people send: a session logs in, over TLS where it is offered, and submits some messages."""

from loadtests import SubmissionUser


class Sender(SubmissionUser):
    """Somebody who sends mail."""
