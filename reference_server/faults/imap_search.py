"""Deviations of SEARCH and of what it returns."""

import dataclasses
import datetime as dt
import email.utils
import re

from harness.wire.imap import command_search as keys
from harness.wire.imap.commands import Command
from reference_server.faults import fault
from reference_server.imap.answers import Completion, bad, no
from reference_server.imap.searching import Searcher
from reference_server.imap.session import ImapSession


@fault("imap.search-draft-means-flagged")
class SearchDraftMeansFlagged(Searcher):
    r"""DRAFT finds the messages with \Flagged."""

    def matches_row(self, key: keys.Key, uid: int) -> bool:
        return super().matches_row(keys.Flagged("\\Flagged") if key == keys.Flagged("\\Draft") else key, uid)


@fault("imap.search-larger-or-equal")
class SearchLargerOrEqual(Searcher):
    """LARGER finds messages of that very size too."""

    def matches_row(self, key: keys.Key, uid: int) -> bool:
        if isinstance(key, keys.Sized) and key.larger:
            return self.view.row(uid).octets >= key.octets
        return super().matches_row(key, uid)


@fault("imap.search-ranges-one-way")
class SearchRangesOneWay(Searcher):
    """A range of message numbers whose first is the greater is empty."""

    def matches_row(self, key: keys.Key, uid: int) -> bool:
        if isinstance(key, keys.Numbers) and any(first > last > 0 for first, last in key.numbers.ranges):
            return False
        return super().matches_row(key, uid)


@fault("imap.search-uid-takes-numbers")
class SearchUidTakesNumbers(Searcher):
    """The key UID is followed by message numbers."""

    def matches_row(self, key: keys.Key, uid: int) -> bool:
        return super().matches_row(keys.Numbers(key.uids) if isinstance(key, keys.Uids) else key, uid)


@fault("imap.search-internal-date-in-utc")
class SearchInternalDateInUtc(Searcher):
    """ON, BEFORE and SINCE look at the day in UTC."""

    def is_dated(self, key: keys.Dated, uid: int) -> bool:
        if key.sent:
            return super().is_dated(key, uid)
        day = self.view.row(uid).internaldate.astimezone(dt.UTC).date()
        return {"before": day < key.date, "on": day == key.date, "since": day >= key.date}[key.relation]


@fault("imap.search-sent-date-in-utc")
class SearchSentDateInUtc(Searcher):
    """SENTON, SENTBEFORE and SENTSINCE look at the day in UTC."""

    def sent_date(self, uid: int) -> dt.date | None:
        value = self.message(uid).field(b"date") or b""
        return email.utils.parsedate_to_datetime(value.decode("latin-1")).astimezone(dt.UTC).date()


@fault("imap.search-or-means-and")
class SearchOrMeansAnd(Searcher):
    """OR finds what both keys match."""

    def matches(self, key: keys.Key, uid: int) -> bool:
        return super().matches(keys.And((key.left, key.right)) if isinstance(key, keys.Or) else key, uid)


@fault("imap.search-takes-the-last-key")
class SearchTakesTheLastKey(Searcher):
    """Of several keys only the last counts."""

    def matches(self, key: keys.Key, uid: int) -> bool:
        return super().matches(key.keys[-1] if isinstance(key, keys.And) else key, uid)


@fault("imap.search-without-a-match-is-silent")
class SearchWithoutAMatchIsSilent(ImapSession):
    """A SEARCH that finds nothing sends no SEARCH."""

    def show_found(self, command: Command, arguments: keys.Search, found: list[int]) -> None:
        if found or arguments.returning is not None or self.rev2:
            super().show_found(command, arguments, found)


@fault("imap.search-minds-case")
class SearchMindsCase(Searcher):
    """Strings are compared letter for letter."""

    def contains(self, text: str, wanted: bytes) -> bool:
        return wanted.decode("utf-8", "replace") in text


@fault("imap.search-body-sees-the-header")
class SearchBodySeesTheHeader(Searcher):
    """BODY searches the header as well."""

    def matches_text(self, key: keys.Header | keys.Text, uid: int) -> bool:
        return super().matches_text(
            dataclasses.replace(key, header_too=True) if isinstance(key, keys.Text) else key, uid
        )


@fault("imap.search-empty-string-matches-nothing")
class SearchEmptyStringMatchesNothing(Searcher):
    """HEADER with an empty string finds nothing."""

    def contains(self, text: str, wanted: bytes) -> bool:
        return bool(wanted) and super().contains(text, wanted)


@fault("imap.search-encoded-text")
class SearchEncodedText(Searcher):
    """Strings are looked for in the message as it is encoded."""

    def matches_text(self, key: keys.Header | keys.Text, uid: int) -> bool:
        message = self.message(uid)
        if isinstance(key, keys.Header):
            name = key.field.lower().encode("latin-1")
            texts = [found.text for found in message.fields if found.name.lower() == name]
        else:
            texts = [message.octets if key.header_too else message.body]
        return any(self.contains(text.decode("latin-1"), key.text) for text in texts)


# Charsets


@fault("imap.search-refuses-us-ascii")
class SearchRefusesUsAscii(ImapSession):
    """CHARSET US-ASCII gets NO."""

    def check_charset(self, arguments: keys.Search) -> None:
        if arguments.charset == "US-ASCII":
            raise no("The charset is not known", "BADCHARSET (UTF-8)")
        super().check_charset(arguments)


@fault("imap.search-refuses-utf-8")
class SearchRefusesUtf8(ImapSession):
    """CHARSET UTF-8 gets NO."""

    def check_charset(self, arguments: keys.Search) -> None:
        if arguments.charset == "UTF-8":
            raise no("The charset is not known", "BADCHARSET (US-ASCII)")
        super().check_charset(arguments)


@fault("imap.unknown-charset-is-bad")
class UnknownCharsetIsBad(ImapSession):
    """An unknown charset gets BAD."""

    def check_charset(self, arguments: keys.Search) -> None:
        if arguments.charset not in (None, "US-ASCII", "UTF-8"):
            raise bad("The charset is not known", "BADCHARSET (US-ASCII UTF-8)")


@fault("imap.unknown-charset-without-code")
class UnknownCharsetWithoutCode(ImapSession):
    """An unknown charset gets NO without BADCHARSET."""

    def check_charset(self, arguments: keys.Search) -> None:
        if arguments.charset not in (None, "US-ASCII", "UTF-8"):
            raise no("The charset is not known")


# RETURN


@fault("imap.search-takes-any-option")
class SearchTakesAnyOption(ImapSession):
    """An unknown option of RETURN is taken for ALL."""

    def command_octets(self, octets: bytes) -> None:
        super().command_octets(octets.replace(b"X-MAILPROOF", b"ALL").replace(b"MINIMUM", b"MIN"))


@fault("imap.esearch-zero-for-nothing")
class EsearchZeroForNothing(ImapSession):
    """Where nothing is found MIN, MAX and ALL are zero."""

    def esearch_response(
        self, command: Command, returning: frozenset[str], numbers: list[int], modseq: int | None
    ) -> bytes:
        response = super().esearch_response(command, returning, numbers, modseq)
        zeros = [option.encode() + b" 0" for option in sorted(returning & {"MIN", "MAX", "ALL"})]
        return response if numbers else b" ".join([response, *zeros])


@fault("imap.esearch-counts-no-zero")
class EsearchCountsNoZero(ImapSession):
    """COUNT is left out where it would be zero."""

    def esearch_response(
        self, command: Command, returning: frozenset[str], numbers: list[int], modseq: int | None
    ) -> bytes:
        return super().esearch_response(
            command, returning if numbers else returning - {"COUNT"}, numbers, modseq
        )


@fault("imap.esearch-one-by-one")
class EsearchOneByOne(ImapSession):
    """Each option of RETURN gets an ESEARCH of its own."""

    def show_found(self, command: Command, arguments: keys.Search, found: list[int]) -> None:
        for option in sorted(arguments.returning or ()):
            super().show_found(command, dataclasses.replace(arguments, returning=frozenset({option})), found)
        if not arguments.returning:
            super().show_found(command, arguments, found)


@fault("imap.esearch-without-uid")
class EsearchWithoutUid(ImapSession):
    """The ESEARCH of UID SEARCH does not say UID."""

    def esearch_response(
        self, command: Command, returning: frozenset[str], numbers: list[int], modseq: int | None
    ) -> bytes:
        return super().esearch_response(dataclasses.replace(command, uid=False), returning, numbers, modseq)


@fault("imap.esearch-without-modseq")
class EsearchWithoutModseq(ImapSession):
    """ESEARCH tells no mod-sequence."""

    def esearch_modseq(self, returning: frozenset[str], modseqs: list[int]) -> int | None:
        return None


@fault("imap.search-modseq-one-less")
class SearchModseqOneLess(ImapSession):
    """SEARCH MODSEQ tells a mod-sequence that is too low."""

    def search_response(self, numbers: list[int], modseq: int | None) -> bytes:
        return super().search_response(numbers, modseq and modseq - 1)


@fault("imap.search-stays-rev1")
class SearchStaysRev1(ImapSession):
    """SEARCH is answered with SEARCH in IMAP4rev2 too."""

    def show_found(self, command: Command, arguments: keys.Search, found: list[int]) -> None:
        if self.rev2 and arguments.returning is None:
            self.untagged(self.search_response(self.number_or_uid(found, uid=command.uid), None))
        else:
            super().show_found(command, arguments, found)


@fault("imap.saved-results-keep-the-expunged")
class SavedResultsKeepTheExpunged(ImapSession):
    """$ stands for messages that are gone as well."""

    def do_search(self, command: Command, arguments: keys.Search) -> Completion:
        if command.uid and arguments.key == keys.Saved():
            self.show_found(command, arguments, sorted(self.saved))
            return Completion("OK", "UID SEARCH completed")
        return super().do_search(command, arguments)


@fault("imap.search-return-in-capitals")
class SearchReturnInCapitals(ImapSession):
    """RETURN and its options are known in capitals only."""

    def command_octets(self, octets: bytes) -> None:
        found = re.match(rb"(\S+) (?:UID )?SEARCH (RETURN \([A-Z ]*\))", octets, re.IGNORECASE)
        if found is None or found[2].isupper():
            super().command_octets(octets)
        else:
            self.say(Completion("BAD", "Unknown option").encode(found[1]))
