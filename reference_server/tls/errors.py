"""What can be wrong with TLS settings and their files."""

from harness.errors import UsageError

__all__ = ["TlsSettingsError"]


class TlsSettingsError(UsageError):
    """A setting, or the file that it names, cannot be used.

    Attributes:
        key: The setting, as in a world file: ``certificates[0].key``.
        problem: What is wrong, and what would be right.
    """

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        self.problem = problem
        super().__init__(f"tls.{key}: {problem}")
