"""One message's life in a running world: what `mailproof trace` asks of the reference server."""

from reference_server.life.watched import Filed, Party, WatchedWorld, watched_world

__all__ = ["Filed", "Party", "WatchedWorld", "watched_world"]
