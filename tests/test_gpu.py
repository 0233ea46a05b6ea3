"""What differs on a GPU: where the images live, bfloat16 by default, and NCCL."""

import pytest
import torch
import torch.distributed as dist

from privacy_gan import distributed
from privacy_gan.commands.train import train
from privacy_gan.sweeping.processes import reserve_port
from privacy_gan.training.ddp_strategy import join_process_group

# the order of a GPU's sums varies: the same eight steps differed by 0.002 on an H100
NEARLY = {"rel": 1e-2, "abs": 1e-2}

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]


def test_images_on_the_device_train_the_same_run_as_images_on_the_host(tiny, tmp_path):
    records = [
        train(tiny("trainer=gpu", f"data.on_device={on}", f"output_dir={tmp_path / on}"))[1]
        for on in ("false", "true")
    ]
    host, device = (record.training for record in records)
    assert host.keys() == device.keys()
    for name, value in host.items():
        assert device[name] == pytest.approx(value, **NEARLY)


def test_precision_is_chosen_by_the_hardware(tiny):
    _, record = train(tiny("trainer=gpu", "trainer.precision=auto", "trainer.max_epochs=1"))
    assert 0 < record.training["valid/generator/distortion"] < 1


@pytest.fixture
def one_of_one(monkeypatch):
    """Be the only process of a run, as torchrun would say it."""
    with reserve_port() as port:
        told = {"RANK": 0, "LOCAL_RANK": 0, "GROUP_RANK": 0, "WORLD_SIZE": 1, "MASTER_PORT": port}
        for name, value in told.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
        yield


@pytest.mark.usefixtures("one_of_one")
def test_nccl_connects_a_process_with_itself_and_trains_the_same_run(tiny, tmp_path):
    device = torch.device("cuda", 0)
    with join_process_group(device):
        assert "cuda:nccl" in dist.get_backend_config()
        values = torch.arange(3.0, device=device)
        dist.all_reduce(values)  # NCCL's, with one rank; more ranks need more GPUs than one
        assert values.tolist() == [0.0, 1.0, 2.0]
        assert distributed.scatter_work(["a"], lambda names: dict.fromkeys(names, 1)) == {"a": 1}
    alone, connected_to_itself = (
        train(tiny(f"output_dir={tmp_path / name}", *trainer))[1].training
        for name, trainer in [
            ("alone", ["trainer=gpu"]),
            ("ddp", ["trainer=ddp", "trainer.devices=1"]),
        ]
    )
    assert connected_to_itself == pytest.approx(alone, **NEARLY)
