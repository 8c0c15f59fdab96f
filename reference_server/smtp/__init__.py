"""SMTP, submission and LMTP: a session without I/O, carried by aiosmtpd."""

from reference_server.smtp.roles import Role
from reference_server.smtp.session import SmtpSession

__all__ = ["Role", "SmtpSession"]
