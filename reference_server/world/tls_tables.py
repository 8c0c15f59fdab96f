"""``[tls]`` of a world file, of all hosts and of one: its tables, and how they become `TlsSettings`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec

from harness.errors import WorldFileError
from harness.target import Protocol
from reference_server.tls import (
    CertificateAuthority,
    CertificateSource,
    ClientCertificates,
    HostTls,
    TlsSettings,
    TlsSettingsError,
    Version,
)
from reference_server.tls.settings import CERTIFICATE_DAYS

__all__ = ["TlsTable", "read_tls"]

# Ours: what is beyond is a slip of the pen.
Days = Annotated[int, msgspec.Meta(ge=-36500, le=36500)]
# RFC 7301: a name has 1 to 255 octets.
AlpnName = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern="^[!-~]+$")]


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A key that is not known is a mistake, never ignored."""


class CertificateTable(_Table, frozen=True):
    file: str | None = None
    key: str | None = None
    names: tuple[str, ...] = ()
    days: Days | None = None


class TlsTable(_Table, frozen=True):
    """What a host does not say is as the world has it, and what that does not say, as by default."""

    minimum: Version | None = None
    maximum: Version | None = None
    ciphers: str | None = None
    client_certificates: ClientCertificates | None = None
    client_ca: str | None = None
    resumption: bool | None = None
    alpn: dict[Protocol, tuple[AlpnName, ...]] | None = None
    certificates: tuple[CertificateTable, ...] | None = None

    def over(self, other: "TlsTable") -> "TlsTable":
        """The other, but for what is said here."""
        said = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        return msgspec.structs.replace(other, **said)


def read_tls(
    table: TlsTable,
    key: str,
    source: Path | str,
    base: Path,
    refuse: Callable[[Path | str, str, str], WorldFileError],
) -> TlsSettings:
    """The settings; relative paths start at `base`.

    Raises:
        WorldFileError: Made by `refuse`: a file cannot be used, or something cannot be meant.
    """
    said = {name: value for name, value in msgspec.structs.asdict(table).items() if value is not None}
    if table.client_ca is not None:
        said["client_ca"] = base / table.client_ca
    try:
        said["certificates"] = tuple(
            _source(each, f"certificates[{index}]", base)
            for index, each in enumerate(table.certificates or ())
        )
        settings = TlsSettings(**said)
        HostTls(settings, ("localhost",), CertificateAuthority())
    except TlsSettingsError as exc:
        raise refuse(source, f"{key}.{exc.key}", exc.problem) from exc
    return settings


def _source(table: CertificateTable, key: str, base: Path) -> CertificateSource:
    if table.file is None and table.key is not None:
        raise TlsSettingsError(f"{key}.key", "goes with file, the certificate's; without them one is made")
    if table.file is not None and table.days is not None:
        raise TlsSettingsError(
            f"{key}.days", "is of a certificate that is made, and file names one that is there"
        )
    return CertificateSource(
        file=base / table.file if table.file is not None else None,
        key=base / table.key if table.key is not None else None,
        names=table.names,
        days=CERTIFICATE_DAYS if table.days is None else table.days,
    )
