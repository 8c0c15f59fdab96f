"""One message, one transaction: mailboxes, queue and refusals."""

import contextlib
import mailbox
from dataclasses import replace

import pytest

from reference_server.envelope import Envelope, Notify, Recipient
from reference_server.mda.acceptance import Acceptance
from reference_server.mda.files import MailFiles
from reference_server.relay.model import Attempt, Fate, NextHop, Transport
from reference_server.store import StoreFailed
from reference_server.world.model import MailboxKind

MESSAGE = b"Subject: x\r\n\r\nHello.\r\n"


def waiting(context) -> dict[bytes, NextHop]:
    return {q.recipient.address: q.next_hop for entry in context.queue.entries() for q in entry.recipients}


def test_mailboxes_and_queue_in_one(at_home, mail, read) -> None:
    context = at_home()
    accepted = Acceptance(context).accept(mail("all@example.test", "bea@example.test"), MESSAGE)
    assert not accepted.refused
    assert read(context, "ann") == read(context, "bea") == [b"Return-Path: <zed@example.net>\r\n" + MESSAGE]
    assert waiting(context) == {b"cid@example.org": NextHop(Transport.SMTP, "example.org")}


def test_what_nobody_has_is_refused_and_nothing_is_kept(at_home, mail) -> None:
    context = at_home()
    accepted = Acceptance(context).accept(mail("nobody@example.test"), MESSAGE)
    assert {a: r.status for a, r in accepted.refused.items()} == {b"nobody@example.test": "5.1.1"}
    assert not context.queue.entries()


def test_a_full_disk_keeps_nothing(at_home, mail, read, monkeypatch) -> None:
    context = at_home()

    def full(*_: object) -> str:
        raise StoreFailed("disk full")

    monkeypatch.setattr(context.queue, "add", full)
    with pytest.raises(StoreFailed):
        Acceptance(context).accept(mail("all@example.test"), MESSAGE)
    assert read(context, "ann") == []


def test_a_forward_marks_the_message_and_knows_it_again(at_home, mail) -> None:
    context = at_home()
    Acceptance(context).accept(mail("dan@example.test"), MESSAGE)
    (entry,) = context.queue.entries()
    content = context.queue.content(entry.queue_id)
    assert content == b"Delivered-To: dan@example.test\r\n" + MESSAGE
    assert entry.envelope.reverse_path == b"zed@example.net"
    again = Acceptance(context).accept(mail("dan@example.test"), content)
    assert [r.status for r in again.refused.values()] == ["5.4.6"]


def test_a_body_that_speaks_of_delivery_is_no_loop(at_home, mail) -> None:
    context = at_home()
    accepted = Acceptance(context).accept(
        mail("dan@example.test"), MESSAGE + b"Delivered-To: dan@example.test\r\n"
    )
    assert not accepted.refused


def test_a_full_mailbox_is_tried_later_where_others_are_served(at_home, mail, read) -> None:
    context = at_home()
    large = MESSAGE + b"x" * 1000 + b"\r\n"
    alone = Acceptance(context).accept(mail("fay@example.test"), large)
    assert [(r.code, r.status) for r in alone.refused.values()] == [(452, "4.2.2")]
    both = Acceptance(context).accept(mail("fay@example.test", "ann@example.test"), large)
    assert not both.refused
    assert len(read(context, "ann")) == 1
    assert waiting(context) == {b"fay@example.test": NextHop(Transport.LOCAL, "mail.example.test")}


def test_an_alias_with_a_full_member_serves_the_others(at_home, town, mail, read) -> None:
    domain = replace(town.domains[0], aliases={"both": ("fay@example.test", "ann@example.test")})
    context = at_home(replace(town, domains=(domain, *town.domains[1:])))
    accepted = Acceptance(context).accept(mail("both@example.test"), MESSAGE + b"x" * 1000)
    assert not accepted.refused
    assert len(read(context, "ann")) == 1
    assert set(waiting(context)) == {b"fay@example.test"}


def test_a_queued_delivery_into_a_full_mailbox_is_deferred(at_home, mail, read) -> None:
    context = at_home()
    hop = NextHop(Transport.LOCAL, "mail.example.test")
    small, large = MESSAGE, MESSAGE + b"x" * 1000 + b"\r\n"
    outcomes = [
        Acceptance(context).deliver_queued(Attempt("Q", hop, mail("fay@example.test"), content))
        for content in (large, small)
    ]
    assert [o[b"fay@example.test"].fate for o in outcomes] == [Fate.DEFERRED, Fate.DELIVERED]
    assert len(read(context, "fay")) == 1


@pytest.mark.parametrize(
    ("changes", "transport"),
    [({"lmtp": True}, Transport.LMTP), ({"mailbox_kind": MailboxKind.MBOX}, Transport.LOCAL)],
)
def test_another_agent_gets_it_by_the_queue(at_home, mail, read, changes, transport) -> None:
    context = at_home(**changes)
    Acceptance(context).accept(mail("ann+lists@example.test"), MESSAGE)
    assert read(context, "ann") == []
    assert waiting(context) == {b"ann+lists@example.test": NextHop(transport, "mail.example.test")}


def test_an_alias_of_one_passes_the_notification_on_and_one_of_several_does_not(at_home) -> None:
    context = at_home()
    asked = Recipient(b"away@example.test", frozenset({Notify.SUCCESS}))
    plan = Acceptance(context).plan(envelope_for(asked), MESSAGE)
    (onward,) = plan.onward
    assert onward.recipient == Recipient(b"cid@example.org", asked.notify, asked=b"away@example.test")
    plan = Acceptance(context).plan(envelope_for(replace(asked, address=b"all@example.test")), MESSAGE)
    (onward,) = plan.onward
    assert onward.recipient.notify == {Notify.NEVER}
    assert plan.outcomes[b"all@example.test"].fate is Fate.EXPANDED


def envelope_for(recipient: Recipient):
    return Envelope(b"zed@example.net", (recipient,))


@pytest.mark.parametrize("kind", [MailboxKind.MBOX, MailboxKind.MAILDIR])
def test_a_queued_delivery_goes_into_a_file(at_home, mail, tmp_path, kind) -> None:
    context = at_home(mailbox_kind=kind, mail_directory=tmp_path)
    hop = NextHop(Transport.LOCAL, "mail.example.test")
    outcomes = Acceptance(context).deliver_queued(Attempt("Q", hop, mail("ann@example.test"), MESSAGE))
    assert outcomes[b"ann@example.test"].fate is Fate.DELIVERED
    files = MailFiles(tmp_path, kind)
    box = (
        mailbox.mbox(files.spool("ann"))
        if kind is MailboxKind.MBOX
        else mailbox.Maildir(files.maildir("ann"))
    )
    with contextlib.closing(box):
        (message,) = box
    assert message["Return-Path"] == "<zed@example.net>"
    assert message["Subject"] == "x"


def test_a_mailbox_file_that_cannot_be_written_is_tried_again(at_home, mail, tmp_path) -> None:
    (tmp_path / "spool").write_text("a file where the directory should be")
    context = at_home(mailbox_kind=MailboxKind.MBOX, mail_directory=tmp_path)
    hop = NextHop(Transport.LOCAL, "mail.example.test")
    outcomes = Acceptance(context).deliver_queued(Attempt("Q", hop, mail("ann@example.test"), MESSAGE))
    assert outcomes[b"ann@example.test"].fate is Fate.DEFERRED
    assert str(tmp_path) not in outcomes[b"ann@example.test"].diagnostic
