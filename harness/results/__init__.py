"""The result model and its JSON Lines store."""
