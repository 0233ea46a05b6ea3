"""Steps that are captured as graphs, with a stand-in for CUDA graphs."""

import pytest
import torch
from recorded_graphs import RecordedGraphs
from torch import nn

from privacy_gan.graphs import WARM_UP_STEPS, CapturedSteps, Step


def scale(step):
    return {"sum": (step.numbers["factor"] * step.tensors["rows"]).sum()}


def captured(work, optimizers=(), generators=()):
    return CapturedSteps(work, RecordedGraphs(), optimizers, "steps", generators)


def test_each_kind_and_each_layout_has_its_own_graph():
    steps = captured(scale)
    rows = torch.arange(6.0).view(2, 3)
    for kind, tensor in [("a", rows), ("b", rows), ("a", rows[:1]), ("a", rows.T)]:
        for factor in range(WARM_UP_STEPS + 2):
            found = steps(Step(kind, {"rows": tensor}, {"factor": float(factor)}))
            assert found == {"sum": factor * tensor.sum()}
    assert steps.backend.captures == 4
    assert steps.backend.replays == 8


def test_a_step_is_read_when_it_is_taken():
    """Tensors and numbers may change afterwards, and so may the scalars of earlier steps."""
    steps, rows = captured(scale), torch.ones(3)
    found = []
    for factor in range(8):
        rows.fill_(factor)
        found.append(steps(Step(None, {"rows": rows}, {"factor": 2.0}))["sum"])
        rows.fill_(-1)
    assert found == [6 * factor for factor in range(8)]


def test_a_graph_casts_weights_as_they_are_at_each_step():
    """Autocast keeps a weight that it has cast until it ends; it would be cast once for all."""
    layer, inputs = nn.Linear(3, 1), torch.ones(2, 3)
    steps = captured(lambda step: {"mean": layer(step.tensors["inputs"]).mean()})
    for number in range(WARM_UP_STEPS + 3):
        nn.init.constant_(layer.weight, number)
        nn.init.zeros_(layer.bias)
        with torch.autocast("cpu", torch.bfloat16):
            if number >= WARM_UP_STEPS:
                layer(inputs)  # casts the weight before the capture
            assert steps(Step(None, {"inputs": inputs}, {})) == {"mean": 3 * number}
    assert steps.backend.replays == 3


class Stepper(torch.optim.SGD):
    """Records its option ``capturable`` at every step."""

    def __init__(self, parameters):
        super().__init__(parameters, lr=0.1, fused=True)
        self.seen = []
        self.param_groups[0]["capturable"] = False

    def step(self, closure=None):
        self.seen.append(self.param_groups[0]["capturable"])


def test_optimizers_know_that_they_are_captured():
    weight = nn.Parameter(torch.ones(1))
    optimizers = [Stepper([weight]), torch.optim.SGD([weight], lr=0.1, fused=True)]

    def work(step):
        optimizers[0].step()
        return {"sum": step.tensors["rows"].sum()}

    steps = captured(work, optimizers)
    for _ in range(WARM_UP_STEPS + 2):
        steps(Step(None, {"rows": torch.ones(2)}, {}))
    assert optimizers[0].seen == [False] * WARM_UP_STEPS + [True]  # a replay calls no optimizer
    assert optimizers[0].param_groups[0]["capturable"] is False
    assert "capturable" not in optimizers[1].param_groups[0]


@pytest.mark.parametrize("failing", [False, True])
def test_a_failed_capture_is_reported_once_and_changes_nothing(caplog, failing):
    total = torch.zeros(())

    def work(step):
        total.add_(step.tensors["rows"].sum())
        if failing:
            assert total > -1  # reads a value
        return {"total": total.clone()}

    steps = captured(work)
    found = [steps(Step(None, {"rows": torch.ones(2)}, {}))["total"] for _ in range(8)]
    assert found == [2 * number for number in range(1, 9)]
    assert steps.failed == failing
    assert len(caplog.messages) == failing
    assert all(
        "steps cannot be captured as CUDA graphs: aten::" in each for each in caplog.messages
    )


class Waits(RecordedGraphs):
    """Finds in a warm-up that some work waits for the GPU."""

    def warm_up(self, work):
        result, _ = super().warm_up(work)
        return result, f"loss.py:{int(result)} waits for the GPU" if result else None


def test_steps_that_wait_are_not_captured(caplog):
    backend = Waits()
    waiting, other = (CapturedSteps(scale, backend, [], name) for name in ("waiting", "other"))
    for _ in range(WARM_UP_STEPS + 2):  # in turn, as adversaries learn
        assert waiting(Step(None, {"rows": torch.ones(2)}, {"factor": 3.0})) == {"sum": 6}
        assert other(Step(None, {"rows": torch.ones(2)}, {"factor": 0.0})) == {"sum": 0}
    assert (waiting.failed, other.failed) == (True, False)
    assert backend.captures == 1
    assert caplog.messages == [
        "waiting cannot be captured as CUDA graphs: loss.py:6 waits for the GPU"
    ]


def test_an_optimizer_with_state_on_the_host_is_refused(caplog):
    """Its state would be frozen: torch's Adam counts steps on the CPU unless it is fused."""
    weight = nn.Parameter(torch.ones(1))
    steps = captured(scale, [torch.optim.Adam([weight])])
    for factor in range(WARM_UP_STEPS + 2):
        found = steps(Step(None, {"rows": torch.ones(2)}, {"factor": float(factor)}))
        assert found == {"sum": 2 * factor}
    assert steps.backend.captures == 0
    (warning,) = caplog.messages
    assert warning.endswith("Adam keeps its state on the host unless it is fused")


def test_a_graph_draws_from_the_state_of_a_generator_at_each_step():
    rng = torch.Generator()
    steps = captured(lambda _: {"drawn": torch.rand((), generator=rng)}, generators=[rng])
    for seed in range(WARM_UP_STEPS + 3):
        rng.manual_seed(seed)
        found = steps(Step(None, {"rows": torch.ones(1)}, {}))
        assert found == {"drawn": torch.rand((), generator=torch.Generator().manual_seed(seed))}
    assert steps.backend.replays == 3
