"""The register: what the RFCs ask, as data, and the rulings on their ambiguous texts."""

from harness.spec.load import RegisterError, load_register, load_sections, parse_register
from harness.spec.model import AREAS, Level, Party, Register, Requirement, Ruling

__all__ = [
    "AREAS",
    "Level",
    "Party",
    "Register",
    "RegisterError",
    "Requirement",
    "Ruling",
    "load_register",
    "load_sections",
    "parse_register",
]
