"""Every message a run sends is owed to somebody: what was accepted, what was found, and the audit between them."""

from loadtests.ledger.ledger import Book, Ledger
from loadtests.ledger.slots import NOBODY, How
from loadtests.ledger.token import Found, Token, identify, read

__all__ = ["NOBODY", "Book", "Found", "How", "Ledger", "Token", "identify", "read"]
