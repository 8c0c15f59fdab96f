"""SMTP and LMTP: replies, command lines, addresses, content and the state table."""
