"""The demo as a process of its own."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

from tiny_runs import ONE_THREAD, ROOT

SCRIPT = str(ROOT / "experiments" / "demo.py")


@contextmanager
def served(run, *options):
    """Start the demo, and yield its process and the page's address."""
    command = [sys.executable, SCRIPT, f"run={run}", "port=0", "browser=false", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD
    )
    try:
        line = process.stdout.readline()
        (address,) = re.findall(r"http://127\.0\.0\.1:\d+", line)
        yield process, f"{address}/"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(run, *options):
    return subprocess.run(
        [sys.executable, SCRIPT, f"run={run}", "browser=false", *options],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | ONE_THREAD,
        check=False,
    )
