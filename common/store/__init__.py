"""Object storage: one interface (`base`), three implementations, and what is built on any of them."""

from common.store.base import IfMatch, Meta, Object, PutMode, Store
from common.store.open import open_from_environment, open_store, open_url

__all__ = ["IfMatch", "Meta", "Object", "PutMode", "Store", "open_from_environment", "open_store", "open_url"]
