"""Scripts run without a server: the messages of RFC 5228 §1.2, and short ways to ask what a script decides."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from reference_server.mda.sieve import Result, SieveMessage, capabilities, compile_script, run

NOW = dt.datetime(2026, 3, 14, 15, 9, 26, tzinfo=dt.UTC)

MESSAGE_A = b"""\
Date: Tue, 1 Apr 1997 09:06:31 -0800 (PST)
From: coyote@desert.example.org
To: roadrunner@acme.example.com
Subject: I have a present for you

Look, I'm sorry about the whole anvil thing, and I really
didn't mean to try and drop it on you from the top of the
cliff.
""".replace(b"\n", b"\r\n")

MESSAGE_B = b"""\
From: youcouldberich!@reply-by-postal-mail.invalid
Sender: b1ff@de.res.example.com
To: rube@landru.example.com
Date:  Mon, 31 Mar 1997 18:26:10 -0800
Subject: $$$ YOU, TOO, CAN BE A MILLIONAIRE! $$$

YOU MAY HAVE ALREADY WON TEN MILLION DOLLARS, BUT I DOUBT IT!
""".replace(b"\n", b"\r\n")


@dataclass(frozen=True)
class Sieve:
    """A script for one message."""

    message_a: bytes = MESSAGE_A
    message_b: bytes = MESSAGE_B
    now: dt.datetime = NOW

    def decide(
        self,
        script: str,
        content: bytes = MESSAGE_A,
        *,
        envelope_from: str = "coyote@desert.example.org",
        envelope_to: str = "roadrunner@acme.example.com",
        separator: str = "+",
        mailbox_exists: Callable[[str], bool] = lambda _name: False,
    ) -> Result:
        return run(
            compile_script(script),
            SieveMessage(content),
            envelope_from=envelope_from,
            envelope_to=envelope_to,
            now=self.now,
            separator=separator,
            mailbox_exists=mailbox_exists,
        )

    def all_extensions(self) -> str:
        return "require [" + ", ".join(f'"{name}"' for name in sorted(capabilities())) + "];\n"

    def holds(self, test: str, content: bytes = MESSAGE_A, *, before: str = "", **envelope: str) -> bool:
        """Whether a test is true, with every extension on, behind the commands `before`."""
        script = f'{self.all_extensions()}{before}\nif {test} {{ fileinto "yes"; }} else {{ fileinto "no"; }}'
        result = self.decide(script, content, **envelope)
        assert result.error is None, result.error
        (action,) = result.actions
        return action.mailbox == "yes"


@pytest.fixture(scope="session")
def sieve() -> Sieve:
    return Sieve()
