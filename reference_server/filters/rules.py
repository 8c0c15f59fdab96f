"""The last word: simple conditions of the world file on header, size and envelope."""

import re
from fnmatch import fnmatchcase

from reference_server.filters.fields import Header, field
from reference_server.filters.model import Finding, Mail
from reference_server.filters.stages import Stage, Turn, clean
from reference_server.world.filters import Rule, Verdict

__all__ = ["Rules", "holds"]

_NULL_PATH = "<>"


class Rules(Stage):
    """The first rule that holds decides."""

    turn = Turn.RULES

    def look(self, mail: Mail) -> Finding:
        header = Header(mail.content)
        for number, rule in enumerate(self.settings.rules, 1):
            if holds(rule, mail, header):
                return self.carried_out(mail, rule, rule.text or f"rule {number}", header)
        return clean(mail, "no rule holds")

    def carried_out(self, mail: Mail, rule: Rule, said: str, header: Header) -> Finding:
        if rule.verdict not in (Verdict.TAG, Verdict.REWRITE):
            return Finding(rule.verdict, mail, said)
        changes, added = [], b""
        for name, value in rule.fields.items():
            replaced = rule.verdict is Verdict.REWRITE and header.change(name.encode(), 1, value.encode())
            if not replaced:
                added += field(name.encode(), value.encode())
            changes.append(f"{'replaced' if replaced else 'added'} {name}: {value}")
        content = header.encode() if rule.verdict is Verdict.REWRITE else mail.content
        return Finding(rule.verdict, mail.with_content(added + content), said, changes=tuple(changes))


def holds(rule: Rule, mail: Mail, header: Header) -> bool:
    """Whether every condition of a rule does."""
    if rule.header and not _header_holds(rule, header):
        return False
    if rule.larger_than is not None and len(mail.content) <= rule.larger_than:
        return False
    reverse_path = _text(mail.envelope.reverse_path) or _NULL_PATH
    recipients = [_text(each.address) for each in mail.envelope.recipients]
    return _matches(rule.sender, [reverse_path]) and _matches(rule.recipient, recipients)


def _header_holds(rule: Rule, header: Header) -> bool:
    values = header.values(rule.header.encode())
    return any(re.search(rule.matches, _text(value), re.IGNORECASE) for value in values)


def _matches(pattern: str, addresses: list[str]) -> bool:
    return not pattern or any(fnmatchcase(address.lower(), pattern.lower()) for address in addresses)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
