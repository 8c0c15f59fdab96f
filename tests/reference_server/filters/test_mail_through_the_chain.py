"""What becomes of mail whose chain says this or that: replies, mailboxes, queue, quarantine, bounces."""

from dataclasses import replace

import pytest

from reference_server import ONE_SERVER
from reference_server.faults import Faults
from reference_server.filters.model import Finding
from reference_server.filters.stages import Stage
from reference_server.mda.plan import Refusal
from reference_server.relay.model import Transport
from reference_server.smtp import Role
from reference_server.world.filters import OnFailure, Rule, StageKind, Verdict, Way

BUILT_IN = StageKind.BUILT_IN


def codes(replies) -> list[int]:
    return [reply.code for reply in replies]


def rule(tools, verdict, **conditions):
    return tools.stage(StageKind.RULES, rules=(Rule(verdict, **conditions),))


def test_ham_is_kept_octet_for_octet(tools, make_context) -> None:
    context = make_context(
        tools.stage(BUILT_IN), rule(tools, Verdict.REJECT, header="Subject", matches="spam")
    )
    (reply,) = tools.Talk(context).send(tools.HAM)
    assert reply.code == 250
    (kept,) = tools.inbox(context.store)
    assert kept.endswith(b"\r\n" + tools.HAM)
    assert kept.count(b"Received:") == 1


def test_a_virus_in_any_wrapping_is_refused(tools, make_context, wrapped_virus) -> None:
    context = make_context(tools.stage(BUILT_IN))
    (reply,) = tools.Talk(context).send(wrapped_virus)
    assert (reply.code, str(reply.enhanced)) == (550, "5.7.1")
    assert "Eicar-Test-Signature" in reply.text
    assert not tools.inbox(context.store)
    assert not context.queue.entries()


def test_spam_is_tagged_below_the_trace_fields(tools, make_context) -> None:
    context = make_context(tools.stage(BUILT_IN))
    content = tools.sealed(tools.letter(tools.GTUBE.decode() + "\n"))
    assert codes(tools.Talk(context).send(content)) == [250]
    (kept,) = tools.inbox(context.store)
    above, flag, below = kept.partition(b"X-Spam-Flag: YES\r\n")
    assert flag
    assert above.startswith(b"Return-Path:")
    assert b"\r\nReceived: from" in above
    assert below.endswith(content)


@pytest.mark.parametrize(
    ("verdict", "code", "kept", "held"),
    [
        (Verdict.REJECT, 550, 0, 0),
        (Verdict.TRY_LATER, 451, 0, 0),
        (Verdict.DISCARD, 250, 0, 0),
        (Verdict.QUARANTINE, 250, 0, 1),
        (Verdict.ACCEPT, 250, 1, 0),
    ],
)
def test_each_verdict(tools, make_context, verdict, code, kept, held) -> None:
    context = make_context(rule(tools, verdict))
    (reply,) = tools.Talk(context).send(tools.HAM)
    assert reply.code == code
    assert len(tools.inbox(context.store)) == kept
    assert [e.recipients[0].next_hop.transport for e in context.queue.entries()] == [
        Transport.QUARANTINE
    ] * held


def test_a_rule_rewrites_what_it_names_and_no_more(tools, make_context) -> None:
    context = make_context(rule(tools, Verdict.REWRITE, fields={"Subject": "[seen]", "X-Seen": "yes"}))
    tools.Talk(context).send(tools.HAM)
    (kept,) = tools.inbox(context.store)
    assert kept.endswith(b"X-Seen: yes\r\n" + tools.HAM.replace(b"=?utf-8?q?caf=C3=A9?=", b"[seen]"))


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({"header": "subject", "matches": "CAF"}, True),
        ({"header": "Subject", "matches": "tea"}, False),
        ({"header": "X-Odd"}, True),
        ({"header": "X-Even"}, False),
        ({"sender": "alice@*"}, True),
        ({"sender": "<>"}, False),
        ({"recipient": "B?b@EXAMPLE.test"}, True),
        ({"recipient": "carol@*"}, False),
        ({"larger_than": 1000}, True),
        ({"larger_than": 100_000}, False),
        ({"sender": "alice@*", "header": "X-Even"}, False),
    ],
)
def test_a_rule_holds_where_all_its_conditions_do(tools, make_context, conditions, holds) -> None:
    context = make_context(rule(tools, Verdict.REJECT, **conditions))
    assert codes(tools.Talk(context).send(tools.HAM)) == [550 if holds else 250]


def test_viruses_come_before_spam_and_rules_whatever_the_order_in_the_file(tools, make_context) -> None:
    context = make_context(rule(tools, Verdict.ACCEPT), tools.stage(BUILT_IN))
    said: list[str] = []
    context.journal.listen(lambda event: said.append(event.text))
    tools.Talk(context).send(tools.HAM)
    asked = [text for text in said if text in ("rules", "built-in (virus)", "built-in (spam)")]
    assert asked == ["built-in (virus)", "built-in (spam)", "rules"]


# Failure


@pytest.mark.parametrize("kind", [StageKind.CLAMD, StageKind.SPAMD, StageKind.MILTER])
def test_mail_that_a_filter_cannot_look_at_is_put_off_and_is_nowhere(
    tools, make_context, broken, kind
) -> None:
    context = make_context(tools.stage(kind, at=broken))
    (reply,) = tools.Talk(context).send(tools.HAM)
    assert (reply.code, str(reply.enhanced)) == (451, "4.7.1")
    assert not tools.inbox(context.store)
    assert not context.queue.entries()


def test_mail_passes_a_filter_that_is_down_only_where_it_is_asked_for_and_says_so(
    tools, make_context
) -> None:
    down = tools.stage(StageKind.CLAMD, at=tools.nobody(), on_failure=OnFailure.ACCEPT)
    context = make_context(down, rule(tools, Verdict.ACCEPT))
    assert codes(tools.Talk(context).send(tools.HAM)) == [250]
    (kept,) = tools.inbox(context.store)
    assert b"\r\nX-Mailproof-Unchecked: clamd; failed: 127.0.0.1:" in kept
    assert kept.endswith(tools.HAM)


def test_a_stage_is_out_of_service_as_long_as_its_file_is_there(tools, make_context, tmp_path) -> None:
    file = tmp_path / "down"
    context = make_context(tools.stage(BUILT_IN, down_while=file))
    file.touch()
    (while_down,) = tools.Talk(context).send(tools.HAM)
    file.unlink()
    (afterwards,) = tools.Talk(context).send(tools.HAM)
    assert (while_down.code, afterwards.code) == (451, 250)
    assert len(tools.inbox(context.store)) == 1


def test_what_is_too_large_for_a_filter_is_not_shown_to_it(tools, make_context) -> None:
    context = make_context(tools.stage(StageKind.CLAMD, at=tools.nobody(), largest=100))
    assert codes(tools.Talk(context).send(tools.HAM)) == [250]


def test_only_the_listeners_that_are_named_show_their_mail(tools, make_context) -> None:
    down = tools.stage(StageKind.CLAMD, at=tools.nobody(), ways=(Way.LMTP,))
    context = make_context(down)
    assert codes(tools.Talk(context).send(tools.HAM)) == [250]
    assert codes(tools.Talk(context, Role.LMTP).send(tools.HAM)) == [451]


def test_a_host_shows_nothing_twice_when_it_hands_mail_to_its_own_agent(tools, make_context) -> None:
    world = replace(ONE_SERVER, hosts=(replace(ONE_SERVER.hosts[0], lmtp=True),))
    context = make_context(tools.stage(StageKind.CLAMD, at=tools.nobody()), world=world)
    assert codes(tools.Talk(context, Role.LMTP).send(tools.HAM)) == [250]


def test_commands_that_came_behind_the_message_wait_for_the_filters(tools, make_context) -> None:
    context = make_context(tools.stage(BUILT_IN))
    talk = tools.Talk(context)
    talk.say(b"MAIL FROM:<alice@example.test>\r\nRCPT TO:<bob@example.test>\r\n")
    replies = talk.say(b"DATA\r\n" + b"A: b\r\n\r\nc\r\n.\r\nNOOP\r\nMAIL FROM:<>\r\n")
    assert codes(replies) == [354, 250, 250, 250]
    assert len(tools.inbox(context.store)) == 1


# Some recipients


class Doorman(Stage):
    """Refuses recipients by their names; `codes` is set by the test."""

    codes: dict[bytes, int]
    added: bytes = b""

    def look(self, mail):
        from reference_server.envelope import Recipient

        recipients = mail.envelope.recipients
        refused = {
            r: Refusal(c, f"{c // 100}.1.1", "no") for r in recipients if (c := self.codes.get(r.address))
        }
        left = tuple(r for r in recipients if r not in refused)
        left += (Recipient(self.added),) if self.added else ()
        envelope = replace(mail.envelope, recipients=left)
        return Finding(Verdict.ACCEPT, replace(mail, envelope=envelope), "looked", refused=refused)


@pytest.fixture
def doorman(tools, make_context, monkeypatch):
    def make(role=Role.MX, added: str = "", **codes: int):
        from reference_server.filters import chain

        own = {f"{name}@example.test".encode(): code for name, code in codes.items()}
        made = type("OurDoorman", (Doorman,), {"codes": own, "added": added.encode()})
        monkeypatch.setitem(chain._LOOKERS, StageKind.BUILT_IN, (made,))
        context = make_context(tools.stage(BUILT_IN))
        return context, tools.Talk(context, role)

    return make


def test_where_all_are_refused_the_reply_says_so(tools, doorman) -> None:
    context, talk = doorman(bob=550, carol=551)
    assert codes(talk.send(tools.HAM, "bob@example.test", "carol@example.test")) == [550]
    assert not tools.inbox(context.store)
    assert not tools.inbox(context.store, "alice")


@pytest.mark.parametrize(("bob", "carol", "code"), [(551, 550, 551), (550, 451, 451), (421, 550, 421)])
def test_where_all_are_refused_the_reply_is_the_one_that_leaves_most_open(
    tools, doorman, bob, carol, code
) -> None:
    context, talk = doorman(bob=bob, carol=carol)
    assert codes(talk.send(tools.HAM, "bob@example.test", "carol@example.test")) == [code]
    assert talk.session.closing is (code == 421)
    assert not context.queue.entries()


def test_where_some_are_refused_the_sender_has_a_bounce_for_those(tools, doorman) -> None:
    context, talk = doorman(bob=550)
    assert codes(talk.send(tools.HAM, "bob@example.test", "carol@example.test")) == [250]
    assert not tools.inbox(context.store, "bob")
    assert len(tools.inbox(context.store, "carol")) == 1
    (bounce,) = tools.inbox(context.store, "alice")
    assert b"Final-Recipient: rfc822; bob@example.test" in bounce
    assert b"carol" not in bounce.partition(b"message/rfc822")[0].partition(b"text/rfc822-headers")[0]


def test_where_one_is_put_off_the_message_comes_again_for_all(tools, doorman) -> None:
    context, talk = doorman(bob=451)
    assert codes(talk.send(tools.HAM, "bob@example.test", "carol@example.test")) == [451]
    assert not tools.inbox(context.store, "carol")


def test_in_lmtp_each_recipient_has_its_own_reply(tools, doorman) -> None:
    context, talk = doorman(Role.LMTP, alice=451, bob=550)
    replies = talk.send(tools.HAM, "alice@example.test", "bob@example.test", "carol@example.test")
    assert codes(replies) == [451, 550, 250]
    assert len(tools.inbox(context.store, "carol")) == 1
    assert not tools.inbox(context.store, "alice")


def test_in_lmtp_all_may_be_refused_each_with_its_own_reply(tools, doorman) -> None:
    _, talk = doorman(Role.LMTP, alice=451, bob=550)
    assert codes(talk.send(tools.HAM, "alice@example.test", "bob@example.test")) == [451, 550]


@pytest.mark.parametrize("role", [Role.MX, Role.LMTP])
def test_a_recipient_that_a_filter_adds_gets_it_or_the_sender_is_told(tools, doorman, role) -> None:
    context, talk = doorman(role, added="carol@example.test")
    assert codes(talk.send(tools.HAM)) == [250]
    assert len(tools.inbox(context.store, "carol")) == 1
    context, talk = doorman(role, added="nobody@example.test")
    assert codes(talk.send(tools.HAM)) == [250]
    (bounce,) = tools.inbox(context.store, "alice")
    assert b"nobody@example.test" in bounce


# Faults


@pytest.mark.parametrize(
    ("fault", "content", "down", "code", "kept"),
    [
        ("filters.passes-unscanned-when-down", "ham", True, 250, True),
        ("filters.loses-when-down", "ham", True, 250, False),
        ("filters.refuses-when-down", "ham", True, 554, False),
        ("filters.virus-passed-in-zip", "zip", False, 250, True),
        ("filters.virus-passed-in-base64", "base64", False, 250, True),
        ("filters.virus-passed-when-forwarded", "forwarded", False, 250, True),
        ("filters.virus-swallowed", "base64", False, 250, False),
    ],
)
def test_a_fault_does_what_it_says(tools, make_context, fault, content, down, code, kept) -> None:
    stages = [tools.stage(StageKind.CLAMD, at=tools.nobody())] if down else [tools.stage(BUILT_IN)]
    context = make_context(*stages, faults=Faults([fault]))
    message = tools.HAM if content == "ham" else tools.wrappings[content]()
    assert codes(tools.Talk(context).send(message)) == [code]
    assert bool(tools.inbox(context.store)) is kept
