"""Users of the world and of the real server write to each other; each host finds the other's MX by our DNS."""

from reference_server.journal import Kind


def test_a_user_of_the_world_writes_to_one_of_the_real_server(world, neighbour, post, letter) -> None:
    message = letter("wqp@example.org", "alice@example.test")

    world.send("wqp@example.org", "alice@example.test", message)

    assert post.arrived(neighbour, "alice@example.test", message).endswith(message.content)


def test_a_user_of_the_real_server_writes_to_one_of_the_world(world, neighbour, post, letter) -> None:
    message = letter("alice@example.test", "wqp@example.org")

    neighbour.send("alice@example.test", "wqp@example.org", message)

    assert post.arrived(world, "wqp@example.org", message).endswith(message.content)
    asked = [event.text for event in world.events if event.kind is Kind.DNS and event.host == "dns"]
    assert any("MX example.org." in text for text in asked), asked
