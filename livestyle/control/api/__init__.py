"""The HTTP API of a run: its operations, their description, and what they answer with."""
