"""The demo as a process of its own."""

import re
import subprocess
from contextlib import contextmanager

from commands import cli, command_line, start


@contextmanager
def served(run, *options):
    """Start the demo, and yield its process and the page's address."""
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


def ask(run, *options):
    return cli("demo", f"run={run}", "browser=false", *options)
