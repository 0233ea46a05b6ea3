"""Reading files of tensors: damaged, unsupported and temporarily unreadable ones."""

import sys

import pytest
import torch
from commands import run

from privacy_gan.errors import UserError, is_out_of_memory
from privacy_gan.runs.artifacts import ResumeCheckpoint
from privacy_gan.runs.checkpoint import DamagedCheckpoint, read_checkpoint, save_atomically
from privacy_gan.tensors import DamagedFile, read_tensors

# reads a file with a limit of memory slightly above current use, and prints the errors
WITHOUT_MEMORY = """
import resource, sys
from pathlib import Path
from privacy_gan.errors import UserError, is_out_of_memory
from privacy_gan.runs.artifacts import ResumeCheckpoint
from privacy_gan.runs.artifacts import read_artifact
from privacy_gan.runs.checkpoint import read_checkpoint

path = Path(sys.argv[1])
readers = [
    read_checkpoint,
    lambda path: read_checkpoint(path, mmap=True),
    read_artifact,
    lambda path: ResumeCheckpoint(path, "key", 5).read(),
]
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 2**25
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for reader in readers:
    try:
        print("read", reader(path))
    except UserError as error:
        print(type(error).__name__, error)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file.pt"
    save_atomically(path, {"weights": torch.arange(1000.0), "identity": {"seed": 0}})
    return path


def test_read_tensors_returns_what_was_saved(file):
    for mmap in (False, True):
        found = read_tensors(file, mmap)
        assert torch.equal(found["weights"], torch.arange(1000.0))
        assert found["identity"] == {"seed": 0}
    with pytest.raises(FileNotFoundError):
        read_tensors(file.with_name("none"))


@pytest.mark.parametrize("size", [0, 1, 100, 2000, -1])
def test_truncated_file_is_reported_as_damaged(size, file):
    file.write_bytes(file.read_bytes()[:size])
    for mmap in (False, True):
        with pytest.raises(DamagedFile, match=r"file\.pt is damaged"):
            read_tensors(file, mmap)


def test_intact_file_with_other_content_is_not_a_checkpoint(file):
    save_atomically(file, {"weights": torch.zeros(3)})  # has no key "identity", so is not a run's
    assert torch.equal(read_tensors(file)["weights"], torch.zeros(3))
    with pytest.raises(UserError, match="not a checkpoint of this project") as raised:
        read_checkpoint(file)
    assert not isinstance(raised.value, DamagedCheckpoint)  # would be moved aside


def test_lack_of_memory_is_not_reported_as_a_damaged_file(tmp_path):
    path = tmp_path / "last.ckpt"
    save_atomically(path, {"weights": torch.zeros(2**25), "identity": {}})  # 128 MiB
    before = path.read_bytes()
    process = run([sys.executable, "-c", WITHOUT_MEMORY, path])
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    assert len(lines) == 4, process.stdout
    for line in lines:
        assert line.startswith(f"UserError {path} cannot be read ("), line
        assert "the file was left unchanged" in line
    assert path.read_bytes() == before


def test_directory_is_not_reported_as_damaged(tmp_path):
    for read in (read_tensors, lambda path: ResumeCheckpoint(path, "key", 5).read()):
        with pytest.raises(UserError, match=r"cannot be read \(Is a directory\)") as raised:
            read(tmp_path)
        assert not isinstance(raised.value, DamagedFile)


def test_out_of_memory_is_found_in_the_exception_chain_even_if_it_is_circular():
    outer, inner = RuntimeError("failed to write"), ValueError("why")
    outer.__context__, inner.__context__ = inner, outer
    assert not is_out_of_memory(outer)
    inner.__context__ = MemoryError()
    assert is_out_of_memory(outer)
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    assert not is_out_of_memory(None)
