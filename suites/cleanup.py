"""After a run: every folder and message that carries the run's token is removed, and nothing else."""

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.clients.pop3 import Pop3Client
from harness.errors import CheckOutcome, MailproofError
from harness.target import Protocol
from harness.wire.imap.responses import ListData
from suites.mail import TOKEN_HEADER

__all__ = ["clean_up"]


def clean_up(target: LiveTarget) -> str:
    """Remove what this run left in the target's mailboxes.

    Returns:
        ``""``, or what could not be removed and why.
    """
    target.close()
    target = LiveTarget(target.declared, token=target.token)
    left = []
    for index, account in enumerate(target.declared.accounts):
        try:
            _clean_account(target, index)
        except (MailproofError, CheckOutcome) as exc:
            left.append(f"messages with {target.token} may be left with {account.user}: {exc}")
        finally:
            target.end()
    target.close()
    return "; ".join(left)


def _clean_account(target: LiveTarget, index: int) -> None:
    endpoints = set(target.declared.endpoints)
    if {Protocol.IMAP, Protocol.IMAPS} & endpoints:
        _clean_by_imap(target.imap(account=index), target.token.encode())
    elif {Protocol.POP3, Protocol.POP3S} & endpoints:
        _clean_by_pop3(target.pop3(account=index), target.token.encode())


def _subscribed(client: ImapClient) -> list[ListData]:
    """IMAP4rev2 has LIST (SUBSCRIBED) in place of LSUB (RFC 9051 §6.3.9.1)."""
    if "IMAP4REV1" in client.capabilities:
        return client.lsub(b'""', b"*")
    return client.list_(b'(SUBSCRIBED) ""', b"*")


def _clean_by_imap(client: ImapClient, token: bytes) -> None:
    for name in {entry.name for entry in _subscribed(client) if token in entry.name}:
        client.unsubscribe(name)
    mailboxes = {entry.name for entry in client.list_(b'""', b"*") if token in entry.name}
    # Deepest first: a name with inferiors may stay as \Noselect (RFC 3501 §6.3.4).
    for name in sorted(mailboxes, key=len, reverse=True):
        client.delete(name)
    if not client.select(b"INBOX").ok:
        return
    uids = client.uid_search(b"HEADER %s %s" % (TOKEN_HEADER, token))
    if uids:
        chosen = b",".join(b"%d" % uid for uid in uids)
        client.command(b"UID STORE %s +FLAGS.SILENT (\\Deleted)" % chosen)
        # UID EXPUNGE (RFC 4315 §2.1) spares what others marked; without it only our own marks are there to hope for.
        if "UIDPLUS" in client.capabilities or "IMAP4REV2" in client.capabilities:
            client.command(b"UID EXPUNGE %s" % chosen)
        else:
            client.command(b"EXPUNGE")
    client.logout()


def _clean_by_pop3(client: Pop3Client, token: bytes) -> None:
    for number, _octets in client.list_():
        if TOKEN_HEADER + b": " in (top := client.top(number, 0)) and token in top:
            client.dele(number)
    client.quit()
