"""Signed and sealed mail on a page: what is said of it, and who can open it."""

import datetime as dt
from typing import Any

import pytest

from harness.clients.tls import client_context
from harness.sealed.keys import Keys, load_keys
from harness.sealed.make_keys import make_keys
from harness.sealed.model import Scheme
from harness.sealed.sealing import Wish, seal
from harness.target import Target
from reference_server.web.mail.reading import keys_for
from reference_server.web.webmail import open_webmail

_ALICE, _BOB = "alice@example.test", "bob@example.test"
_NOTE = f"From: {_BOB}\r\nTo: {_ALICE}\r\nSubject: note\r\n\r\nthe secret is 42\r\n".encode()
_NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    place = tmp_path_factory.mktemp("keys")
    make_keys(place, [_ALICE, _BOB], _NOW - dt.timedelta(days=1))
    return load_keys([place])


def _page(target: Target, visitor_class: Any, keys: Keys | None) -> str:
    with open_webmail(target, client_context(target), keys=keys) as url:
        visitor = visitor_class(url)
        visitor.log_in(_ALICE, target.accounts[0].password)
        listed = visitor.get("/mail").text
        place = listed.split('name="at" value="')[1].split('"')[0]
        page = visitor.client.get("/message", params={"at": place})
        visitor.client.close()
    assert page.status_code == 200
    return page.text


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize(
    ("sign", "encrypt", "altered", "said"),
    [
        (True, False, False, "Signed by its sender"),
        (True, False, True, "The signature does not count"),
        (True, True, False, "Signed by its sender"),
        (False, True, False, "Encrypted, and opened; nobody signed it"),
    ],
)
def test_what_is_known_of_a_message_stands_above_it(
    target: Target, stranger: Any, mailboxes: list[Any], keys: Keys, scheme: Scheme, sign: bool, encrypt: bool,
    altered: bool, said: str,
) -> None:  # fmt: skip
    sealed = seal(_NOTE, Wish(scheme, sign, encrypt), keys, sender=_BOB, recipients=[_ALICE], at=_NOW)
    mailboxes[0].put([sealed.replace(b"42", b"43") if altered else sealed])

    page = _page(target, type(stranger), keys)

    assert said in page
    assert "the secret is 4" in page


def test_nobody_opens_what_is_for_others(keys: Keys) -> None:
    own = keys_for(keys, _ALICE)
    assert len(own.private_keys) == len(own.secrets) == 1
    assert own.secret_of(_BOB) is None
    assert own.secret_of(_ALICE) is not None
    assert own.certificate_of(_BOB, _NOW) is not None


def test_without_keys_it_is_said_that_nobody_looked(
    target: Target, stranger: Any, mailboxes: list[Any], keys: Keys
) -> None:
    sealed = seal(_NOTE, Wish(Scheme.SMIME, True, False), keys, sender=_BOB, recipients=[_ALICE], at=_NOW)
    mailboxes[0].put([sealed])
    page = _page(target, type(stranger), None)
    assert "nothing of it was checked" in page
    assert "the secret is 42" in page
