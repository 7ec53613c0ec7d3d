"""Server mode: an auth server with users, sessions and tokens of its own.

auth        the auth object: options in, endpoints and guards out
options     what must be said of the keys, before there is a server
wiring      from options to what flows and endpoints work with
opening     when it is open, and who closes it
mounting    the application that it serves, and the routes there that are its own
"""

from __future__ import annotations
