"""Client mode: the guards of an application that trusts an auth server elsewhere.

auth        the auth object: options in, guards out
fetching    a JWK set over HTTP
"""

from __future__ import annotations
