"""What people do with mail, done in a browser: log in, read, search, answer with an attachment, see it arrive."""

import email
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest

from harness.target import Target

_LUNCH = b"""From: Bob <bob@example.test>\r
To: alice@example.test\r
Subject: Lunch on Thursday?\r
Message-ID: <lunch@example.test>\r
Date: Tue, 03 Mar 2026 10:00:00 +0000\r
\r
Shall we go to the place by the river?\r
"""
_TONER = b"From: print@example.test\r\nTo: alice@example.test\r\nSubject: Toner\r\n\r\nThird floor.\r\n"


@pytest.fixture
def page(browser: Any, webmail: str) -> Iterator[Any]:
    """A browser's page that says what its scripts complain of, and what it asks of whom."""
    context = browser.new_context()
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "console", lambda message: page.complaints.append(message.text) if message.type == "error" else None
    )
    page.on(
        "request",
        lambda asked: page.complaints.append(asked.url) if not asked.url.startswith(webmail) else None,
    )
    yield page
    context.close()


def _log_in(page: Any, url: str, target: Target, number: int = 0) -> None:
    account = target.accounts[number]
    page.goto(url)
    page.fill("[name=user]", account.user)
    page.fill("[name=password]", account.password)
    page.keyboard.press("Enter")
    _ready(page, "#list")


def _ready(page: Any, selector: str) -> None:
    """What is looked for is there, and the scripts of its page run."""
    page.wait_for_selector(selector)
    page.wait_for_load_state("load")


def _parsed(octets: bytes) -> EmailMessage:
    message = email.message_from_bytes(octets, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_an_answer_with_an_attachment_is_found_in_the_other_mailbox(
    page: Any, webmail: str, target: Target, mailboxes: list[Any]
) -> None:
    alice, bob = mailboxes
    alice.put([_TONER, _LUNCH])
    _log_in(page, webmail, target)

    page.fill("#find", "subject:lunch")
    page.keyboard.press("Enter")
    page.wait_for_selector(".messages li:only-child .subject:text('Lunch on Thursday?')")
    page.click(".messages a")
    _ready(page, "pre.text:has-text('by the river')")
    page.keyboard.press("r")
    page.wait_for_selector("form.compose")
    page.fill("#body", "Gladly. Ü.\n")
    page.set_input_files(
        "[name=files]", {"name": "menü.txt", "mimeType": "text/plain", "buffer": b"soup\r\n" * 1000}
    )
    page.click("text=Send")
    page.wait_for_selector(".note:has-text('Sent to 1 person')")

    came = _parsed(bob.wait_for(b"Re: Lunch"))
    assert came["From"].addresses[0].addr_spec == target.accounts[0].address
    assert came["In-Reply-To"] == "<lunch@example.test>"
    (attached,) = came.iter_attachments()
    assert (attached.get_filename(), attached.get_payload(decode=True)) == ("menü.txt", b"soup\r\n" * 1000)
    assert came.get_body().get_content().startswith("Gladly. Ü.")
    assert _parsed(alice.messages("Sent")[0])["Message-ID"] == came["Message-ID"]
    assert alice.flags()[1] == {rb"\Seen", rb"\Answered"}
    assert not page.complaints


def test_new_mail_is_seen_without_a_reload(
    page: Any, webmail: str, target: Target, mailboxes: list[Any]
) -> None:
    _log_in(page, webmail, target)
    page.wait_for_selector(".messages .empty")

    mailboxes[0].put([_LUNCH])

    page.wait_for_selector(".messages li .subject:text('Lunch on Thursday?')", timeout=20_000)
    page.wait_for_selector("#inbox .count:text('1')")
    assert page.title().startswith("(1) ")
    assert not page.complaints


def test_the_keys_do_what_they_say(page: Any, webmail: str, target: Target, mailboxes: list[Any]) -> None:
    mailboxes[0].put([_TONER, _LUNCH])
    _log_in(page, webmail, target)

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("s")
    _ready(page, ".messages li:nth-child(2) .flag")
    page.keyboard.press("j")
    page.keyboard.press("#")
    _ready(page, ".note:has-text('1 message moved to Trash')")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")

    assert [_parsed(octets)["Subject"] for octets in mailboxes[0].messages("Trash")] == ["Lunch on Thursday?"]
    assert not page.complaints
