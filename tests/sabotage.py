"""Breaks the code on purpose, one thing at a time, and checks that the tests notice.

    python tests/sabotage.py [NAME ...]

Each breakage is applied to a copy of the checkout, where the tests that should fail are run. The
same tests are also run in an unchanged copy, where all must pass. The exit code is 1 if the tests
miss a breakage.
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
NUM_WORKERS = 2
TIMEOUT_SECONDS = 900
FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+)", re.MULTILINE)


@contextmanager
def copy_checkout(checkout: Path) -> Iterator[Path]:
    """Copy the tracked and untracked files of a checkout, without ignored ones, for the block."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
        for name in filter(None, names.split("\0")):
            if (checkout / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(checkout / name, Path(folder) / name)
        yield Path(folder)


def failing_tests(checkout: Path, tests: Sequence[str]) -> list[str]:
    """Run tests in a checkout, and return those that fail; all of them after a time-out.

    Raises:
        RuntimeError: pytest could not run them.
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
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return [f"tests/{test}" for test in tests]
    finally:
        kill_processes(checkout)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{process.stdout}\n{process.stderr}")
    return FAILED.findall(process.stdout)


def kill_processes(checkout: Path) -> None:
    """Kill the processes that broken code left behind, which have the checkout's PYTHONPATH."""
    variable = f"PYTHONPATH={checkout}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if variable in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


def missed_by(breakage: Breakage, checkout: Path) -> list[str]:
    """Return the tests that should fail with a breakage, but pass."""
    with copy_checkout(checkout) as folder:
        file = folder / "privacy_gan" / breakage.file
        text = file.read_text()
        if text.count(breakage.old) != 1:
            raise RuntimeError(f"{breakage.name}: {file.name} no longer has the code to break")
        file.write_text(text.replace(breakage.old, breakage.new))
        failing = failing_tests(folder, breakage.caught_by)
    return [test for test in breakage.caught_by if not any(is_case_of(f, test) for f in failing)]


def is_case_of(failed: str, test: str) -> bool:
    """Return whether a failed test is a given test, or a case of it."""
    return failed.removeprefix("tests/").partition("[")[0] == test


def main() -> None:
    """Apply the named breakages, or all of them, and print which are caught."""
    parser = argparse.ArgumentParser(description="Break the code and check that tests notice.")
    parser.add_argument("names", nargs="*", help="parts of the breakages' names (default: all)")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="the checkout to copy")
    arguments = parser.parse_args()
    names = arguments.names
    for name in names:
        if not any(name in breakage.name for breakage in BREAKAGES):
            parser.error(f"no breakage has {name} in its name")
    selected = [b for b in BREAKAGES if not names or any(name in b.name for name in names)]
    with copy_checkout(arguments.checkout) as folder:
        tests = sorted({test for breakage in selected for test in breakage.caught_by})
        if failing := failing_tests(folder, tests):
            sys.exit("these tests fail in the unchanged code: " + " ".join(failing))
    num_missed = 0
    with ThreadPoolExecutor(NUM_WORKERS) as pool:
        results = pool.map(lambda breakage: missed_by(breakage, arguments.checkout), selected)
        for breakage, missed in zip(selected, results, strict=True):
            num_missed += bool(missed)
            outcome = f"MISSED by {', '.join(missed)}" if missed else "caught"
            print(f"{breakage.name}: {outcome}", flush=True)
    print(f"{len(selected) - num_missed} of {len(selected)} caught")
    sys.exit(num_missed > 0)


if __name__ == "__main__":
    main()
