"""Checks of relaying: for whom mail goes on, by which road, and what comes back; one module per RFC section."""
