"""The demonstration: a small library with the troubles real ones have, and its story told as it runs."""
