"""Breaks the code on purpose, one thing at a time, and sees whether the tests notice.

    python tests/sabotage.py [NAME ...]

Each breakage is made in a copy of the checkout, where the tests that must turn red are run. They
are run once in a copy that nobody broke, too, where all must pass. The exit code is 1 where a
breakage was not noticed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from breakages import BREAKAGES, Breakage

ROOT = Path(__file__).resolve().parents[1]
AT_ONCE = 2
FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+)", re.MULTILINE)


@contextmanager
def copied(checkout: Path) -> Iterator[Path]:
    """Copy what git knows, or would take, of a checkout."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=checkout, capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
        for name in filter(None, names.split("\0")):
            if (checkout / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(checkout / name, Path(folder) / name)
        yield Path(folder)


def failing(checkout: Path, tests: Sequence[str]) -> list[str]:
    """Run some tests in a checkout, and return those that fail.

    Raises:
        RuntimeError: they were not run.
    """
    command = [sys.executable, "-m", "pytest", "-rfE", "--tb=no", "-p", "no:cacheprovider"]
    try:
        process = subprocess.run(
            [*command, *(f"tests/{test}" for test in tests)],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": str(checkout)},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
    except subprocess.TimeoutExpired:
        return [f"tests/{test}" for test in tests]  # what hangs is noticed
    finally:
        kill_left_behind(checkout)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{process.stdout}\n{process.stderr}")
    return FAILED.findall(process.stdout)


def kill_left_behind(checkout: Path) -> None:
    """Kill what broken code left running; all that was started there has the checkout's path."""
    mark = f"PYTHONPATH={checkout}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


def unnoticed(breakage: Breakage, checkout: Path) -> list[str]:
    """Return the tests that pass though they must not."""
    with copied(checkout) as folder:
        file = folder / "privacy_gan" / breakage.file
        text = file.read_text()
        if text.count(breakage.old) != 1:
            raise RuntimeError(f"{breakage.name}: {file.name} no longer holds what it would break")
        file.write_text(text.replace(breakage.old, breakage.new))
        red = failing(folder, breakage.red)
    return [test for test in breakage.red if not any(is_of(found, test) for found in red)]


def is_of(found: str, test: str) -> bool:
    """Tell whether what failed is a test, or a case of it."""
    return found.removeprefix("tests/").partition("[")[0] == test


def main() -> None:
    """Break what was named, or everything."""
    parser = argparse.ArgumentParser(description="Break the code and see whether tests notice.")
    parser.add_argument("names", nargs="*", help="words of the breakages' names; all by default")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="whose tests are run")
    given = parser.parse_args()
    for name in given.names:
        if not any(name in breakage.name for breakage in BREAKAGES):
            parser.error(f"no breakage has {name} in its name")
    chosen = [b for b in BREAKAGES if not given.names or any(n in b.name for n in given.names)]
    with copied(given.checkout) as folder:
        if red := failing(folder, sorted({test for b in chosen for test in b.red})):
            sys.exit("these fail though nothing is broken: " + " ".join(red))
    missed = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda breakage: unnoticed(breakage, given.checkout), chosen)
        for breakage, passing in zip(chosen, found, strict=True):
            missed += bool(passing)
            told = f"NOT NOTICED by {', '.join(passing)}" if passing else "caught"
            print(f"{breakage.name}: {told}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} caught")
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
