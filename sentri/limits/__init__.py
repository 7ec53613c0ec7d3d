"""How often somebody may try: attempts that are counted before anything is checked. Knows nothing of HTTP."""

from sentri.limits.limiter import Attempt, Limiter
from sentri.limits.memory import MemoryAttempts
from sentri.limits.record import Limit, Refused

__all__ = ["Attempt", "Limit", "Limiter", "MemoryAttempts", "Refused"]
