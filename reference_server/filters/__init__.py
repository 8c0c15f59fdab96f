"""The caller of filters: each message passes a chain of stages between the end of its data and the reply."""

from reference_server.filters.chain import Chain
from reference_server.filters.model import Client, Judgement, Mail

__all__ = ["Chain", "Client", "Judgement", "Mail"]
