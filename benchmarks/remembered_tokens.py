"""What remembering a verified token takes: the estimate that bounds it beside what is allocated.

python benchmarks/remembered_tokens.py [TOKENS]
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc

import sentri
from sentri.tokens.access import AccessClaims, Verified, size_of
from sentri_testing import FakeAuthServer


async def measure(algorithm: str, roles: int, tokens: int) -> None:
    """Verify so many tokens, and print what each of them left behind."""
    names = [f"role-{number}" for number in range(roles)]
    async with (
        FakeAuthServer(algorithm=algorithm) as server,
        sentri.create_auth(mode="client", key_uri=server.key_uri, issuer=server.issuer) as auth,
    ):
        user = await auth.authenticate(server.issue_token(names))
        gc.collect()
        tracemalloc.start()
        length = 0
        for _ in range(tokens):
            token = server.issue_token(names)
            length = len(token)
            await auth.authenticate(token)
            del token
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] / tokens
        tracemalloc.stop()
    found = Verified(AccessClaims(user, 0.0), 0.0, None)  # type: ignore[arg-type]
    estimated = size_of("x" * length, found)
    print(f"{algorithm:6} {roles:3} roles {length:6} characters {taken:7.0f} bytes, {estimated:5} estimated")


def main() -> None:
    tokens = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    for algorithm in ("ES256", "RS256"):
        for roles in (1, 10, 50):
            asyncio.run(measure(algorithm, roles, tokens))


if __name__ == "__main__":
    main()
