"""The heart of a run: a director says what is done when, each worker does its share, the outcome is written down."""
