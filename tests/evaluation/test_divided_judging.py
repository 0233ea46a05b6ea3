"""Two processes divide the adversaries of a judgement and find exactly what one process finds."""

import os
import sys
from pathlib import Path

import pytest
import torch
from commands import start

from privacy_gan.sweeping.processes import reserve_port

JUDGING = """
import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path

import torch
from planted import InOnePixel, LightAndDark, judge_in, scratch, small_network

from privacy_gan import distributed
from privacy_gan.evaluation import stopping
from privacy_gan.evaluation.cached_attack import JudgingCache, attack_censored
from privacy_gan.evaluation.learning import Learner
from privacy_gan.evaluation.retrained import RetrainedClassifier
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.hardware import Compute

torch.set_num_threads(1)
stopping.MIN_STEPS = 8
rank, ranks, port, folder, kill_at = sys.argv[1:]
if int(kill_at):
    taken, original = [], Learner.training_step
    def step(self, *arguments):
        taken.append(self)
        if len(taken) == int(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, *arguments)
    Learner.training_step = step

def weak(**task):
    learner = scratch(**task)
    learner.lr_scale = 1e-6
    return learner

def retrained(**task):
    recipe = scratch(num_classes=2, column=0, fixed=None).recipe
    return RetrainedClassifier(small_network, recipe, **task)

def judge():
    data = LightAndDark(train=64, valid=64, test=32)
    data.setup()
    compute = Compute(torch.device("cpu"), nullcontext)
    adversaries = {"a": scratch, "weak": weak, "b": scratch}
    judge = judge_in(Path(folder) / "c", 4, adversaries, queries=[1], retrained=retrained)
    judge.paper = scratch
    attack = judge.build_attack(MechanismSource(InOnePixel(), data, compute), "Light", ["Red"], {})
    cache = JudgingCache(Path(folder) / "judging", "key", 0)  # checkpoints after every step
    outcomes = attack_censored(attack, cache)
    if rank == "0":
        found = {name: (each.probabilities, repr(each.curve)) for name, each in outcomes.items()}
        torch.save(found, Path(folder) / "outcomes.pt")

if ranks == "1":
    judge()
else:
    with distributed.process_group(f"127.0.0.1:{port}", int(rank), 2, torch.device("cpu")):
        judge()
"""


def judged(folder: Path, ranks: int, kill_at: int = 0) -> list[int]:
    """Judge with some processes, of which the last is killed in a step; return the exit codes."""
    folder.mkdir(exist_ok=True)
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    env = {"PYTHONPATH": os.pathsep.join(paths)}
    with reserve_port() as port:
        arguments = [
            [sys.executable, "-c", JUDGING, rank, ranks, port, folder, kill]
            for rank, kill in enumerate([0] * (ranks - 1) + [kill_at])
        ]
        started = [start(words, env=env) for words in arguments]
        codes = []
        for process in reversed(started):  # the killed one ends first
            codes.insert(0, process.wait(timeout=100))
            if codes[0]:
                for other in started:
                    other.kill()
    return codes


def assert_same(folder: Path, expected: dict) -> None:
    """Require exactly the expected predictions and learning curves."""
    found = torch.load(folder / "outcomes.pt", weights_only=True)
    assert {name: curve for name, (_, curve) in found.items()} == {
        name: curve for name, (_, curve) in expected.items()
    }
    for name, (probabilities, _) in found.items():
        torch.testing.assert_close(probabilities, expected[name][0], rtol=0, atol=0)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Return the outcomes that one process finds."""
    folder = tmp_path_factory.mktemp("one")
    assert judged(folder, 1) == [0]
    return torch.load(folder / "outcomes.pt", weights_only=True)


def test_two_processes_find_what_one_finds(tmp_path, expected):
    assert "dropped" in expected["weak"][1]
    assert judged(tmp_path, 2) == [0, 0]
    assert_same(tmp_path, expected)
    assert not list(tmp_path.rglob("*.begun"))


def test_a_killed_judgement_resumes_to_the_same_result(tmp_path, expected):
    """The second process is killed in the branch of its second stage."""
    assert judged(tmp_path, 2, kill_at=9)[1] != 0
    assert len(list(tmp_path.rglob("*.begun"))) == 2
    assert judged(tmp_path, 2) == [0, 0]
    assert_same(tmp_path, expected)


@pytest.mark.parametrize("kill_at", [3, 14, 25])
def test_a_single_killed_process_resumes_to_the_same_result(tmp_path, expected, kill_at):
    """Killed in the first, the second and the last stage."""
    assert judged(tmp_path, 1, kill_at) != [0]
    assert judged(tmp_path, 1) == [0]
    assert_same(tmp_path, expected)
