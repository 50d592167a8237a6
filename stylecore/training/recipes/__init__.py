"""The recipes of the bundled styles."""
