"""What the pytest plugin adds to every run of whoever installs it: `pytest --collect-only` of an empty suite.

    python benchmarks/plugin_cost.py [ROUNDS]

Fresh interpreters, with the plugin and without it in turns; medians, and the median of the differences of the pairs.
pytest's own plugins are the same on both sides.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COLLECT = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider")
CONTENDERS = {"with the plugin": (), "without it": ("-p", "no:sentri_testing")}
NOTHING_COLLECTED = 5  # pytest's exit code


def milliseconds(folder: Path, *more: str) -> float:
    began = time.perf_counter()
    done = subprocess.run([*COLLECT, *more], cwd=folder, capture_output=True, check=False)
    taken = (time.perf_counter() - began) * 1000
    if done.returncode != NOTHING_COLLECTED:
        raise SystemExit(done.stdout.decode() + done.stderr.decode())
    return taken


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    taken: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n")
        for round_ in range(rounds + 1):
            names = list(CONTENDERS)
            for contender in names if round_ % 2 else reversed(names):
                taken[contender].append(milliseconds(folder, *CONTENDERS[contender]))
    for name, times in taken.items():
        print(f"{name:20} {statistics.median(times[1:]):7.1f} ms")
    pairs = zip(*taken.values(), strict=True)
    print(f"{'the difference':20} {statistics.median(one - other for one, other in pairs):7.1f} ms")


if __name__ == "__main__":
    main()
