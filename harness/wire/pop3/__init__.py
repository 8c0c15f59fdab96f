"""POP3: commands, the state table, status lines, multi-line responses and listings."""
