"""How each image format carries XMP and a C2PA manifest store, byte by byte and without touching its pixels.

One module a format, each with the same four functions: ``xmp_of``, ``with_xmp``, ``store_of`` and ``with_store``. They
read hostile bytes: every length is checked, and whatever does not add up is a ``CarrierError``. Reading a store is
strict on purpose: a carrier that could be written in two ways is only accepted in the one we write, because those
bytes lie outside everything that C2PA hashes.
"""
