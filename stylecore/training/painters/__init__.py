"""Painters of style images, one a module; ``registry`` knows them by name."""
