"""What each family offers the training loop, one family a module."""
