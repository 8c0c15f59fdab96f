"""The MTA's side of the milter protocol, version 6."""

from reference_server.filters.milter.stage import Milter

__all__ = ["Milter"]
