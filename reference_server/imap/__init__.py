"""IMAP4rev1 and IMAP4rev2: a session without I/O, carried by trio."""
