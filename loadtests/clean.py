"""Removes what a run left at its target: ``python -m loadtests.clean RUN TARGET.toml``.

Only messages that carry the run's token go, and mailboxes that bear its name; everything else stays as it is.
"""

import sys
from argparse import Namespace
from collections.abc import Callable

from gevent.pool import Pool
from locust.env import Environment

from harness.errors import MailproofError
from harness.target import Account
from loadtests.ledger.imap_readers import HEADER
from loadtests.ledger.known import folder_name, uid_sets
from loadtests.ledger.pop3_readers import headers
from loadtests.ledger.readers import AT_ONCE, reading_protocol
from loadtests.ledger.reading import Unrecorded
from loadtests.ledger.token import TOKEN_FIELD, identify
from loadtests.users.errors import OperationFailed
from loadtests.users.imap import ImapUser
from loadtests.users.imap_session import ImapSession
from loadtests.users.pop3 import Pop3User
from loadtests.users.surroundings import context_of

__all__ = ["main"]

# Removes a run's messages from one account and counts them; raises `OperationFailed`.
_Cleaner = Callable[[Account], int]


def main(run: str, target: str) -> int:
    """Clean all mailboxes, and say what was removed.

    Args:
        run: Eight hexadecimal digits.
        target: The target file.

    Returns:
        The exit code: 3 where a mailbox could not be cleaned, 2 where the target file is wrong.
    """
    options = Namespace(mail_target=target)
    environment = Environment(user_classes=[ImapUser, Pop3User], parsed_options=options)
    try:
        context = context_of(environment)
        cleaner = _cleaner(run, environment)
    except MailproofError as exc:
        print(f"mailproof: {exc}", file=sys.stderr)  # noqa: T201 - it is what this program is for
        return exc.exit_code

    def clean(account: Account) -> tuple[int, str]:
        try:
            return cleaner(account), ""
        except OperationFailed as exc:
            return 0, f"{account.address} is not clean: {exc}"

    removed, problems = 0, []
    for messages, problem in Pool(AT_ONCE).imap_unordered(clean, context.accounts):
        removed += messages
        problems += [problem] * bool(problem)
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 - as above
    print(f"run {run}: {removed} messages removed, {len(context.accounts)} mailboxes looked into")  # noqa: T201 - as above
    return 3 if problems else 0


def _cleaner(run: str, environment: Environment) -> _Cleaner:
    if reading_protocol(context_of(environment).target, "auto") == "imap":
        return _over_imap(run, ImapUser(environment))
    return _over_pop3(run, Pop3User(environment))


def _over_imap(run: str, user: ImapUser) -> _Cleaner:
    user.recorder = Unrecorded()

    def clean(account: Account) -> int:
        with user.login(account) as session:
            own = session.list_(b"*%b*" % folder_name(run).encode())
            for name in own:
                session.delete(name)
            return sum(_clean_mailbox(run, session, name) for name in session.list_() if name not in own)

    return clean


def _clean_mailbox(run: str, session: ImapSession, name: bytes) -> int:
    """Remove a run's messages from one mailbox."""
    if not session.select(name).exists:
        return 0
    # Part of a value is enough for SEARCH (RFC 3501 §6.4.4); so what it finds is looked at.
    candidates = session.uid_search(b"HEADER %b %b" % (TOKEN_FIELD, run.encode()))
    found = session.each_fetched(uid_sets(candidates), HEADER)
    ours = [each.uid for each in found if each.uid and _is_of(run, each.content)]
    for uids in uid_sets(ours):
        session.remove(uids)
    return len(ours)


def _over_pop3(run: str, user: Pop3User) -> _Cleaner:
    user.recorder = Unrecorded()

    def clean(account: Account) -> int:
        with user.login(account) as session:
            count, _octets = session.stat()
            numbers = list(range(1, count + 1))
            found = zip(numbers, headers(session, numbers), strict=True)
            ours = [number for number, header in found if _is_of(run, header)]
            session.dele(*ours)
        return len(ours)

    return clean


def _is_of(run: str, header: bytes | None) -> bool:
    token = identify(header) if header else None
    return token is not None and token.run == run


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
