"""Proof of where a rendition came from: the statement, the identity that signs it, and how a file carries both.

Nothing is imported here, so that asking about a statement does not load the signing library.
"""
