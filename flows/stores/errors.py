"""How a store breaks. Every class is one situation a caller may answer differently; the text is for the person."""

from stylecore.data import RestyleError


class StoreError(RestyleError):
    """A store could not do what was asked."""

    kind = "store"


class StoreUnreachable(StoreError):
    """Nobody answered, or the answer stopped half-way more often than we retry."""


class StoreDenied(StoreError):
    """The store is there and says no: rights, credentials, or a path that would leave the store's own folder."""


class StoreNotFound(StoreError):
    """The bucket, the folder or the key does not exist."""


class StoreChanged(StoreError):
    """The key now holds other content than the version that was listed."""


class StoreConflict(StoreError):
    """The key is taken by other content. Nothing was overwritten."""


class StoreFull(StoreError):
    """No room left. Nothing was published under the final key."""


class StoreTooLarge(StoreError):
    """More bytes than the caller, or the store, is willing to handle in one piece."""


class StoreKeyRefused(StoreError):
    """A key that is not a plain relative path. It may be listed, so that it is accounted for; it is never opened."""


class StoreFactsError(StoreError):
    """The metadata of an asset cannot be understood. Rights that cannot be read are not assumed."""


class IntegrityError(StoreError):
    """Bytes are not what their digest says."""

    kind = "integrity"
