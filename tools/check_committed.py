"""Fail when a file of the repository holds something that is true on one machine only.

That is: the paths of a home or of this checkout, and where packages are downloaded from.
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parent.parent
FOREIGN = re.compile(
    r"(?<![\w.])/(?:home|Users)/\w|(?<![\w./])/(?:root|work)/\w"
    r"|files\.pythonhosted\.org|pypi\.org/simple|registry\.(?:npmjs|yarnpkg)\.|--(?:extra-)?index-url|--find-links"
    rf"|{re.escape(str(ROOT))}|{re.escape(str(Path.home()))}/"
)


def findings() -> list[str]:
    """Every line that is foreign to a repository, as `path:line: text`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git is where PATH says
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for file in sorted(files)
        if file.is_file() and file != HERE
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1)
        if FOREIGN.search(line)
    ]


if __name__ == "__main__":
    found = findings()
    print("\n".join(found) or "No committed file names a path of this machine or a package index.")
    sys.exit(bool(found))
