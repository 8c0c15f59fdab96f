"""`make bench`: each figure beside its anchor, measured in turn in one run; prints a table and writes bench.json.

Nothing here passes or fails: a machine's speed is no property of the program.

``make bench FIGURES="queue start_up"`` measures only those whose functions' names hold one of the words.
MAILPROOF_LAB names the directory with the scripts that start real servers; where it is not set, Postfix's figure is
missing, and nothing stands for it.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from accounting import accounts_of_messages, letters_composed, memory_of_the_audit
from capacity import capacity_beside_smtp_source
from loading import (
    generator_beside_plain_smtplib,
    generator_beside_smtpbench,
    generator_keeping_connections,
    generator_keeping_connections_beside_plain_smtplib,
    generator_one_connection_each,
    generator_pipelining,
    generator_two_processes,
)
from loading_imap import generator_of_imap
from reading import imap_fetches, smtp_replies
from relaying import from_queue_to_one_destination, through_two_companies
from rich.console import Console
from rich.table import Table
from serving import messages, start_up

FIGURES: Final = (
    smtp_replies,
    imap_fetches,
    messages,
    start_up,
    from_queue_to_one_destination,
    through_two_companies,
    generator_one_connection_each,
    generator_keeping_connections,
    generator_pipelining,
    generator_two_processes,
    generator_beside_plain_smtplib,
    generator_keeping_connections_beside_plain_smtplib,
    generator_beside_smtpbench,
    generator_of_imap,
    capacity_beside_smtp_source,
    letters_composed,
    accounts_of_messages,
    memory_of_the_audit,
)


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:,}"


def main(words: list[str]) -> None:
    chosen = [measure for measure in FIGURES if not words or any(word in measure.__name__ for word in words)]
    figures = [figure for measure in chosen if (figure := measure()) is not None]
    table = Table("figure", "unit", "ours", "anchor", "ratio", "anchor is")
    for each in figures:
        numbers = map(shown, (each.ours, each.anchor, each.ratio))
        table.add_row(each.name, each.unit, *numbers, each.anchor_name)
    Console().print(table)
    Path("bench.json").write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
