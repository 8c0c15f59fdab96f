"""How many messages may be between their final dot and the record of its reply: so many may arrive twice."""

import trio

__all__ = ["InDoubt", "Turn"]


class InDoubt:
    """Turns to be in doubt, first come, first served.

    Args:
        limit: How many there are.
        patience_s: After so long a turn does not count any more, so that one slow peer cannot stop the others.
    """

    def __init__(self, limit: int, *, patience_s: float) -> None:
        self._limit = limit
        self._patience_s = patience_s
        self._since: dict[Turn, float] = {}
        self._door = trio.Lock()
        self._given_back = trio.Event()

    async def enter(self, turn: "Turn") -> None:
        """Wait until there is a turn, behind those who wait already."""
        if not self._door.locked() and self._full_for() <= 0:
            self._since[turn] = trio.current_time()
            return
        async with self._door:
            while (wait_s := self._full_for()) > 0:
                with trio.move_on_after(wait_s):
                    await self._given_back.wait()
            self._since[turn] = trio.current_time()

    def leave(self, turn: "Turn") -> None:
        if self._since.pop(turn, None) is not None:
            self._given_back.set()
            self._given_back = trio.Event()

    def _full_for(self) -> float:
        """Seconds until there is a turn although nobody gives one back; 0 or less where there is one now."""
        if len(self._since) < self._limit:
            return 0
        return sorted(self._since.values())[-self._limit] + self._patience_s - trio.current_time()


class Turn:
    """One message's; taken and given back as often as it is sent."""

    def __init__(self, turns: InDoubt) -> None:
        self._turns = turns

    async def take(self) -> None:
        """Wait for it, behind those who waited before."""
        await self._turns.enter(self)

    def give_back(self) -> None:
        """Does nothing where it is not taken."""
        self._turns.leave(self)
