"""The batch scanner: mail is held in the queue, scanned with others from a directory, and released."""

import math
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from reference_server.context import Context
from reference_server.errand import trio_result
from reference_server.filters.builtin import virus_field
from reference_server.filters.chain import Chain, stages_of_batch
from reference_server.filters.intake import Intake, next_filter
from reference_server.filters.model import Client, Finding, Judgement, Mail, StageFailed
from reference_server.filters.stages import found, shown
from reference_server.filters.trace import split_trace
from reference_server.journal import Direction
from reference_server.mda.acceptance import Acceptance
from reference_server.relay.model import Attempt, Fate, NextHop, Outcome, Transport
from reference_server.relay.settling import Settling
from reference_server.store import StoreFailed
from reference_server.world.filters import StageSettings, Verdict

__all__ = ["BatchScanner"]

# Ours: how often the queue is looked at.
_LOOK_S: Final = 0.1

# As clamscan and its like end: 0 nothing found, 1 something found, anything else is a failure.
_CLEAN: Final = 0
_FOUND: Final = 1
_FOUND_WORD: Final = b"FOUND"


@dataclass
class BatchScanner:
    """One host's BATCH stage.

    The queue holds the mail, so that a crash at any moment loses nothing and lets nothing through: what was in the
    directory is scanned again. The directory has the messages of the batch that is being scanned, a file each.
    """

    context: Context
    settings: StageSettings
    directory: Path

    def __post_init__(self) -> None:
        acceptance = self.context.variant(Acceptance)(self.context)
        self._settling = self.context.variant(Settling)(self.context, acceptance)
        self._news = trio.Event()
        self._hop = NextHop(Transport.BATCH, self.settings.name)

    async def run(self) -> None:
        """For ever: when mail has waited for its interval, or a batch is full."""
        self.clear()
        token = trio.lowlevel.current_trio_token()

        def wake() -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(self._wake)

        unlisten = self.context.queue.listen(wake)
        try:
            while True:
                await self._until_due(1, math.inf)
                await self._until_due(self.settings.most, self.settings.interval_s)
                with suppress(StoreFailed):  # the next look tries again
                    await self.scan_once()
        finally:
            unlisten()

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def _until_due(self, most: int, wait_s: float) -> None:
        """Until so many messages are due; by the world's clock, which may be moved, so it is looked at often."""
        with trio.move_on_after(wait_s):
            while len(self.context.queue.due(self._hop, limit=most)) < most:
                with trio.move_on_after(_LOOK_S):
                    await self._news.wait()

    async def scan_once(self) -> int:
        """One batch of what is due; returns how many messages it had."""
        queue = self.context.queue
        ids = queue.due(self._hop, limit=self.settings.most)
        attempts = [found for each in ids if (found := queue.attempt(each, self._hop)) is not None]
        judgements = await trio_result(self.context.filter_workers.submit(lambda: self.scan(attempts)))
        for attempt, judgement in zip(attempts, judgements, strict=True):
            self.settle(attempt, judgement)
        return len(attempts)

    # In a worker thread

    def scan(self, attempts: Sequence[Attempt]) -> list[Judgement]:
        """Look at a batch; blocks as long as the stages' timeouts allow."""
        chain = self.context.variant(Chain)(
            self.context, stages_of_batch(self.context.site, self.settings.name)
        )
        paths = [self.directory / attempt.queue_id for attempt in attempts]
        mails = [self.mail(attempt) for attempt in attempts]
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            for path, attempt in zip(paths, attempts, strict=True):
                path.write_bytes(attempt.content)
            said = self.scanned() if self.settings.command else {}
        except (OSError, StageFailed) as exc:
            return [self.failed(chain, mail, str(exc)) for mail in mails]
        finally:
            self.clear()
        return [
            self.judged(chain, mail, said.get(path.name, b""))
            for mail, path in zip(mails, paths, strict=True)
        ]

    def clear(self) -> None:
        """Take away what a batch, or one that a crash ended, has left."""
        with suppress(OSError):
            for path in self.directory.iterdir():
                path.unlink()

    def mail(self, attempt: Attempt) -> Mail:
        trace, content = split_trace(attempt.content)
        client = Client(address="", name="")
        return Mail(attempt.envelope, content, client, trace, attempt.queue_id, self.context.hostname)

    def scanned(self) -> Mapping[str, bytes]:
        """What the scanner says of each file that it found something in, by the file's name.

        Raises:
            StageFailed: It could not be run, was slow, or did not end as scanners do.
        """
        command = [word.replace("{directory}", str(self.directory)) for word in self.settings.command]
        try:
            done = subprocess.run(  # noqa: S603 (the command is the world file's)
                command,
                capture_output=True,
                timeout=self.settings.timeout_s,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise StageFailed(f"{command[0]} cannot be run ({exc})") from exc
        if done.returncode not in (_CLEAN, _FOUND):
            raise StageFailed(f"{command[0]} ended with {done.returncode}: {shown(done.stderr)}")
        hits = {}
        for line in done.stdout.splitlines():
            path, _, said = line.rpartition(b": ")
            if said.endswith(_FOUND_WORD):
                hits[Path(path.decode("utf-8", "replace")).name] = said.removesuffix(_FOUND_WORD).strip()
        if done.returncode == _FOUND and not hits:
            raise StageFailed(f"{command[0]} found something and does not say where")
        return hits

    def judged(self, chain: Chain, mail: Mail, virus: bytes) -> Judgement:
        """By the scanner's word, then by the stages of the batch."""
        so_far = Judgement(Verdict.ACCEPT, mail)
        if self.settings.command:
            so_far = self.by_scanner(chain, so_far, virus)
        return chain.run(so_far.mail) if so_far.verdict is Verdict.ACCEPT else so_far

    def by_scanner(self, chain: Chain, so_far: Judgement, virus: bytes) -> Judgement:
        chain.tell(self.settings, f"batch, {self.settings.command[0]}", Direction.SENT)
        if virus:
            name = shown(virus)
            finding = found(self.settings.verdict, so_far.mail, name, virus_field(name))
        else:
            finding = Finding(Verdict.ACCEPT, so_far.mail, "clean")
        chain.tell_finding(self.settings, finding)
        return chain.judged(so_far, self.settings, finding)

    def failed(self, chain: Chain, mail: Mail, why: str) -> Judgement:
        chain.tell(self.settings, "batch", Direction.SENT)
        finding = chain.failed(self.settings, mail, why)
        chain.tell_finding(self.settings, finding)
        return chain.judged(Judgement(Verdict.ACCEPT, mail), self.settings, finding)

    # In the loop

    def settle(self, attempt: Attempt, judgement: Judgement) -> None:
        """Release the message, or do with it as was judged, in one transaction with the queue's record."""
        with self.context.store.transaction():
            outcomes = self.outcomes(attempt, judgement)
            self._settling.settle(attempt.queue_id, attempt.next_hop, outcomes)

    def outcomes(self, attempt: Attempt, judgement: Judgement) -> dict[bytes, Outcome]:
        addresses = [recipient.address for recipient in attempt.envelope.recipients]
        if judgement.verdict in (Verdict.REJECT, Verdict.TRY_LATER) and judgement.reply is not None:
            return dict.fromkeys(addresses, judgement.reply.outcome)
        mail = judgement.mail
        released = self.context.variant(Intake)(self.context).take(
            Judgement(
                judgement.verdict,
                mail.with_content(mail.trace + mail.content),
                judgement.stage,
                judgement.why,
            ),
            next_filter(self.context.site, None, self.settings.name),
            each_answered=True,
        )
        done = Outcome(Fate.DELIVERED, "2.0.0", f"{judgement.verdict} after the batch")
        return {
            address: refusal.outcome if (refusal := released.get(address)) else done for address in addresses
        }
