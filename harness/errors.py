"""Every exception of the harness.

```
MailproofError                      anything mailproof raises on purpose
├── UsageError                      flags or files are wrong                      exit code 2
│   └── SettingsFileError           which file, which key, what was read, what is allowed
│       ├── TargetFileError
│       └── WorldFileError
├── RunFailed                       the run could not be finished                 exit code 3
│   └── UnreachableTarget           the target does not answer at all
├── ProtocolError                   the wire cores
│   ├── LocalProtocolError          our side asked for what the protocol forbids
│   └── RemoteProtocolError         the peer's octets can never be read
└── TransportError                  the network
    ├── ConnectFailed
    ├── TimedOut
    ├── ConnectionLost
    └── TlsFailed

CheckOutcome                        how a check says it saw neither kept nor broken; never an error
├── Unclear                         policy, rate limit, timeout, connection lost without cause
└── NotOffered                      the target does not offer or was not given what the check needs
```

Local, remote and transport faults are kept apart, and each error carries its facts as fields and says them in
one line.
"""

from pathlib import Path

__all__ = [
    "CheckOutcome",
    "ConnectFailed",
    "ConnectionLost",
    "LocalProtocolError",
    "MailproofError",
    "NotOffered",
    "ProtocolError",
    "RemoteProtocolError",
    "RunFailed",
    "SettingsFileError",
    "TargetFileError",
    "TimedOut",
    "TlsFailed",
    "TransportError",
    "Unclear",
    "UnreachableTarget",
    "UsageError",
    "WorldFileError",
]


class MailproofError(Exception):
    """Base of everything mailproof raises on purpose; `exit_code` is what the command line ends with."""

    exit_code = 3


class UsageError(MailproofError):
    """A flag or a file is wrong; the message says which, what was read and what is allowed."""

    exit_code = 2


class SettingsFileError(UsageError):
    """A settings file is wrong: `source` names the file or the flags, `key` the place in it, ``""`` for all."""

    def __init__(self, source: Path | str, key: str, problem: str) -> None:
        self.source = source
        self.key = key
        self.problem = problem
        where = f"{source}: {key}" if key else str(source)
        super().__init__(f"{where}: {problem}")


class TargetFileError(SettingsFileError):
    """A target file, or the flags in its place, cannot be used."""


class WorldFileError(SettingsFileError):
    """A world file cannot be used."""


class RunFailed(MailproofError):
    """The run could not be finished."""


class UnreachableTarget(RunFailed):
    """The target does not answer at all, or speaks another protocol."""


class ProtocolError(MailproofError):
    """Base of what the wire cores raise."""


class LocalProtocolError(ProtocolError):
    """Our side asked for something the protocol forbids; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer's octets can never be read; the reader must not be fed again."""


class TransportError(MailproofError):
    """Base of network trouble; `where` names the endpoint, as in ``smtp://192.0.2.7:25``."""

    def __init__(self, where: str, problem: str) -> None:
        self.where = where
        self.problem = problem
        super().__init__(f"{where}: {problem}")


class ConnectFailed(TransportError):
    """No connection could be opened."""


class TimedOut(TransportError):
    """Nothing came within the time allowed."""


class ConnectionLost(TransportError):
    """The peer closed or reset the connection while something was awaited or sent."""


class TlsFailed(TransportError):
    """The TLS handshake failed or the certificate was refused."""


class CheckOutcome(Exception):
    """How a check leaves early when it saw neither kept nor broken."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Unclear(CheckOutcome):
    """What was seen proves nothing: policy, a rate limit, a timeout, a connection lost without cause."""


class NotOffered(CheckOutcome):
    """The target does not offer, or was not configured with, what the check needs."""
