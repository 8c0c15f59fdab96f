"""What the messages of a run look like: sizes, structure, and the octets that go out."""
