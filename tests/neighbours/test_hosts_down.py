"""Hosts that are switched off and come back, with a real server on the other side."""

import datetime as dt

from reference_server.world.model import Record
from reference_server.world.records import records_of


def test_the_real_server_falls_back_to_our_second_exchanger_which_hands_over_later(
    world, neighbour, post, letter, eventually
) -> None:
    message = letter("alice@example.test", "wqp@example.org")
    world.take_down("mail1.example.org")

    neighbour.send("alice@example.test", "wqp@example.org", message)

    post.wait_for(lambda: world.attempts("mail2.example.org"), "mail2 keeps it")
    eventually(lambda: not neighbour.queue(), "the real server is done with it")
    world.bring_up("mail1.example.org")
    world.clock.move(dt.timedelta(minutes=30))  # RFC 5321 §4.5.4.1
    assert post.arrived(world, "wqp@example.org", message).endswith(message.content)


def test_the_real_server_waits_for_us_when_no_exchanger_is_there(
    world, neighbour, post, letter, eventually
) -> None:
    message = letter("alice@example.test", "wqp@example.org")
    for host in ("mail1.example.org", "mail2.example.org"):
        world.take_down(host)

    neighbour.send("alice@example.test", "wqp@example.org", message)

    eventually(neighbour.queue, "the real server keeps it")
    for host in ("mail1.example.org", "mail2.example.org"):
        world.bring_up(host)
    assert post.arrived(world, "wqp@example.org", message).endswith(message.content)


def test_our_queue_waits_for_the_real_server(world, neighbour, post, letter, eventually) -> None:
    message = letter("wqp@example.org", "alice@example.test")
    neighbour.stop()
    try:
        world.send("wqp@example.org", "alice@example.test", message)
        eventually(lambda: world.attempts("mail1.example.org"), "an attempt has failed")
    finally:
        neighbour.start()
    assert world.queued()
    world.clock.move(dt.timedelta(minutes=30))
    assert post.arrived(neighbour, "alice@example.test", message).endswith(message.content)


def test_we_fall_back_to_the_real_server_where_it_is_the_second_exchanger(
    world, neighbour, post, letter
) -> None:
    preferred = [
        Record("example.test.", 300, "MX", "5 gone.example.test."),
        Record("gone.example.test.", 300, "A", "127.0.8.9"),  # nobody listens there
    ]
    world.publish([*records_of(world.server.world), *preferred])
    message = letter("wqp@example.org", "alice@example.test")

    world.send("wqp@example.org", "alice@example.test", message)

    assert post.arrived(neighbour, "alice@example.test", message).endswith(message.content)
    assert any("gone.example.test" in event.peer and "no connection" in event.text for event in world.events)
