"""Writes tiny made-up copies of CelebA in every layout that users have."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

ATTRIBUTE_NAMES = (*(f"Attribute_{index}" for index in range(39)), "Smiling")


@dataclass(frozen=True)
class FakeCelebA:
    """Files as bytes by name, attributes uint8 [N, 40] in {0, 1}, splits uint8 [N]."""

    files: dict[str, bytes]
    attributes: npt.NDArray[np.uint8]
    splits: npt.NDArray[np.uint8]

    def txt_attributes(self) -> str:
        rows = [
            # The release pads the values to two characters and ends lines with a blank.
            f"{name} {' '.join(' 1' if value else '-1' for value in row)} "
            for name, row in zip(self.files, self.attributes, strict=True)
        ]
        return "\n".join([str(len(rows)), " ".join(ATTRIBUTE_NAMES) + " ", *rows]) + "\n"

    def txt_partition(self) -> str:
        return "".join(
            f"{name} {split}\n" for name, split in zip(self.files, self.splits, strict=True)
        )

    def csv_attributes(self) -> str:
        rows = [
            ",".join([name, *("1" if value else "-1" for value in row)])
            for name, row in zip(self.files, self.attributes, strict=True)
        ]
        return "\n".join([",".join(["image_id", *ATTRIBUTE_NAMES]), *rows]) + "\n"

    def csv_partition(self) -> str:
        return "image_id,partition\n" + self.txt_partition().replace(" ", ",")


def make_fake(count: int = 6, size: tuple[int, int] = (178, 218)) -> FakeCelebA:
    """Make `count` distinct smooth images; official-looking names with gaps, as in a part."""
    generator = np.random.default_rng(0)
    files = {}
    for index in range(count):
        coarse = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        files[f"{3 * index + 1:06d}.jpg"] = encode(Image.fromarray(coarse).resize(size), "JPEG")
    attributes = generator.integers(0, 2, (count, len(ATTRIBUTE_NAMES)), dtype=np.uint8)
    return FakeCelebA(files, attributes, np.arange(count, dtype=np.uint8) % 3)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_folder(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def write_zip(path: Path, files: dict[str, bytes], inside: str = "img_align_celeba/") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(inside + name, content)


def write_txt_lists(anno: Path, evaluation: Path, fake: FakeCelebA) -> None:
    for folder in (anno, evaluation):
        folder.mkdir(parents=True, exist_ok=True)
    (anno / "list_attr_celeba.txt").write_text(fake.txt_attributes())
    (evaluation / "list_eval_partition.txt").write_text(fake.txt_partition())


def official_zip(root: Path, fake: FakeCelebA) -> None:
    write_zip(root / "img_align_celeba.zip", fake.files)
    write_txt_lists(root, root, fake)


def official_folder(root: Path, fake: FakeCelebA) -> None:
    write_folder(root / "img_align_celeba", fake.files)
    write_txt_lists(root, root, fake)


def release_subfolders_zip(root: Path, fake: FakeCelebA) -> None:
    write_zip(root / "Img" / "img_align_celeba.zip", fake.files)
    write_txt_lists(root / "Anno", root / "Eval", fake)


def release_subfolders_folder(root: Path, fake: FakeCelebA) -> None:
    write_folder(root / "Img" / "img_align_celeba", fake.files)
    write_txt_lists(root / "Anno", root / "Eval", fake)


def csv_mirror(root: Path, fake: FakeCelebA) -> None:
    write_folder(root / "img_align_celeba" / "img_align_celeba", fake.files)
    (root / "list_attr_celeba.csv").write_text(fake.csv_attributes())
    (root / "list_eval_partition.csv").write_text(fake.csv_partition())


def csv_zeros_windows(root: Path, fake: FakeCelebA) -> None:
    """The mirror after a spreadsheet: 0 for -1, a byte order mark, other line ends."""
    write_zip(root / "img_align_celeba.zip", fake.files, inside="")
    for name, text in (
        ("list_attr_celeba.csv", fake.csv_attributes().replace("-1", "0")),
        ("list_eval_partition.csv", fake.csv_partition()),
    ):
        (root / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())


def litter(root: Path, fake: FakeCelebA) -> None:
    """Files that systems and tools leave among the images."""
    official_folder(root, fake)
    for name in ("._000001.jpg", ".DS_Store", "Thumbs.db"):
        (root / "img_align_celeba" / name).write_bytes(b"not an image")


LAYOUTS: dict[str, Callable[[Path, FakeCelebA], None]] = {
    layout.__name__: layout
    for layout in (
        official_zip,
        official_folder,
        release_subfolders_zip,
        release_subfolders_folder,
        csv_mirror,
        csv_zeros_windows,
        litter,
    )
}
