"""The artifact cache: artifacts are computed once, saved atomically, and resumed."""

import pytest
import torch

from privacy_gan import distributed
from privacy_gan.errors import UserError
from privacy_gan.runs.artifacts import ArtifactCache, ResumeCheckpoint


class RecordingMake:
    """Computes artifacts and records its calls; optionally interrupts itself in the middle."""

    def __init__(self, interrupts=False):
        self.interrupts = interrupts
        self.calls = []

    def __call__(self, names, resume):
        self.calls.append((tuple(names), resume.read()))
        resume.write({"done": len(self.calls)})
        if self.interrupts:
            raise KeyboardInterrupt
        return {name: {} if name == "nothing" else {"of": torch.tensor(1)} for name in names}


def cache_in(folder, option=None):
    return ArtifactCache(folder, "adversaries", 5, option)


def paths(cache, *names, settings="some settings"):
    return {name: cache.path(name, settings) for name in names}


@pytest.mark.parametrize("option", ["classifiers.folder", None])
def test_cached_artifacts_are_not_computed_again(option, tmp_path):
    make, cache = RecordingMake(), cache_in(tmp_path, option)
    artifacts = cache.get(paths(cache, "one", "nothing"), make)
    assert artifacts == {"one": {"of": torch.tensor(1)}, "nothing": {}}
    assert cache.get(paths(cache, "one", "two"), make)["two"] == artifacts["one"]
    cache.get(paths(cache, "one", settings="other settings"), make)
    assert [names for names, _ in make.calls] == [("one", "nothing"), ("two",), ("one",)]
    assert not list(tmp_path.glob("*.begun"))
    # empty artifacts, of adversaries that diverged, are saved in a run's own cache only
    assert cache.get(paths(cache, "one", "nothing"), make) == artifacts
    assert len(make.calls) == (4 if option else 3)


def test_interrupted_work_resumes_from_its_checkpoint(tmp_path):
    interrupted, make, cache = RecordingMake(interrupts=True), RecordingMake(), cache_in(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        cache.get(paths(cache, "one", "two"), interrupted)
    assert not any(path.exists() for path in paths(cache, "one", "two").values())
    cache.get(paths(cache, "one", "two"), make)
    assert make.calls == [(("one", "two"), {"done": 1})]
    assert not list(tmp_path.glob("*.begun"))


def test_other_artifacts_do_not_resume_from_it(tmp_path):
    cache, make = cache_in(tmp_path), RecordingMake()
    with pytest.raises(KeyboardInterrupt):
        cache.get(paths(cache, "one", "two"), RecordingMake(interrupts=True))
    cache.get(paths(cache, "one"), make)
    assert make.calls == [(("one",), None)]


def test_a_process_that_waits_for_another_saves_its_part_of_the_work(tmp_path, monkeypatch):
    make, cache = RecordingMake(), cache_in(tmp_path)

    def interrupted(names, compute):
        compute(names[:1])
        raise KeyboardInterrupt  # while the second process is working

    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(distributed, "barrier", lambda: None)
    monkeypatch.setattr(distributed, "broadcast_from_rank_zero", lambda function: function())
    monkeypatch.setattr(distributed, "scatter_work", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.get(paths(cache, "one", "two"), make)
    monkeypatch.setattr(
        distributed,
        "scatter_work",
        lambda names, compute: {**compute(names[:1]), **compute(names[1:])},
    )
    artifacts = cache.get(paths(cache, "one", "two"), make)
    assert [names for names, _ in make.calls] == [("one",), ("two",)]
    assert artifacts == {"one": {"of": torch.tensor(1)}, "two": {"of": torch.tensor(1)}}
    assert not list(tmp_path.glob("*.begun"))


def test_a_damaged_file_is_rejected_in_a_shared_cache_and_computed_again_in_a_runs_own(
    tmp_path, caplog
):
    make = RecordingMake()
    for option in ("classifiers.folder", None):
        cache = cache_in(tmp_path / str(option), option)
        path = cache.path("one", "")
        cache.get({"one": path}, make)
        path.write_bytes(path.read_bytes()[:100])
    shared = cache_in(tmp_path / "classifiers.folder", "classifiers.folder")
    with pytest.raises(UserError, match="is damaged: delete it to train it again"):
        shared.get(paths(shared, "one", settings=""), make)
    assert len(make.calls) == 2
    assert cache.get({"one": path}, make)["one"]
    assert len(make.calls) == 3
    assert f"{path} is damaged" in caplog.text


def test_a_resume_checkpoint_with_another_key_or_a_damaged_one_is_ignored(tmp_path, caplog):
    resume = ResumeCheckpoint(tmp_path / "file.pt", "key", every_minutes=0)
    assert resume.read() is None
    assert resume.is_due()
    resume.write({"epoch": 3})
    assert resume.read() == {"epoch": 3}
    assert ResumeCheckpoint(resume.path, "another key", every_minutes=0).read() is None
    assert not ResumeCheckpoint(resume.path, "key", every_minutes=5).is_due()
    resume.path.write_bytes(resume.path.read_bytes()[:100])
    assert resume.read() is None
    assert "file.pt is damaged" in caplog.text
    resume.for_retry().write({})
    resume.remove()
    assert list(tmp_path.iterdir()) == []
