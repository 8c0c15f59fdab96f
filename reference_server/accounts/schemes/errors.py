"""What is wrong with a password as it is kept."""

__all__ = ["SchemeError"]


class SchemeError(ValueError):
    """A scheme that is not known, or a value that is not of its scheme; the message holds no part of the value."""
