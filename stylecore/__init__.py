"""Pixels in, pixels and numbers out. Free of imports on purpose: torch is loaded only by the modules that need it."""
