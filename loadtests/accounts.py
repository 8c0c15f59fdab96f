"""Who there is at the target: mailboxes by number, whose mail goes where, accounts from files and patterns."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Final

from harness.errors import UsageError
from harness.target import Account, Policy
from loadtests.ledger.slots import NOBODY

__all__ = ["MAX_ACCOUNTS", "Accounts", "expand", "read_accounts"]

# Ours: far more than one machine plays, and still a second to make.
MAX_ACCOUNTS: Final = 1_000_000
# Ours: a password file of this size has a line for each of them.
MAX_FILE_OCTETS: Final = 100 * 1024 * 1024

_RANGE: Final = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")
# What can stand between the angle brackets without SMTPUTF8 (RFC 5321 §4.1.2, quoted local parts without spaces).
_PLAIN_ADDRESS: Final = re.compile(r"[!-~]+@[!-;=?-~]+")
_NO_POLICY: Final = Policy()


class Accounts:
    """All accounts of a run; a mailbox's number is its account's place among them, the same in every process.

    Attributes:
        names: Addresses, as text.
        addresses: Addresses, as they go out.
        homes: Mailbox -> the one that gets its mail in its place, by the target's aliases and forwards, or `NOBODY`
            where that is none of ours. A mailbox that keeps its mail has no entry.
        receiving: Those that mail can be sent to: they keep it, and their address is plain ASCII.
        entering: Those that one can log in as: their password is known.

    Raises:
        UsageError: A user is there twice.
    """

    def __init__(self, accounts: Sequence[Account], policy: Policy = _NO_POLICY) -> None:
        self._accounts: Final = tuple(accounts)
        self.names: Final = tuple(account.address for account in accounts)
        self.addresses: Final = tuple(name.encode() for name in self.names)
        self._numbers: dict[str, int] = {}
        users: dict[str, int] = {}
        for number, account in enumerate(accounts):
            if users.setdefault(account.user, number) != number:
                raise UsageError(f"accounts: the user {account.user!r} is there twice")
            self._numbers.setdefault(_folded(account.address), number)
        self.homes: Final = dict(self._moved(policy))
        self.receiving: Final = tuple(
            number
            for number, name in enumerate(self.names)
            if number not in self.homes and _PLAIN_ADDRESS.fullmatch(name)
        )
        self.entering: Final = tuple(number for number, account in enumerate(accounts) if account.password)

    def _moved(self, policy: Policy) -> Iterator[tuple[int, int]]:
        leads_to = {
            _folded(address): _folded(to)
            for table in (policy.forwards, policy.aliases)
            for address, to in table.items()
        }
        for number, name in enumerate(self.names):
            home = self._numbers.get(_end_of(_folded(name), leads_to), NOBODY)
            if home != number:
                yield number, home

    def __len__(self) -> int:
        return len(self._accounts)

    def __getitem__(self, mailbox: int) -> Account:
        return self._accounts[mailbox]

    def number_of(self, address: str) -> int | None:
        """The mailbox of an address, None where it is none of ours; upper and lower case are one."""
        return self._numbers.get(_folded(address))

    def mine(self, index: int, members: int) -> range:
        """The mailboxes of one of several members; each belongs to exactly one.

        Args:
            index: Which of the members, from 0.
        """
        return range(index, len(self), members)

    def recipient(self, rng: Random) -> int:
        """One who can receive mail.

        Raises:
            UsageError: Nobody can.
        """
        if not self.receiving:
            raise UsageError(
                "accounts: none can be sent mail; list some whose address is local-part@domain in plain ASCII, and "
                "whose mail no alias or forward leads away"
            )
        return self.receiving[int(rng.random() * len(self.receiving))]

    def recipients(self, rng: Random, count: int) -> list[int]:
        """So many different ones, or all where there are fewer.

        Raises:
            UsageError: As in `recipient`.
        """
        if count == 1 or len(self.receiving) < 2:
            return [self.recipient(rng)]
        return rng.sample(self.receiving, min(count, len(self.receiving)))

    def unknown(self, rng: Random) -> bytes:
        """An address beside a known one where nobody is, but by a chance of one in 2**64.

        Raises:
            UsageError: As in `recipient`.
        """
        domain = self.addresses[self.recipient(rng)].rpartition(b"@")[2]
        return b"nobody-%016x@%b" % (rng.getrandbits(64), domain)


def _folded(address: str) -> str:
    """Stores tell upper from lower case in a local part nowhere that we know of, whatever RFC 5321 §2.4 allows."""
    return address.casefold()


def _end_of(address: str, leads_to: Mapping[str, str]) -> str:
    """Where mail for an address ends up, "" where it goes round in a circle."""
    passed: set[str] = set()
    while address in leads_to:
        if address in passed:
            return ""
        passed.add(address)
        address = leads_to[address]
    return address


def read_accounts(path: Path, domain: str) -> tuple[Account, ...]:
    """Accounts of a CSV file: user, password and, where it is not the user's name, the address on each line.

    A line may stand for many (see `expand`); a line that begins with ``#`` says nothing.

    Args:
        domain: Completes a user's name to an address where it has no ``@``.

    Raises:
        UsageError: Names the file, the line and what is wrong, but no password.
    """
    accounts: list[Account] = []
    for line, row in _rows(path):
        where = f"{path}:{line}"
        if not 2 <= len(row) <= 3 or not row[0]:
            raise UsageError(f"{where}: must be user,password or user,password,address")
        accounts += _at(where, row, domain)
        if len(accounts) > MAX_ACCOUNTS:
            raise UsageError(f"{where}: more than {MAX_ACCOUNTS:,} accounts")
    if not accounts:
        raise UsageError(f"{path}: has no account; each line is user,password or user,password,address")
    return tuple(accounts)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        if path.stat().st_size > MAX_FILE_OCTETS:
            raise UsageError(
                f"{path}: is too large; a list of accounts has at most {MAX_FILE_OCTETS:,} octets"
            )
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            for row in reader:
                if row and not row[0].startswith("#"):
                    yield reader.line_num, row
    except OSError as exc:
        raise UsageError(f"{path}: cannot be read ({exc.strerror}); give a CSV file of accounts") from exc
    except (csv.Error, UnicodeDecodeError) as exc:
        raise UsageError(f"{path}: is no CSV file in UTF-8: {exc}") from exc


def _at(where: str, row: Sequence[str], domain: str) -> list[Account]:
    try:
        return list(expand(row[0], row[1], domain, address=row[2] if len(row) == 3 else ""))
    except UsageError as exc:
        raise UsageError(f"{where}: {exc}") from exc


def expand(user: str, password: str, domain: str, *, address: str = "") -> Iterator[Account]:
    """The accounts that a pattern stands for: 200 for ``user{1..200}@example.test``, with zeros for ``u{001..200}``.

    Password and address take the number in the same place, where they have one; without a range in the user there is
    one account, as it is written.

    Raises:
        UsageError: The range is empty or too long, or there is a second one.
    """
    found = _RANGE.search(user)
    if found is None:
        yield _account(user, password, address, domain)
        return
    if _RANGE.search(user, found.end()):
        raise UsageError(f"{user!r} has two ranges; one is allowed")
    first, last = int(found[1]), int(found[2])
    if last < first or last - first >= MAX_ACCOUNTS:
        raise UsageError(f"the range {found[0]} must go up, over {MAX_ACCOUNTS:,} numbers at most")
    width = len(found[1]) if found[1].startswith("0") else 0
    for number in range(first, last + 1):
        text = f"{number:0{width}d}"
        of_one = [_RANGE.sub(text, part) for part in (user, password, address)]
        yield _account(of_one[0], of_one[1], of_one[2], domain)


def _account(user: str, password: str, address: str, domain: str) -> Account:
    return Account(user, password, address or (user if "@" in user else f"{user}@{domain}"))
