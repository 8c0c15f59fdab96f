"""Sans-I/O protocol cores, both roles: octets in, events out; no socket, no clock."""
