"""What orders remembers in MongoDB."""

from services.orders.store.sandbox import SandboxRecords
from services.orders.store.store import Loaded, Store

__all__ = ["Loaded", "SandboxRecords", "Store"]
