"""Deliberate deviations: each named fault is a subclass that breaks one rule and leaves the rest alone.

The server's own code knows nothing of faults. It makes its sessions and helpers through `Faults.variant`, which
gives the class asked for or, where faults on it are switched on, the subclass that deviates::

    @fault("smtp.rset-keeps-transaction")
    class RsetKeepsTransaction(SmtpSession):
        '''RSET answers 250 and forgets nothing.'''

        def forget_transaction(self) -> None:
            pass
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

__all__ = ["Faults", "fault", "known_faults", "load_faults"]

T = TypeVar("T")
_REGISTRY: dict[str, type] = {}


def fault(name: str) -> Callable[[type[T]], type[T]]:
    """Register a subclass as the deviation `name` (``area.what-goes-wrong``); its docstring says what.

    Raises:
        ValueError: The name is taken, or the class has no docstring or no base to deviate from.
    """

    def register(deviant: type[T]) -> type[T]:
        if name in _REGISTRY:
            raise ValueError(f"two faults are named {name!r}")
        if not (deviant.__doc__ or "").strip() or deviant.__mro__[1] is object:
            raise ValueError(f"fault {name!r} needs a docstring and a base class to deviate from")
        _REGISTRY[name] = deviant
        return deviant

    return register


def load_faults() -> None:
    """Import every module of this package, so that all faults are registered."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def known_faults() -> dict[str, str]:
    """Every fault by name, with the sentence that says what it does."""
    load_faults()
    return {name: (cls.__doc__ or "").strip().splitlines()[0] for name, cls in sorted(_REGISTRY.items())}


class Faults:
    """The faults switched on for one server; sessions made from now on deviate. Safe from every thread."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        # Never changed, only replaced: sessions are made in other threads than the one that switches.
        self._active: tuple[str, ...] = ()
        self._watchers: tuple[type, ...] = ()
        for name in names:
            self.switch_on(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._active)

    def switch_on(self, name: str) -> None:
        """Raises `KeyError`, with the names that exist, when there is no such fault."""
        load_faults()
        if name not in _REGISTRY:
            raise KeyError(f"no fault is named {name!r}; known: {', '.join(sorted(_REGISTRY)) or 'none'}")
        if name not in self._active:
            self._active = (*self._active, name)

    def switch_off(self, name: str) -> None:
        """Does nothing when the fault is not on."""
        self._active = tuple(each for each in self._active if each != name)

    def watch(self, *watchers: type) -> None:
        """Mix subclasses into what is made from now on, before all deviations: they look on and change nothing."""
        self._watchers = (*self._watchers, *watchers)

    def unwatch(self, *watchers: type) -> None:
        """What was made before stays as it was made."""
        self._watchers = tuple(each for each in self._watchers if each not in watchers)

    def variant(self, base: type[T]) -> type[T]:
        """The class to instantiate in place of `base`: itself, or with watchers and active deviations mixed in."""
        mixed_in = (*self._watchers, *map(_REGISTRY.__getitem__, self._active))
        deviants = tuple(cls for cls in mixed_in if issubclass(cls, base))
        match deviants:
            case ():
                return base
            case (only,):
                return only
            case _:
                return cast("type[T]", type(base.__name__, deviants, {}))
