"""One account in memory, and exchanges run to their end."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from harness.wire import sasl
from harness.wire.sasl import scram


@dataclass(frozen=True)
class Kept:
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


@dataclass
class Directory:
    """Users and their passwords; answers every question of a mechanism."""

    passwords: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)
    salt: bytes = b"0123456789abcdef"
    iterations: int = 4096
    asked: list[object] = field(default_factory=list)

    def follow(self, step: sasl.Step) -> sasl.Challenge | sasl.Success:
        """Answer until the mechanism speaks to the client, or ends."""
        while not isinstance(step, sasl.Challenge | sasl.Success):
            self.asked.append(step)
            match step:
                case sasl.VerifyPassword(user, _password, then, _authorization):
                    step = then(user if self.passwords.get(user) in step.passwords else None)
                case sasl.GivePassword(user, then):
                    step = then(self.passwords.get(user))
                case sasl.GiveScramKeys(user, mechanism, with_keys):
                    step = with_keys(self.keys(user, mechanism))
                case sasl.CheckToken(token, _user, then):
                    step = then(self.tokens.get(token))
                case sasl.FindUser(names, then):
                    step = then(next((name for name in names if name in self.passwords), None))
        return step

    def keys(self, user: str, mechanism: str) -> Kept:
        password = sasl.saslprep(self.passwords.get(user, "nobody's"))
        keys = scram.derive(mechanism, password, self.salt, self.iterations)
        return Kept(self.salt, self.iterations, keys.stored, keys.server)

    def run(
        self,
        client: sasl.ClientMechanism,
        server: sasl.ServerMechanism,
        tamper: Callable[[int, bytes], bytes] = lambda _turn, octets: octets,
    ) -> sasl.Success:
        """The whole exchange; `tamper` may change each message on its way, counted from 0.

        Raises:
            SaslError: A side gave up.
        """
        turn, first = 0, client.initial()
        if first is not None:
            first, turn = tamper(0, first), 1
        step = self.follow(server.step(first))
        while isinstance(step, sasl.Challenge):
            challenge = tamper(turn, step.octets)
            response = tamper(turn + 1, client.respond(challenge))
            turn += 2
            step = self.follow(server.step(response))
        if not client.server_proven:
            raise sasl.ServerUnproven("the server said yes too early")
        return step


@pytest.fixture
def directory() -> Directory:
    return Directory({"user": "pencil", "tim": "tanstaaftanstaaf"}, {"good-token": "user"})


@pytest.fixture(scope="session")
def directory_of() -> Callable[..., Directory]:
    return Directory
