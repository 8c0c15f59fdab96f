"""``python -m harness.cli`` is ``mailproof``."""

from harness.cli import main

main()
