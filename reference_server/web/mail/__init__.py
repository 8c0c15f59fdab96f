"""Mail of any target, as one person: read through IMAP, sent through submission, on the trio loop."""
