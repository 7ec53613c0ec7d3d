"""What is known of requests that carry a key: who runs, what was answered. Knows nothing of HTTP servers.

The names here are what a store of your own is made of: `create_idempotency_middleware(store=…)`.
"""

from sentri.idempotency.record import LEASE, Answer, Begun, Finished, Found, InFlight, Scope, Store, StoreUnavailable

__all__ = ["LEASE", "Answer", "Begun", "Finished", "Found", "InFlight", "Scope", "Store", "StoreUnavailable"]
