"""The one place with blocking sockets and clocks."""
