"""The envelopes that ask a server to relay: enough of them, each another, none without a meaning."""

from suites.relay.routes import CLAIMING, FOREIGN, PLAIN, ROUTES, Places

PLACES = Places(
    user="u1",
    third="sink.example.org",
    exchanger="127.0.53.2",
    server="example.test",
    host="mail.example.test",
    literal="[192.0.2.1]",
    account="alice@example.test",
)


def test_the_cross_product_has_every_sender_and_recipient_of_the_field() -> None:
    senders = {form.path(PLACES) for form in (*FOREIGN, *CLAIMING)}
    recipients = {form.path(PLACES) for form in (*PLAIN, *ROUTES)}

    assert len(senders) == len(FOREIGN) + len(CLAIMING)
    assert len(recipients) == len(PLAIN) + len(ROUTES)
    assert len(senders) * len(recipients) >= 150
    assert {
        b"<>",
        b"<u1@sink.example.org>",
        b"<x@[192.0.2.1]>",
        b"<x>",
        b"<postmaster@example.test>",
    } <= senders
    assert {
        b"<u1%sink.example.org@[192.0.2.1]>",
        b"<@example.test:u1@sink.example.org>",
        b"<@example.test,@sink.example.org:u1@x.sink.example.org>",
        b"<sink.example.org!u1@example.test>",
        b'<"u1@sink.example.org"@example.test>',
        rb"<u1\@sink.example.org@example.test>",
        b"<U1@SINK.EXAMPLE.ORG>",
        b"<u1@[IPv6:::ffff:127.0.53.2]>",
        b"u1@sink.example.org",
    } <= recipients


def test_a_route_names_who_is_to_be_reached() -> None:
    for form in (*PLAIN, *ROUTES):
        path = form.path(PLACES).lower()
        assert b"u1" in path, form
        assert b"sink.example.org" in path or b"127.0.53.2" in path, form
