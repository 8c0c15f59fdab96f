"""The pages asked for without a browser: who gets in, what forms do, what is said when something is wrong."""

import email
import html
import re
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest

from harness.target import Target
from reference_server.web import sessions

_LUNCH = b"""From: Bob <bob@example.test>\r
To: alice@example.test, Carol <carol@example.test>\r
Subject: Lunch\r
Message-ID: <lunch@example.test>\r
Content-Type: multipart/mixed; boundary=x\r
\r
--x\r
\r
By the river?\r
--x\r
Content-Type: text/plain; name=menu.txt\r
Content-Disposition: attachment\r
\r
soup\r
--x--\r
"""


def _parsed(octets: bytes) -> EmailMessage:
    message = email.message_from_bytes(octets, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _places(page: str) -> list[str]:
    return [html.unescape(each) for each in re.findall(r'name="at" value="([^"]+)"', page)]


def _fields(page: str) -> dict[str, Any]:
    """What the form of a page to write on holds."""
    found: dict[str, Any] = {
        html.unescape(name): html.unescape(value)
        for name, value in re.findall(r'<input[^>]*? name="([^"]+)" value="([^"]*)"', page)
        if name not in {"q", "folder", "carried"}
    }
    body = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert body
    found["body"] = html.unescape(body[1])
    found["carried"] = [html.unescape(each) for each in re.findall(r'name="carried" value="([^"]+)"', page)]
    return found


# Who gets in


@pytest.mark.parametrize(
    "path", ["/", "/mail", "/message?at=1.1.INBOX", "/compose", "/part?at=1.1.INBOX&number=1"]
)
def test_nobody_sees_a_page_before_logging_in(stranger: Any, path: str) -> None:
    answer = stranger.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert stranger.get("/events").status_code == 401


def test_a_wrong_password_is_told_as_the_server_tells_it(stranger: Any, target: Target) -> None:
    answer = stranger.log_in(target.accounts[0].user, "wrong")
    assert answer.status_code == 403
    assert "The server said:" in answer.text
    assert "mailproof=" not in answer.headers.get("Set-Cookie", "").replace("mailproof-form=", "")


def test_whoever_tries_passwords_has_to_wait(stranger: Any, target: Target) -> None:
    user = target.accounts[1].user
    for _ in range(sessions.FAILURES_OF_USER):
        assert stranger.log_in(user, "wrong").status_code == 403
    answer = stranger.log_in(user, target.accounts[1].password)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_the_cookie_is_for_this_site_and_no_script(stranger: Any, target: Target) -> None:
    account = target.accounts[2]
    (cookie,) = [
        each
        for each in stranger.log_in(account.user, account.password).headers.get_list("Set-Cookie")
        if each.startswith("mailproof=")
    ]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


@pytest.mark.parametrize("path", ["/mail", "/compose", "/folders", "/logout"])
@pytest.mark.parametrize("token", ["", "x"])
def test_a_form_of_elsewhere_does_nothing(alice: Any, path: str, token: str) -> None:
    assert alice.client.post(path, data={"csrf": token, "action": "send"}).status_code == 403
    fields = {"csrf": alice.csrf("/compose")}
    crossed = alice.client.post(path, data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossed.status_code == 403


def test_after_logging_out_the_cookie_opens_nothing(alice: Any) -> None:
    cookie = alice.client.cookies["mailproof"]
    assert alice.post("/logout").status_code == 303
    answer = alice.client.get("/mail", headers={"Cookie": f"mailproof={cookie}"})
    assert answer.headers["Location"] == "/login"


# What is not there


@pytest.mark.parametrize(
    "path",
    [
        "/message?at=1.99999.INBOX",
        "/message?at=77777.1.INBOX",
        "/message?at=nonsense",
        "/message",
        "/mail?folder=No.Such",
        "/mail?folder=%00",
        "/mail?folder=%E2%82%AC",
        "/part?at=1.1.INBOX&number=99999",
        "/nothing",
        "/static/../webmail.py",
    ],
)
def test_what_is_not_there_is_not_found(alice: Any, path: str) -> None:
    assert alice.get(path).status_code == 404


@pytest.mark.parametrize(
    "query", ["page=0", "page=999999", "page=x", "order=x", "q=%00", "q=%FF%FE%22", "q=is:green"]
)
def test_a_list_opens_whatever_is_asked_of_it(alice: Any, mailboxes: list[Any], query: str) -> None:
    mailboxes[0].put([_LUNCH])
    assert alice.get(f"/mail?folder=INBOX&{query}").status_code == 200


# What forms do


def test_messages_are_moved_flagged_and_deleted(alice: Any, mailboxes: list[Any]) -> None:
    mailboxes[0].put([_LUNCH, _LUNCH.replace(b"Lunch", b"Supper")])
    supper, lunch = _places(alice.get("/mail").text)

    alice.post("/mail", at=[lunch, supper], action="flag")
    assert all(rb"\Flagged" in flags for flags in mailboxes[0].flags())
    alice.post("/mail", at=lunch, action="archive")
    assert [_parsed(each)["Subject"] for each in mailboxes[0].messages("Archive")] == ["Lunch"]
    alice.post("/mail", at=supper, action="delete")
    assert mailboxes[0].messages() == []
    (gone,) = _places(alice.get("/mail?folder=Trash").text)
    alice.post("/mail", at=gone, action="delete")
    assert mailboxes[0].messages("Trash") == []
    assert "deleted for good" in alice.get("/mail").text


def test_a_folder_is_made_and_moved_to(alice: Any, mailboxes: list[Any]) -> None:
    mailboxes[0].put([_LUNCH])
    made = alice.post("/folders", name="Grüße & mehr").headers["Location"]
    (place,) = _places(alice.get("/mail").text)

    alice.post("/mail", at=place, action="move", target="Gr&APwA3w-e &- mehr")

    assert len(_places(alice.get(made).text)) == 1
    alice.post("/mail", at=_places(alice.get(made).text), action="delete")
    mailboxes[0].imap.delete('"Gr&APwA3w-e &- mehr"')


def test_an_answer_to_all_leaves_oneself_out(alice: Any, mailboxes: list[Any]) -> None:
    mailboxes[0].put([_LUNCH])
    (place,) = _places(alice.get("/mail").text)
    fields = _fields(alice.client.get("/compose", params={"all": place}).text)

    assert (fields["to"], fields["cc"]) == ("Bob <bob@example.test>", "Carol <carol@example.test>")
    assert fields["subject"] == "Re: Lunch"
    assert fields["in_reply_to"] == "<lunch@example.test>"
    assert "> By the river?" in fields["body"]


@pytest.mark.parametrize("how", ["forward", "attach"])
def test_what_is_passed_on_takes_its_attachments_along(
    alice: Any, target: Target, mailboxes: list[Any], how: str
) -> None:
    mailboxes[0].put([_LUNCH])
    (place,) = _places(alice.get("/mail").text)
    fields = _fields(alice.client.get("/compose", params={how: place}).text)

    alice.post("/compose", **fields | {"to": target.accounts[1].address, "action": "send"})

    came = _parsed(mailboxes[1].wait_for(b"Fwd: Lunch"))
    (attached,) = came.iter_attachments()
    if how == "forward":
        assert (attached.get_filename(), attached.get_content().strip()) == ("menu.txt", "soup")
    else:
        assert attached.get_content()["Message-ID"] == "<lunch@example.test>"
    assert b"$Forwarded" in mailboxes[0].flags()[0]


def test_a_draft_is_kept_gone_on_with_and_sent(alice: Any, target: Target, mailboxes: list[Any]) -> None:
    first = alice.post(
        "/compose", to="Bob <bob@", subject="Plan", body="one", action="keep", files=[("a.txt", b"A")]
    )
    fields = _fields(alice.get(first.headers["Location"]).text)
    assert (fields["to"], fields["body"].strip()) == ("Bob <bob@", "one")
    again = alice.post(
        "/compose", **fields | {"to": target.accounts[1].address, "body": "two", "action": "keep"}
    )
    assert len(mailboxes[0].messages("Drafts")) == 1

    fields = _fields(alice.get(again.headers["Location"]).text)
    alice.post("/compose", **fields | {"action": "send", "bcc": target.accounts[0].address})

    came = _parsed(mailboxes[1].wait_for(b"Subject: Plan"))
    assert came.get_body().get_content().strip() == "two"
    assert [each.get_filename() for each in came.iter_attachments()] == ["a.txt"]
    assert came["Bcc"] is None
    assert mailboxes[0].messages("Drafts") == []
    assert _parsed(mailboxes[0].messages("Sent")[0])["Bcc"] == target.accounts[0].address


@pytest.mark.parametrize(
    ("to", "said"), [("", "Say to whom it goes"), ("nobody", "not an address"), ("x@y z@", "not an address")]
)
def test_what_cannot_be_sent_is_kept(alice: Any, mailboxes: list[Any], to: str, said: str) -> None:
    answer = alice.post("/compose", to=to, subject="Kept", body="text", action="send")
    page = alice.get(answer.headers["Location"]).text
    assert "kept as a draft" in page
    assert said in html.unescape(page)
    assert [_parsed(each)["Subject"] for each in mailboxes[0].messages("Drafts")] == ["Kept"]


def test_no_field_brings_another_one_in(alice: Any, target: Target, mailboxes: list[Any]) -> None:
    alice.post(
        "/compose",
        to=f'"x\r\nBcc: a@example.org" <{target.accounts[1].address}>\r\nX-Evil: 1',
        subject="Injected\r\nX-Evil: 1\r\n\r\nbody",
        in_reply_to="<a@b>\r\nX-Evil: 1",
        references="<a@b>\r\nX-Evil: 1",
        action="keep",
        files=[("a\r\nX-Evil: 1\r\n.txt", b"")],
    )
    for octets in mailboxes[0].messages("Drafts"):
        assert _parsed(octets)["X-Evil"] is None
        assert b"\nX-Evil" not in octets
