"""POP3: a session without I/O, carried by trio."""
