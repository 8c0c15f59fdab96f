"""The mail world in one process: SMTP, submission, LMTP, POP3 and IMAP on one store."""

from reference_server.server import Server, serve, serve_world
from reference_server.world import ONE_SERVER, User, World

__all__ = ["ONE_SERVER", "Server", "User", "World", "serve", "serve_world"]
