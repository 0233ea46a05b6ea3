"""Helpers that run the demo in a separate process."""

import re
import subprocess
from contextlib import contextmanager

from commands import cli, command_line, start


@contextmanager
def running_demo(run, *options):
    """Start the demo. Yield its process and the address of its page."""
    command = command_line("demo", f"run={run}", "port=0", "browser=false", *options)
    process = start(command, stdout=subprocess.PIPE)
    try:
        line = process.stdout.readline()
        (address,) = re.findall(r"http://127\.0\.0\.1:\d+", line)
        yield process, f"{address}/"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def run_demo(run, *options):
    """Run the demo until it ends by itself, as it does after a mistake."""
    return cli("demo", f"run={run}", "browser=false", *options)
