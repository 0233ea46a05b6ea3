"""A forked process behaves like one that Python started."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fork_client
import pytest

pytestmark = pytest.mark.skipif(not fork_client.IS_SUPPORTED, reason="forks are for Linux")
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
ENDS = {
    "normally": "pass",
    "with an exit code": "import sys; sys.exit(3)",
    "with an exit message": "import sys; sys.exit('too bad')",
    "with an exception": "int('x')",
    "interrupted": "import os, signal, time\n"
    "print('before'); os.kill(os.getpid(), signal.SIGINT); time.sleep(9)",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "with an atexit function": "import atexit; atexit.register(print, 'at exit')",
    "after its threads": "import threading, time\n"
    "def late(): time.sleep(0.1); print('late')\n"
    "threading.Thread(target=late).start()",
}
REPORT = """
import json, os, signal, sys, __main__
seen = [__name__, sys.argv, os.getcwd(), os.getppid(), os.environ["WORD"], sys.path]
seen += [sys.stdin.read(), sys.stdout.isatty(), sys.executable, os.getsid(0), os.getpgid(0)]
seen += [sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), str(signal.getsignal(signal.SIGINT))]
print(json.dumps([*seen, hasattr(__main__, "seen")]))
"""


def run(popen, *command, given="", **options):
    """Return the exit code, the output and the error output of a process."""
    with popen([sys.executable, *command], stdin=subprocess.PIPE, **PIPES, **options) as process:
        out, err = process.communicate(given, timeout=60)
    return process.returncode, out, err


def run_forked(*command, **options):
    return run(fork_client.Popen, *command, **options)


def run_fresh(*command, **options):
    return run(subprocess.Popen, *command, **options)


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS.keys())
def test_it_ends_like_a_fresh_process(code):
    forked, fresh = run_forked("-c", code), run_fresh("-c", code)
    assert forked[:2] == fresh[:2]
    # only the last line, because a traceback begins with the server's own lines
    assert forked[2].splitlines()[-1:] == fresh[2].splitlines()[-1:]


@pytest.mark.parametrize("blocked", [[], [signal.SIGINT, signal.SIGTERM]], ids=["", "blocked"])
def test_its_state_is_that_of_a_fresh_process(blocked, tmp_path):
    (tmp_path / "module.py").write_text(REPORT)
    environment = {**os.environ, "WORD": "a 'word'", "PYTHONPATH": str(tmp_path)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        for command in (["-c", REPORT, "x"], ["module.py", "x"], ["-m", "module", "x"]):
            options = {"given": "typed", "cwd": tmp_path, "env": environment}
            forked, fresh = run_forked(*command, **options), run_fresh(*command, **options)
            assert forked[0] == fresh[0] == 0, forked[2] + fresh[2]
            assert json.loads(forked[1]) == json.loads(fresh[1])
            assert json.loads(forked[1])[3] == os.getpid()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_a_new_session_exists_when_popen_returns():
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    for _ in range(20):
        with fork_client.Popen(command, start_new_session=True) as process:
            os.killpg(process.pid, signal.SIGTERM)
            assert process.wait(30) == -signal.SIGTERM


def test_a_missing_working_directory_is_an_error(tmp_path):
    for popen in (fork_client.Popen, subprocess.Popen):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            popen([sys.executable, "-c", "pass"], cwd=tmp_path / "nowhere")


CHILD = "import time; print('here', flush=True); time.sleep(60)"
PARENT = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}])
print(child.pid, os.getpgid(child.pid) == os.getpgid(0), flush=True)
print(child.wait(), flush=True)
"""


def test_its_subprocess_is_its_child_and_also_forked():
    command = [sys.executable, "-c", PARENT]
    with fork_client.Popen(command, **PIPES, start_new_session=True) as process:
        lines = {process.stdout.readline() for _ in range(2)}  # in any order
        child, is_in_its_group = (lines - {"here\n"}).pop().split()
        assert is_in_its_group == "True"
        assert "fork_server.py" in Path(f"/proc/{child}/cmdline").read_text()
        os.kill(int(child), signal.SIGTERM)
        assert process.stdout.readline() == f"{-signal.SIGTERM}\n"
        assert process.wait(30) == 0


WORKERS = {
    "joblib": "import joblib\npool = joblib.Parallel(2)\n"
    "call = lambda f, x: pool(joblib.delayed(f)(x) for _ in range(4))",
    "multiprocessing": "from multiprocessing import get_context\n"
    "pool = get_context('spawn').Pool(2)\n"
    "call = lambda f, x: pool.map(f, [x] * 4)",
}
SHOW_WORKERS = """
import os, pathlib
print(*call(pathlib.Path.read_text, pathlib.Path("/proc/self/cmdline")))
parents = call(pathlib.Path.read_text, pathlib.Path("/proc/self/stat"))
print({int(each.rpartition(")")[2].split()[1]) for each in parents} == {os.getpid()})
"""


@pytest.mark.parametrize("starting", WORKERS.values(), ids=WORKERS.keys())
def test_its_workers_are_its_children_and_also_forked(starting):
    code, out, err = run_forked("-c", starting + SHOW_WORKERS)
    assert (code, err) == (0, "")
    command_lines, are_children = out.splitlines()
    assert command_lines.count("fork_server.py") == 4
    assert are_children == "True"


def test_a_worker_keeps_a_descriptor_by_its_number_and_its_server_does_not():
    reading, writing = os.pipe()
    code = f"import os, time; os.write({writing}, b'here'); os.close({writing}); time.sleep(20)"
    pid = fork_client.start_worker([sys.executable, "-c", code], [writing])
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read() == b"here"
    assert os.waitpid(pid, os.WNOHANG) == (
        0,
        0,
    )  # no process keeps the pipe open, and it still runs
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_failed_worker_is_noticed():
    code = "\nimport os\ntry: call(os._exit, 1)\nexcept Exception: print('ended')"
    assert run_forked("-c", WORKERS["joblib"] + code)[:2] == (0, "ended\n")


@pytest.mark.parametrize("options", [[], ["-u"]], ids=["buffered", "unbuffered"])
def test_its_output_is_buffered_as_requested(options):
    code = "import os; print('seen', end=''); os._exit(0)"
    forked, fresh = run_forked(*options, "-c", code), run_fresh(*options, "-c", code)
    assert forked == fresh
    assert forked[1] == "seen" or not options


def test_its_server_ends_with_it():
    code = "import os; print(*open(f'/proc/self/task/{os.getpid()}/children').read().split())"
    stat = Path("/proc", run_forked("-c", code)[1].strip(), "stat")
    deadline = time.monotonic() + 20
    while stat.exists() and ") Z " not in stat.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not stat.exists() or ") Z " in stat.read_text()


def test_forks_draw_different_random_numbers():
    code = (
        "import random, numpy, torch\n"
        "print(random.random(), numpy.random.rand(), torch.rand(1).double().item())"
    )
    first, second = (run_forked("-c", code)[1].split() for _ in range(2))
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_omp_num_threads_sets_the_number_of_threads():
    code = "import torch; print(torch.get_num_threads())"
    for threads in ("1", "2"):
        _, out, _ = run_forked("-c", code, env=os.environ | {"OMP_NUM_THREADS": threads})
        assert out == f"{threads}\n"
