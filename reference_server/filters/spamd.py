"""SpamAssassin: a client of spamd's protocol, SPAMC/1.5, over TCP or a Unix socket."""

import re
from dataclasses import dataclass
from typing import Final

from reference_server.filters.builtin import spam_fields
from reference_server.filters.line import FilterLine
from reference_server.filters.model import Finding, Mail, StageFailed
from reference_server.filters.stages import Stage, Turn, clean, shown
from reference_server.world.filters import Verdict

__all__ = ["Answer", "Spamd", "read_answer"]

_STATUS: Final = re.compile(rb"SPAMD/[0-9.]+ (?P<code>\d+) (?P<text>[^\r\n]*)")
_VERDICT: Final = re.compile(
    r"(?P<spam>True|False|Yes|No)\s*;\s*(?P<score>-?\d+(?:\.\d+)?)\s*/\s*(?P<required>-?\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
# Ours: what report_safe adds to a message at most.
_ADDED_OCTETS: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What spamd says of a message: of SYMBOLS the rules that hit, of PROCESS and HEADERS the message it makes."""

    spam: bool
    score: float
    required: float
    body: bytes


def read_answer(head: bytes, body: bytes) -> Answer:
    """Read an answer; `head` is what stands before the blank line.

    Raises:
        StageFailed: It is none, or says that spamd could not do it.
    """
    lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(lines[0])
    if status is None:
        raise StageFailed(f"spamd answers {shown(lines[0])!r}, which is not its protocol")
    if status["code"] != b"0":
        raise StageFailed(f"spamd says {shown(status['code'] + b' ' + status['text'])!r}")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])
    }
    verdict = _VERDICT.fullmatch(headers.get(b"spam", b"").decode("latin-1"))
    if verdict is None:
        raise StageFailed("spamd's answer has no verdict")
    length = headers.get(b"content-length", b"")
    if length and (not length.isdigit() or int(length) != len(body)):
        raise StageFailed("spamd's answer is cut short")
    return Answer(
        verdict["spam"].lower() in ("true", "yes"), float(verdict["score"]), float(verdict["required"]), body
    )


class Spamd(Stage):
    """Asks for the rules that hit (SYMBOLS) or, where spam is rewritten, for the message spamd makes of it (PROCESS).

    spamd is shown the Received field of this host, which tells it who brought the message, and no recipient.
    """

    turn = Turn.SPAM

    def look(self, mail: Mail) -> Finding:
        rewrites = self.settings.verdict is Verdict.REWRITE
        answer = self.asked(b"PROCESS" if rewrites else b"SYMBOLS", mail.trace + mail.content)
        heard = b"Spam: %s ; %.1f / %.1f\r\n" % (str(answer.spam).encode(), answer.score, answer.required)
        score = f"{answer.score:g} of {answer.required:g}"
        if not answer.spam:
            return clean(mail, f"no spam, {score}", heard=heard)
        if rewrites:
            return self.rewritten(mail, answer, f"spam, {score}", heard)
        tests = shown(answer.body)
        fields = spam_fields(answer.score, answer.required, tests)
        return self.found(mail, f"spam, {score}: {tests}", *fields, heard=heard + answer.body)

    def rewritten(self, mail: Mail, answer: Answer, said: str, heard: bytes) -> Finding:
        """The message as spamd makes it, but with this host's trace field on top, once."""
        content = answer.body.replace(mail.trace, b"", 1)
        change = f"rewritten by spamd, {len(mail.content)} octets before, {len(content)} now"
        return Finding(Verdict.REWRITE, mail.with_content(content), said, changes=(change,), heard=heard)

    def asked(self, command: bytes, message: bytes) -> Answer:
        if self.settings.at is None:
            raise StageFailed("no spamd is named")
        with FilterLine(self.settings.at, self.settings.timeout_s) as line:
            line.ask(b"%s SPAMC/1.5\r\nContent-length: %d\r\n\r\n" % (command, len(message)) + message)
            line.end_of_question()
            line.renew()
            answer = line.take_rest(len(message) + _ADDED_OCTETS)
        head, divided, body = answer.partition(b"\r\n\r\n")
        if not divided:
            raise StageFailed(f"{self.settings.at} closed the connection in mid-answer")
        return read_answer(head, body)
