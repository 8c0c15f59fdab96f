"""The sending dialogue against replies from a list: what is said, and what becomes of each recipient."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConnectionLost, RemoteProtocolError, TimedOut
from harness.wire.smtp.replies import Reply
from reference_server.envelope import Body, Envelope, Recipient
from reference_server.relay.dialogue import Dialogue
from reference_server.relay.model import Fate, Outcome
from reference_server.relay.talk import Commands, Content, Doubt, Listen, Refused, StartTls, Step, Talk

CONTENT = b"Subject: x\r\n\r\n.dot\r\n"
ALL = "PIPELINING", "8BITMIME", "SIZE 1000", "DSN", "CHUNKING", "BINARYMIME", "SMTPUTF8"

# What a peer says that ends a command or does not, and what it must not say at all.
CODES = (250, 251, 354, 421, 450, 452, 550, 552, 150, 350, 600, 999)
TROUBLE = (
    ConnectionLost("mx", "closed"),
    TimedOut("mx", "no reply"),
    RemoteProtocolError("not a reply line"),
)

Answer = Reply | Exception


def reply(code: int, *lines: str) -> Reply:
    texts = tuple(line.encode() for line in lines or ("text",))
    return Reply(code, texts, b"")


def envelope(*names: str, **more: object) -> Envelope:
    recipients = tuple(Recipient(f"{name}@example.test".encode()) for name in names)
    return Envelope(b"sender@example.org", recipients, **more)


@dataclass
class Peer:
    """Answers by `says`, which gets the verb; keeps what was sent.

    Attributes:
        finals: How many replies follow the content.
        lines: The command lines.
        wire: All octets.
        answered: Verb and code of what was heard, in order.
    """

    says: Callable[[str], Answer]
    lmtp: bool = False
    lines: list[bytes] = field(default_factory=list)
    wire: bytes = b""
    answered: list[tuple[str, int]] = field(default_factory=list)
    trouble_on_content: Exception | None = None
    _due: deque[str] = field(default_factory=lambda: deque(["greeting"]))
    _accepted: int = 0
    _doubt: bool = False

    def play(self, talk: Talk[object]) -> object:
        """Carry a talk out to its end; returns what it returns."""
        proceed: Callable[[], Step] = partial(next, talk)
        try:
            while True:
                step = proceed()
                try:
                    proceed = partial(talk.send, self.meet(step))
                except (ConnectionLost, TimedOut, RemoteProtocolError) as exc:
                    proceed = partial(talk.throw, exc)
        except StopIteration as stop:
            return stop.value

    def meet(self, step: Step) -> list[Reply]:
        match step:
            case Commands(octets):
                assert not self._due, "a group is sent before all replies to the last one are read"
                self.wire += octets
                for line in octets.removesuffix(b"\r\n").split(b"\r\n"):
                    self.lines.append(line)
                    verb = line.partition(b" ")[0].decode()
                    self._accepted = 0 if verb == "MAIL" else self._accepted
                    self._due.append(verb)
            case Content(octets):
                self.meet_content(octets)
            case Doubt():
                self._doubt = True
            case StartTls():
                pass
            case Listen():
                return self.answers(step.most)
        return []

    def meet_content(self, octets: bytes) -> None:
        self.wire += octets
        line = octets.partition(b"\r\n")[0]
        if self._doubt:
            self._due += ["final"] * (self._accepted if self.lmtp else 1)
        elif self.trouble_on_content is not None:
            self._due.append("early")
        elif octets == b".\r\n" or (line.startswith(b"BDAT ") and not line.endswith(b" LAST")):
            self._due.append("chunk")  # one that is not the last, or the dot for nobody
        self._doubt = False
        if self.trouble_on_content is not None:
            raise self.trouble_on_content

    def answers(self, most: int) -> list[Reply]:
        assert self._due, "a reply is awaited that nobody owes"
        replies: list[Reply] = []
        while self._due and len(replies) < most:
            verb = self._due.popleft()
            said = self.says(verb)
            if isinstance(said, Exception):
                if not replies:
                    raise said
                self._due.appendleft(verb)
                break
            self.answered.append((verb, said.code))
            self._accepted += verb == "RCPT" and said.klass == 2
            replies.append(said)
        return replies


def saying(*answers: Answer | int) -> Callable[[str], Answer]:
    """Answers in order, whatever is asked; a number is a reply with this code."""
    waiting: Iterator[Answer | int] = iter(answers)

    def says(verb: str) -> Answer:
        answer = next(waiting)
        return reply(answer) if isinstance(answer, int) else answer

    return says


def opened(*extensions: str, **more: bool) -> Dialogue:
    """A dialogue behind its EHLO."""
    dialogue = Dialogue(hello="me.example.org", remote="mx.example.test", tls=None, **more)
    Peer(saying(220, reply(250, "mx", *extensions))).play(dialogue.open())
    return dialogue


def transacted(
    dialogue: Dialogue, peer: Peer, mail: Envelope, content: bytes = CONTENT
) -> tuple[dict[bytes, Outcome], dict[bytes, Outcome]]:
    """Who was recorded, once each, and who was returned."""
    recorded: dict[bytes, Outcome] = {}

    def record(outcomes: Mapping[bytes, Outcome]) -> None:
        assert outcomes
        assert not recorded.keys() & outcomes.keys()
        recorded.update(outcomes)

    peer._due.clear()
    put_off = peer.play(dialogue.transact(mail, content, record))
    assert isinstance(put_off, dict)
    assert not recorded.keys() & put_off.keys()
    assert recorded.keys() | put_off.keys() == {recipient.address for recipient in mail.recipients}
    return recorded, put_off


def fates(outcomes: Mapping[bytes, Outcome]) -> dict[str, str]:
    return {address.partition(b"@")[0].decode(): str(outcome.fate) for address, outcome in outcomes.items()}


# Opening


def test_the_session_begins_with_ehlo_after_the_greeting() -> None:
    dialogue = Dialogue(hello="me.example.org", remote="mx", tls=None)
    peer = Peer(saying(220, reply(250, "mx", "SIZE 1000", "pipelining")))
    peer.play(dialogue.open())
    assert peer.lines == [b"EHLO me.example.org"]
    assert dialogue.extensions == {"SIZE": "1000", "PIPELINING": ""}
    assert dialogue.alive


def test_a_peer_that_knows_no_ehlo_gets_helo_and_no_extension() -> None:
    dialogue = Dialogue(hello="me.example.org", remote="mx")
    peer = Peer(saying(220, 500, reply(250, "mx", "SIZE 1000", "STARTTLS")))
    peer.play(dialogue.open())
    assert peer.lines == [b"EHLO me.example.org", b"HELO me.example.org"]
    assert dialogue.extensions == {}


def test_lmtp_says_lhlo_and_never_helo() -> None:
    dialogue = Dialogue(hello="me.example.org", remote="mda", lmtp=True)
    peer = Peer(saying(220, 500))
    refused = refusal(peer, dialogue)
    assert peer.lines == [b"LHLO me.example.org"]
    assert refused.fate is Fate.FAILED


def refusal(peer: Peer, dialogue: Dialogue) -> Outcome:
    try:
        peer.play(dialogue.open())
    except Refused as exc:
        return exc.outcome
    raise AssertionError("it was not refused")


def test_a_refusal_tells_for_how_long_it_holds() -> None:
    for code, fate in ((421, Fate.DEFERRED), (450, Fate.DEFERRED), (521, Fate.FAILED), (554, Fate.FAILED)):
        for before in ([], [220]):
            if before and code == 521:
                continue
            dialogue = Dialogue(hello="me.example.org", remote="mx")
            outcome = refusal(Peer(saying(*before, code, code)), dialogue)
            assert (outcome.fate, outcome.by_peer) == (fate, True)
            assert dialogue.alive == (code != 421)


def test_starttls_is_followed_by_another_ehlo_whose_offer_counts() -> None:
    dialogue = Dialogue(hello="me.example.org", remote="mx")
    peer = Peer(saying(220, reply(250, "mx", "STARTTLS", "DSN"), 220, reply(250, "mx", "SIZE")))
    peer.play(dialogue.open())
    assert peer.lines == [b"EHLO me.example.org", b"STARTTLS", b"EHLO me.example.org"]
    assert dialogue.extensions == {"SIZE": ""}


def test_a_peer_that_cannot_do_tls_just_now_gets_mail_in_the_clear() -> None:
    dialogue = Dialogue(hello="me.example.org", remote="mx")
    Peer(saying(220, reply(250, "mx", "STARTTLS", "DSN"), 454)).play(dialogue.open())
    assert dialogue.alive
    assert "DSN" in dialogue.extensions


# One transaction


def test_with_pipelining_data_is_the_last_of_one_group() -> None:
    peer = Peer(saying(250, 250, 550, 354, 250))
    recorded, put_off = transacted(opened("PIPELINING"), peer, envelope("a", "b"))
    assert peer.wire.startswith(
        b"MAIL FROM:<sender@example.org>\r\nRCPT TO:<a@example.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n"
    )
    assert peer.wire.endswith(b"DATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\n")
    assert (fates(recorded), put_off) == ({"a": "relayed", "b": "failed"}, {})


def test_without_pipelining_nothing_follows_a_refused_mail() -> None:
    peer = Peer(saying(450))
    recorded, put_off = transacted(opened(), peer, envelope("a", "b"))
    assert peer.lines == [b"MAIL FROM:<sender@example.org>"]
    assert (recorded, fates(put_off)) == ({}, {"a": "deferred", "b": "deferred"})


def test_a_354_after_no_recipient_is_met_with_a_single_dot() -> None:
    peer = Peer(saying(250, 550, 550, 354, 554))
    recorded, _ = transacted(opened("PIPELINING"), peer, envelope("a", "b"))
    assert peer.wire.endswith(b"DATA\r\n.\r\n")
    assert fates(recorded) == {"a": "failed", "b": "failed"}


def test_an_lmtp_peer_that_wants_content_for_nobody_gets_none() -> None:
    dialogue = opened("PIPELINING", lmtp=True)
    peer = Peer(saying(250, 450, 354), lmtp=True)
    recorded, put_off = transacted(dialogue, peer, envelope("a"))
    assert peer.wire.endswith(b"DATA\r\n")
    assert (recorded, fates(put_off), dialogue.alive) == ({}, {"a": "deferred"}, False)


def test_rset_comes_first_after_a_transaction_that_did_not_end() -> None:
    dialogue = opened("PIPELINING")
    transacted(dialogue, Peer(saying(250, 550, 503)), envelope("a"))
    peer = Peer(saying(250, 250, 250, 354, 250))
    transacted(dialogue, peer, envelope("a"))
    assert peer.lines[:2] == [b"RSET", b"MAIL FROM:<sender@example.org>"]
    again = Peer(saying(250, 250, 354, 250))
    transacted(dialogue, again, envelope("a"))
    assert again.lines[0] == b"MAIL FROM:<sender@example.org>"


def test_recipients_that_are_too_many_go_at_once_in_another_transaction() -> None:
    for code in (452, 552):
        peer = Peer(saying(250, 250, 250, code, code, 354, 250, 250, 250, 550, 354, 250))
        recorded, put_off = transacted(opened("PIPELINING"), peer, envelope("a", "b", "c", "d"))
        assert [line.partition(b" ")[0] for line in peer.lines].count(b"MAIL") == 2
        assert fates(recorded) == {"a": "relayed", "b": "relayed", "c": "relayed", "d": "failed"}
        assert put_off == {}


def test_452_is_no_reason_to_try_again_at_once_where_nobody_was_taken_or_the_code_says_so() -> None:
    first = Peer(saying(250, 452, 503))
    assert fates(transacted(opened("PIPELINING"), first, envelope("a"))[1]) == {"a": "deferred"}
    full = Peer(saying(250, 250, reply(452, "4.2.2 mailbox full"), 354, 250))
    assert fates(transacted(opened("PIPELINING"), full, envelope("a", "b"))[1]) == {"b": "deferred"}


def test_552_about_the_size_is_permanent() -> None:
    peer = Peer(saying(250, 250, reply(552, "5.2.3 too large for this mailbox"), 354, 250))
    assert fates(transacted(opened("PIPELINING"), peer, envelope("a", "b"))[0])["b"] == "failed"


def test_lmtp_has_a_reply_for_each_recipient_that_was_taken() -> None:
    peer = Peer(saying(250, 250, 550, 250, 250, 354, 250, 450, 550), lmtp=True)
    recorded, put_off = transacted(opened("PIPELINING", lmtp=True), peer, envelope("a", "b", "c", "d"))
    assert fates(recorded) == {"a": "relayed", "b": "failed", "d": "failed"}
    assert fates(put_off) == {"c": "deferred"}


def test_a_connection_lost_before_the_final_reply_leaves_the_message_in_doubt() -> None:
    dialogue = opened("PIPELINING")
    peer = Peer(saying(250, 250, 354, ConnectionLost("mx", "closed")))
    recorded, put_off = transacted(dialogue, peer, envelope("a"))
    assert (fates(recorded), put_off, dialogue.alive) == ({"a": "deferred"}, {}, False)
    assert recorded[b"a@example.test"].status == "4.4.2"


def test_a_peer_that_stops_the_content_is_heard() -> None:
    dialogue = opened("PIPELINING")
    peer = Peer(saying(250, 250, 354, reply(552, "5.3.4 too big")))
    peer.trouble_on_content = ConnectionLost("mx", "reset")
    recorded, _ = transacted(dialogue, peer, envelope("a"), CONTENT + b"x" * 10_000)
    assert recorded[b"a@example.test"].status == "5.3.4"
    assert not dialogue.alive


def test_421_defers_who_has_no_answer_yet_and_ends_the_session() -> None:
    dialogue = opened("PIPELINING")
    recorded, put_off = transacted(dialogue, Peer(saying(250, 550, 421)), envelope("a", "b", "c"))
    assert (fates(recorded), fates(put_off)) == ({"a": "failed"}, {"b": "deferred", "c": "deferred"})
    assert put_off[b"c@example.test"].diagnostic == "421 text"
    assert not dialogue.alive


def test_chunks_are_answered_one_by_one_and_none_follows_a_refusal() -> None:
    big = b"Subject: x\r\n\r\n" + b"text\r\n" * 500_000
    dialogue = opened("CHUNKING", "PIPELINING")
    dialogue.prefer_chunks = True
    whole = Peer(saying(250, 250, 250, 250, 250))
    recorded, _ = transacted(dialogue, whole, envelope("a"), big)
    assert fates(recorded) == {"a": "relayed"}
    assert whole.wire.count(b"BDAT ") == 3
    assert whole.wire.count(b" LAST\r\n") == 1
    refused = Peer(saying(250, 250, 250, 452))
    _, put_off = transacted(dialogue, refused, envelope("a"), big)
    assert fates(put_off) == {"a": "deferred"}
    assert refused.wire.count(b"BDAT ") == 2
    after = Peer(saying(250, 250, 250, 250))
    transacted(dialogue, after, envelope("a"))
    assert after.lines[0] == b"RSET"


def test_groups_of_commands_stay_small_enough_for_a_tcp_window() -> None:
    names = [f"recipient-number-{number}" for number in range(300)]
    peer = Peer(lambda verb: reply(354 if verb == "DATA" else 250))
    sizes: list[int] = []
    meet = peer.meet

    def measured(step: Step) -> list[Reply]:
        if isinstance(step, Commands):
            sizes.append(len(step.octets))
        return meet(step)

    peer.meet = measured
    recorded, _ = transacted(opened("PIPELINING"), peer, envelope(*names))
    assert set(fates(recorded).values()) == {"relayed"}
    assert len(sizes) > 1
    assert max(sizes) <= 4096


def test_binary_content_goes_by_bdat() -> None:
    peer = Peer(saying(250, 250, 250))
    content = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\r\n.\r\n"
    recorded, _ = transacted(opened(*ALL), peer, envelope("a", body=Body.BINARY), content)
    assert peer.lines[0] == b"MAIL FROM:<sender@example.org> SIZE=%d BODY=BINARYMIME" % len(content)
    assert peer.wire.endswith(b"BDAT %d LAST\r\n%s" % (len(content), content))
    assert fates(recorded) == {"a": "delivered"}


def test_quit_is_said_to_a_peer_that_listens_and_whatever_it_does_is_well() -> None:
    for answer in (221, 421, 500, *TROUBLE):
        dialogue = opened()
        peer = Peer(saying(answer))
        peer._due.clear()
        peer.play(dialogue.quit())
        assert peer.lines == [b"QUIT"]
        assert not dialogue.alive
        peer.play(dialogue.quit())
        assert peer.lines == [b"QUIT"]


# Laws

answers = st.sampled_from([*[reply(code) for code in CODES], *TROUBLE])
mostly_well = st.one_of(st.none(), st.none(), answers)


@given(
    data=st.data(),
    names=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True),
    offered=st.sets(st.sampled_from(ALL)),
    lmtp=st.booleans(),
    prefer_chunks=st.booleans(),
    long=st.booleans(),
    cut=st.sampled_from([None, *TROUBLE]),
)
def test_whatever_is_replied_each_recipient_has_one_outcome_and_it_is_true(
    data: st.DataObject,
    names: list[str],
    offered: Iterable[str],
    lmtp: bool,
    prefer_chunks: bool,
    long: bool,
    cut: Exception | None,
) -> None:
    dialogue = opened(*sorted(offered), lmtp=lmtp)
    dialogue.prefer_chunks = prefer_chunks

    def says(verb: str) -> Answer:
        return data.draw(mostly_well, verb) or reply(354 if verb == "DATA" else 250)

    peer = Peer(says, lmtp=lmtp, trouble_on_content=cut)
    content = CONTENT + b"x" * 9000 * long
    recorded, put_off = transacted(dialogue, peer, envelope(*names), content)

    finals = [code for verb, code in peer.answered if verb == "final"]
    took = [code for code in finals if code // 100 == 2]
    taken = [o for o in recorded.values() if o.fate in {Fate.DELIVERED, Fate.RELAYED}]
    assert bool(taken) <= bool(took)
    if lmtp and all(code // 100 in {2, 4, 5} for code in finals):
        assert len(taken) == len(took)
    assert all(outcome.fate is Fate.DEFERRED for outcome in put_off.values())
    # Whoever is deferred for good had no answer to a whole message.
    in_doubt = [o for o in recorded.values() if o.fate is Fate.DEFERRED]
    assert not any(outcome.by_peer for outcome in in_doubt)
    assert not (in_doubt and dialogue.alive)
    assert all(outcome.remote == "mx.example.test" for outcome in (*recorded.values(), *put_off.values()))


@given(
    codes=st.lists(st.sampled_from([250, 450, 550]), min_size=3, max_size=6),
    data_code=st.sampled_from([354, 451, 554]),
    final=st.sampled_from([250, 451, 554]),
    pipelining=st.booleans(),
)
def test_each_recipient_gets_the_worst_of_the_replies_about_it(
    codes: list[int], data_code: int, final: int, pipelining: bool
) -> None:
    mail, *rcpts = codes
    names = [f"r{number}" for number in range(len(rcpts))]
    waiting = iter(rcpts)

    def says(verb: str) -> Reply:
        fixed = {"MAIL": mail, "DATA": data_code, "final": final, "chunk": 250}
        return reply(next(waiting) if verb == "RCPT" else fixed[verb])

    dialogue = opened(*["PIPELINING"] * pipelining)
    recorded, put_off = transacted(dialogue, Peer(says), envelope(*names))
    words = {2: "relayed", 3: "relayed", 4: "deferred", 5: "failed"}

    def expected(rcpt: int) -> str:
        about = [mail, rcpt, data_code, final]
        return words[next((code for code in about if code >= 400), 250) // 100]

    found = fates(recorded) | fates(put_off)
    assert found == {name: expected(rcpt) for name, rcpt in zip(names, rcpts, strict=True)}
    assert set(fates(put_off).values()) <= {"deferred"}
