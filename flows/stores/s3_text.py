"""Text in S3 metadata. It travels in HTTP headers, so what is not ASCII is wrapped (RFC 2047) by all who write it."""

from base64 import b64encode
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header


def wrapped(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name: _wrapped(text) for name, text in metadata.items()}


def _wrapped(text: str) -> str:
    if text.isascii() and text.isprintable() and text == text.strip() and "=?" not in text:
        return text
    return f"=?utf-8?b?{b64encode(text.encode()).decode()}?="


def unwrapped(text: str) -> str:
    """The text as it was meant: wrapped, or raw UTF-8 that the HTTP library has read as Latin-1."""
    if "=?" in text:
        try:
            return str(make_header(decode_header(text)))
        except (HeaderParseError, LookupError, UnicodeError, ValueError):
            return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
