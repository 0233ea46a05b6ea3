"""What takes long is made once, kept whole, and gone on with."""

import pytest
import torch

from privacy_gan import distributed
from privacy_gan.errors import UserError
from privacy_gan.runs.artifacts import ArtifactCache, ResumeCheckpoint


class Making:
    """Makes what it is asked for, and remembers that; breaks off in the middle where told to."""

    def __init__(self, breaks=False):
        self.breaks = breaks
        self.asked = []

    def __call__(self, names, resume):
        self.asked.append((tuple(names), resume.read()))
        resume.write({"done": len(self.asked)})
        if self.breaks:
            raise KeyboardInterrupt
        return {name: {} if name == "nothing" else {"of": torch.tensor(1)} for name in names}


def cache_in(folder, option=None):
    return ArtifactCache(folder, "adversaries", 5, option)


def paths(cache, *names, settings="as they are"):
    return {name: cache.path(name, settings) for name in names}


@pytest.mark.parametrize("option", ["classifiers.folder", None])
def test_what_is_there_is_not_made_again(option, tmp_path):
    make, cache = Making(), cache_in(tmp_path, option)
    found = cache.get(paths(cache, "one", "nothing"), make)
    assert found == {"one": {"of": torch.tensor(1)}, "nothing": {}}
    assert cache.get(paths(cache, "one", "two"), make)["two"] == found["one"]
    cache.get(paths(cache, "one", settings="others"), make)
    assert [names for names, _ in make.asked] == [("one", "nothing"), ("two",), ("one",)]
    assert not list(tmp_path.glob("*.begun"))
    # who diverged does so again in the same run; another run may try it again
    assert cache.get(paths(cache, "one", "nothing"), make) == found
    assert len(make.asked) == (4 if option else 3)


def test_what_was_broken_off_goes_on_from_its_resume_state(tmp_path):
    broken, make, cache = Making(breaks=True), Making(), cache_in(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        cache.get(paths(cache, "one", "two"), broken)
    assert not any(path.exists() for path in paths(cache, "one", "two").values())
    cache.get(paths(cache, "one", "two"), make)
    assert make.asked == [(("one", "two"), {"done": 1})]
    assert not list(tmp_path.glob("*.begun"))


def test_others_do_not_go_on_from_it(tmp_path):
    cache, make = cache_in(tmp_path), Making()
    with pytest.raises(KeyboardInterrupt):
        cache.get(paths(cache, "one", "two"), Making(breaks=True))
    cache.get(paths(cache, "one"), make)
    assert make.asked == [(("one",), None)]


def test_a_process_that_waits_for_another_one_keeps_its_part_of_the_work(tmp_path, monkeypatch):
    make, cache = Making(), cache_in(tmp_path)

    def interrupted(names, part):
        part(names[:1])
        raise KeyboardInterrupt  # while the second process is at work

    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(distributed, "barrier", lambda: None)
    monkeypatch.setattr(distributed, "broadcast_from_rank_zero", lambda first: first())
    monkeypatch.setattr(distributed, "scatter_work", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.get(paths(cache, "one", "two"), make)
    monkeypatch.setattr(
        distributed, "scatter_work", lambda names, part: {**part(names[:1]), **part(names[1:])}
    )
    found = cache.get(paths(cache, "one", "two"), make)
    assert [names for names, _ in make.asked] == [("one",), ("two",)]
    assert found == {"one": {"of": torch.tensor(1)}, "two": {"of": torch.tensor(1)}}
    assert not list(tmp_path.glob("*.begun"))


def test_a_damaged_file_that_all_runs_share_is_refused_and_a_runs_own_is_made_again(
    tmp_path, caplog
):
    make = Making()
    for option in ("classifiers.folder", None):
        cache = cache_in(tmp_path / str(option), option)
        path = cache.path("one", "")
        cache.get({"one": path}, make)
        path.write_bytes(path.read_bytes()[:100])
    shared = cache_in(tmp_path / "classifiers.folder", "classifiers.folder")
    with pytest.raises(UserError, match="is damaged: delete it to train it again"):
        shared.get(paths(shared, "one", settings=""), make)
    assert len(make.asked) == 2
    assert cache.get({"one": path}, make)["one"]
    assert len(make.asked) == 3
    assert f"{path} was damaged" in caplog.text


def test_a_resume_state_of_something_else_or_a_damaged_one_is_not_gone_on_from(tmp_path, caplog):
    resume = ResumeCheckpoint(tmp_path / "file.pt", "key", every_minutes=0)
    assert resume.read() is None
    assert resume.is_due()
    resume.write({"epoch": 3})
    assert resume.read() == {"epoch": 3}
    assert ResumeCheckpoint(resume.path, "another key", every_minutes=0).read() is None
    assert not ResumeCheckpoint(resume.path, "key", every_minutes=5).is_due()
    resume.path.write_bytes(resume.path.read_bytes()[:100])
    assert resume.read() is None
    assert "file.pt was damaged" in caplog.text
    resume.for_retry().write({})
    resume.remove()
    assert list(tmp_path.iterdir()) == []
