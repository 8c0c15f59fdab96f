"""IMAP: sequence sets, mailbox names, strings, the state table, responses and commands."""
