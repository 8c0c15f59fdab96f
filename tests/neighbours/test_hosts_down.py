"""Hosts that are switched off and come back, with a real server on the other side."""

import datetime as dt


def test_the_real_server_falls_back_to_our_second_exchanger_which_hands_over_later(
    world, neighbour, post, letter, eventually
) -> None:
    message = letter("alice@example.test", "wqp@example.org")
    world.take_down("mail1.example.org")

    neighbour.send("alice@example.test", "wqp@example.org", message)

    post.wait_for(lambda: world.queued("mail2.example.org"), "mail2 keeps it")
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

        def deferred() -> bool:
            entries = world.server.hosts["mail1.example.org"].context.queue.entries()
            return any(queued.attempts for entry in entries for queued in entry.recipients)

        eventually(deferred, "an attempt has failed")
    finally:
        neighbour.start()
    assert world.queued()
    world.clock.move(dt.timedelta(minutes=30))
    assert post.arrived(neighbour, "alice@example.test", message).endswith(message.content)
