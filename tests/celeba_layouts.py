"""Write tiny fake copies of CelebA in every supported layout."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_gan.data.celeba_source import CelebASource

ATTRIBUTE_NAMES = (*(f"Attribute_{index}" for index in range(39)), "Smiling")
HTML = "\n  <!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"


@dataclass(frozen=True)
class FakeCelebA:
    """File contents by name, attributes uint8 [N, 40] in {0, 1}, splits uint8 [N]."""

    files: dict[str, bytes]
    attributes: npt.NDArray[np.uint8]
    splits: npt.NDArray[np.uint8]

    def txt_attributes(self) -> str:
        rows = [
            # the release pads the values to two characters and ends lines with a blank
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
    """Create `count` distinct smooth images, named like a subset of the release."""
    generator = np.random.default_rng(0)
    files = {}
    for index in range(count):
        coarse = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        files[f"{3 * index + 1:06d}.jpg"] = encode(Image.fromarray(coarse).resize(size), "JPEG")
    attributes = generator.integers(0, 2, (count, len(ATTRIBUTE_NAMES)), dtype=np.uint8)
    return FakeCelebA(files, attributes, np.arange(count, dtype=np.uint8) % 3)


def renumber(fake: FakeCelebA, numbers: list[int]) -> FakeCelebA:
    """Rename the images to these numbers of CelebA."""
    names = [f"{number:06d}.jpg" for number in numbers]
    return replace(fake, files=dict(zip(names, fake.files.values(), strict=True)))


def read_everything(source: CelebASource) -> None:
    """Read the cache key, labels and images of a copy."""
    source.cache_key()
    _, splits = source.labels()
    source.images(0, len(splits))


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
    """The mirror saved by a spreadsheet: 0 for -1, a byte order mark, Windows line endings."""
    write_zip(root / "img_align_celeba.zip", fake.files, inside="")
    for name, text in (
        ("list_attr_celeba.csv", fake.csv_attributes().replace("-1", "0")),
        ("list_eval_partition.csv", fake.csv_partition()),
    ):
        (root / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())


def litter(root: Path, fake: FakeCelebA) -> None:
    """Other files among the images, as operating systems and tools add them."""
    official_folder(root, fake)
    for name in ("._000001.jpg", ".DS_Store", "Thumbs.db"):
        (root / "img_align_celeba" / name).write_bytes(b"not an image")


def spreadsheet(root: Path, fake: FakeCelebA) -> None:
    """CSV files with quoted fields, semicolons, an index column, and 1.0 and 0.0."""
    write_folder(root / "img_align_celeba", fake.files)
    for name, text in (
        ("list_attr_celeba.csv", fake.csv_attributes().replace("-1", "0")),
        ("list_eval_partition.csv", fake.csv_partition()),
    ):
        header, *rows = text.replace(",1", ",1.0").replace(",0", ",0.0").splitlines()
        indexed = [f",{header}", *(f"{number},{row}" for number, row in enumerate(rows))]
        quoted = [";".join(f'"{text}"' for text in row.split(",")) for row in indexed]
        (root / name).write_text("\r\n".join(quoted) + "\r\n")


def pngs_listed_as_jpg(root: Path, fake: FakeCelebA) -> None:
    """The release's PNG images with lists that name JPEG files."""
    images = {
        name.replace(".jpg", ".png"): encode(Image.open(BytesIO(content)), "PNG")
        for name, content in fake.files.items()
    }
    write_folder(root / "Img" / "img_align_celeba_png", images)
    write_txt_lists(root / "Anno", root / "Eval", fake)


def txt_zeros(root: Path, fake: FakeCelebA) -> None:
    """The release's lists with 0 for -1, image_id as a column name, and Windows line endings."""
    official_zip(root, fake)
    path = root / "list_attr_celeba.txt"
    count, header, *rows = path.read_text().replace("-1", " 0").splitlines()
    path.write_text("\n".join([count, f"image_id {header}", *rows]), newline="\r\n")
    partition = root / "list_eval_partition.txt"
    partition.write_text(partition.read_text(), newline="\r\n")


def without_count(root: Path, fake: FakeCelebA) -> None:
    official_zip(root, fake)
    path = root / "list_attr_celeba.txt"
    path.write_text(path.read_text().partition("\n")[2])


def wrong_count(root: Path, fake: FakeCelebA) -> None:
    """A subset of the release with the first line of the whole release."""
    official_zip(root, fake)
    path = root / "list_attr_celeba.txt"
    path.write_text(f"202599\n{path.read_text().partition(chr(10))[2]}")


def partition_as_words(root: Path, fake: FakeCelebA) -> None:
    official_zip(root, fake)
    (root / "list_eval_partition.txt").unlink()
    words = ("train", "valid", "test")
    rows = [f"{name},{words[split]}" for name, split in zip(fake.files, fake.splits, strict=True)]
    (root / "list_eval_partition.csv").write_text("\n".join(["image_id,partition", *rows]))


def nested_twice(root: Path, fake: FakeCelebA) -> None:
    """Folders of the same name nested in each other by unpacking."""
    inside = root / "celeba" / "img_align_celeba" / "img_align_celeba" / "img_align_celeba"
    write_folder(inside, fake.files)
    write_txt_lists(root / "celeba", root / "celeba", fake)


def listed_with_folders(root: Path, fake: FakeCelebA) -> None:
    official_folder(root, fake)
    path = root / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace("\n0", "\nimg_align_celeba/0"))


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
        spreadsheet,
        pngs_listed_as_jpg,
        txt_zeros,
        without_count,
        wrong_count,
        partition_as_words,
        nested_twice,
        listed_with_folders,
    )
}
