"""What `import sentri` and a client cost over `import aiohttp`: fresh interpreters, alternating, medians.

python benchmarks/import_cost.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

PROGRAMS = {
    "nothing": "pass",
    "aiohttp": "import aiohttp.web",
    "aiohttp, joserfc, msgspec": "import aiohttp.web, joserfc.jws, joserfc.jwk, msgspec",
    "sentri": "import aiohttp.web, sentri",
    "sentri, and a client made": (
        "import aiohttp.web, sentri; sentri.create_auth(mode='client', key_uri='https://auth.example.com/auth/keys')"
    ),
    "sentri, and a server made": (
        "import aiohttp.web, sentri; sentri.create_auth_server(valid_roles=('user',), db='sqlite://:memory:')"
    ),
}


def milliseconds(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(rounds):
        for name, program in PROGRAMS.items():
            taken[name].append(milliseconds(program))
    aiohttp = statistics.median(taken["aiohttp"])
    for name, times in taken.items():
        median = statistics.median(times)
        print(f"{name:28} {median:7.0f} ms   {median / aiohttp:5.2f} of aiohttp alone")


if __name__ == "__main__":
    main()
