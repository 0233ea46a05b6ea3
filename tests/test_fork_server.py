"""A process that was forked is like one that Python started."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fork_server
import pytest

pytestmark = pytest.mark.skipif(not fork_server.IS_SUPPORTED, reason="forks are for Linux")
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
SAYS_SO = """
import json, os, sys
seen = [__name__, sys.argv, os.getcwd(), os.getppid(), os.environ["WORD"], sys.path[:2]]
print(json.dumps([*seen, sys.stdin.read(), sys.stdout.isatty(), sys.executable]))
"""
ENDS = {
    "by itself": "pass",
    "with a number": "import sys; sys.exit(3)",
    "with words": "import sys; sys.exit('too bad')",
    "with an error": "int('x')",
    "interrupted": "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "with last words": "import atexit; atexit.register(print, 'last words')",
    "after its threads": "import threading, time\n"
    "def late(): time.sleep(0.1); print('late')\n"
    "threading.Thread(target=late).start()",
}


def both(*command, given="", **options):
    """Return exit code, output and errors of a command, forked and started by Python."""
    found = []
    for kind in (fork_server.Popen, subprocess.Popen):
        with kind([sys.executable, *command], stdin=subprocess.PIPE, **PIPES, **options) as process:
            out, err = process.communicate(given, timeout=60)
        found.append((process.returncode, out, err))
    return found


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS.keys())
def test_it_ends_like_one(code):
    forked, started = both("-c", code)
    assert forked[:2] == started[:2]
    # a traceback has the server's own lines first
    assert forked[2].splitlines()[-1:] == started[2].splitlines()[-1:]


def test_it_sees_what_one_sees(tmp_path):
    (tmp_path / "module.py").write_text(SAYS_SO)
    environment = {**os.environ, "WORD": "a 'word'", "PYTHONPATH": str(tmp_path)}
    for command in (["-c", SAYS_SO, "x"], ["module.py", "x"], ["-m", "module", "x"]):
        forked, started = both(*command, given="typed", cwd=tmp_path, env=environment)
        assert forked == started
        assert json.loads(forked[1])[3] == os.getpid()


def test_it_leads_a_session_of_its_own_where_that_is_asked_for():
    code = "import os; print(os.getsid(0) == os.getpid() == os.getpgid(0))"
    forked, _ = both("-c", code, start_new_session=True)
    assert forked[1] == "True\n"


CHILD = "import time; print('here', flush=True); time.sleep(60)"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}])
print(child.pid, flush=True)
print(child.wait(), flush=True)
"""


def test_what_it_starts_is_its_child_and_forked_too():
    command = [sys.executable, "-c", PARENT]
    with fork_server.Popen(command, **PIPES) as process:
        began = time.monotonic()
        child = int(process.stdout.readline())
        assert process.stdout.readline() == "here\n"
        assert "fork_server.py" in Path(f"/proc/{child}/cmdline").read_text()
        os.kill(child, signal.SIGTERM)
        assert process.stdout.readline() == f"{-signal.SIGTERM}\n"
        assert process.wait(30) == 0
        assert time.monotonic() - began < 30


def test_its_server_ends_with_it():
    code = "import os; print(*open(f'/proc/self/task/{os.getpid()}/children').read().split())"
    forked, _ = both("-c", code)
    (server,) = map(int, forked[1].split())
    until = time.monotonic() + 20
    while Path(f"/proc/{server}").exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not Path(f"/proc/{server}").exists()


def test_nobody_else_draws_the_same_numbers():
    code = "import random, numpy, torch; print(random.random(), numpy.random.rand(), torch.rand(1))"
    one, other = (both("-c", code)[0][1].split() for _ in range(2))
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))


def test_it_takes_the_threads_that_it_is_given():
    code = "import torch; print(torch.get_num_threads())"
    for threads in ("1", "2"):
        forked, _ = both("-c", code, env=os.environ | {"OMP_NUM_THREADS": threads})
        assert forked[1] == f"{threads}\n"
