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
ENDS = {
    "by itself": "pass",
    "with a number": "import sys; sys.exit(3)",
    "with words": "import sys; sys.exit('too bad')",
    "with an error": "int('x')",
    "interrupted": "import os, signal, time\n"
    "print('before'); os.kill(os.getpid(), signal.SIGINT); time.sleep(9)",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "with last words": "import atexit; atexit.register(print, 'last words')",
    "after its threads": "import threading, time\n"
    "def late(): time.sleep(0.1); print('late')\n"
    "threading.Thread(target=late).start()",
}
SEES = """
import json, os, signal, sys, __main__
seen = [__name__, sys.argv, os.getcwd(), os.getppid(), os.environ["WORD"], sys.path]
seen += [sys.stdin.read(), sys.stdout.isatty(), sys.executable, os.getsid(0), os.getpgid(0)]
seen += [sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), str(signal.getsignal(signal.SIGINT))]
print(json.dumps([*seen, hasattr(__main__, "seen")]))
"""


def ended(kind, *command, given="", **options):
    """Return exit code, output and errors of a process."""
    with kind([sys.executable, *command], stdin=subprocess.PIPE, **PIPES, **options) as process:
        out, err = process.communicate(given, timeout=60)
    return process.returncode, out, err


def forked(*command, **options):
    return ended(fork_server.Popen, *command, **options)


def started(*command, **options):
    return ended(subprocess.Popen, *command, **options)


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS.keys())
def test_it_ends_like_one(code):
    ours, theirs = forked("-c", code), started("-c", code)
    assert ours[:2] == theirs[:2]
    # a traceback has the server's own lines first
    assert ours[2].splitlines()[-1:] == theirs[2].splitlines()[-1:]


@pytest.mark.parametrize("blocked", [[], [signal.SIGINT, signal.SIGTERM]], ids=["", "blocked"])
def test_it_sees_what_one_sees(blocked, tmp_path):
    (tmp_path / "module.py").write_text(SEES)
    environment = {**os.environ, "WORD": "a 'word'", "PYTHONPATH": str(tmp_path)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        for command in (["-c", SEES, "x"], ["module.py", "x"], ["-m", "module", "x"]):
            how = {"given": "typed", "cwd": tmp_path, "env": environment}
            ours, theirs = forked(*command, **how), started(*command, **how)
            assert ours[0] == theirs[0] == 0, ours[2] + theirs[2]
            assert json.loads(ours[1]) == json.loads(theirs[1])
            assert json.loads(ours[1])[3] == os.getpid()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_it_leads_a_session_of_its_own_as_soon_as_it_is_there():
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    for _ in range(20):
        with fork_server.Popen(command, start_new_session=True) as process:
            os.killpg(process.pid, signal.SIGTERM)
            assert process.wait(30) == -signal.SIGTERM


def test_a_folder_that_is_none_is_an_error_as_ever(tmp_path):
    for kind in (fork_server.Popen, subprocess.Popen):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            kind([sys.executable, "-c", "pass"], cwd=tmp_path / "nowhere")


CHILD = "import time; print('here', flush=True); time.sleep(60)"
PARENT = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}])
print(child.pid, os.getpgid(child.pid) == os.getpgid(0), flush=True)
print(child.wait(), flush=True)
"""


def test_what_it_starts_is_its_child_and_forked_too():
    command = [sys.executable, "-c", PARENT]
    with fork_server.Popen(command, **PIPES, start_new_session=True) as process:
        lines = {process.stdout.readline() for _ in range(2)}  # in any order
        child, is_of_its_group = (lines - {"here\n"}).pop().split()
        assert is_of_its_group == "True"
        assert "fork_server.py" in Path(f"/proc/{child}/cmdline").read_text()
        os.kill(int(child), signal.SIGTERM)
        assert process.stdout.readline() == f"{-signal.SIGTERM}\n"
        assert process.wait(30) == 0


def test_its_server_ends_with_it():
    code = "import os; print(*open(f'/proc/self/task/{os.getpid()}/children').read().split())"
    stat = Path("/proc", forked("-c", code)[1].strip(), "stat")
    until = time.monotonic() + 20
    while stat.exists() and ") Z " not in stat.read_text() and time.monotonic() < until:
        time.sleep(0.01)
    assert not stat.exists() or ") Z " in stat.read_text()


def test_nobody_else_draws_the_same_numbers():
    code = (
        "import random, numpy, torch\n"
        "print(random.random(), numpy.random.rand(), torch.rand(1).double().item())"
    )
    one, other = (forked("-c", code)[1].split() for _ in range(2))
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))


def test_it_takes_the_threads_that_it_is_given():
    code = "import torch; print(torch.get_num_threads())"
    for threads in ("1", "2"):
        told = forked("-c", code, env=os.environ | {"OMP_NUM_THREADS": threads})
        assert told[1] == f"{threads}\n"
