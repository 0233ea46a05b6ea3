"""Made-up miniatures of published data sets, whose files have the form of the published ones.

The first labels of each are written out, so that tests can state them; the others are random.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from privacy_gan.attributes import CELEBA_ATTRIBUTES

SIZE = 16  # side of the images
COUNT = 120  # images with labels in each set

XRAY_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
XRAY_ROWS = [
    "00000001_000.png,Cardiomegaly,0,1,57,M,PA,2682,2749,0.143,0.143,",
    "00000001_001.png,Cardiomegaly|Pleural_Thickening,1,1,58,M,PA,2894,2729,0.143,0.143,",
    "00000001_002.png,No Finding,2,1,58,M,AP,2500,2048,0.168,0.168,",
    "00000002_000.png,No Finding,0,2,414,F,PA,2500,2048,0.171,0.171,",
    "00000002_001.png,Effusion|Mass,1,2,81,F,AP,2582,2991,0.143,0.143,",
    "00000002_002.png,Mass,2,2,81,F,PA,2500,2048,0.168,0.168,",
]
FINDINGS = ("No Finding", "Cardiomegaly", "Effusion", "Mass", "Pleural_Thickening")

FAIRFACE_HEADER = "file,age,gender,race,service_test"
FAIRFACE_TRAIN = [
    "train/1.jpg,50-59,Male,East Asian,True",
    "train/2.jpg,more than 70,Female,Latino_Hispanic,False",
]
FAIRFACE_VAL = ["val/1.jpg,3-9,Male,East Asian,False", "val/2.jpg,20-29,Female,Black,True"]
AGES = ("0-2", "3-9", "10-19", "20-29", "50-59", "more than 70")
FAIRFACE_RACES = ("East Asian", "Indian", "Black", "White", "Middle Eastern", "Latino_Hispanic")

# the first and last images of CelebA's splits, and others: their numbers in CelebA
MAPPED = (119_614, 162_770, 162_771, 182_637, 182_638, 202_599)

UTKFACE_NAMES = [
    "26_1_2_20170116184024662.jpg.chip.jpg",
    "100_0_0_20170112213500903.jpg.chip.jpg",
    "1_0_4_20161219154556757.jpg.chip.jpg",
    "55_0_3_20170116232725357jpg.chip.jpg",  # without the dot
    "24_0_1_20170116220224657 .jpg.chip.jpg",  # with a blank
]
UTKFACE_MALFORMED = [
    "39_1_20170116174525125.jpg.chip.jpg",
    "53__0_20170116184028385.jpg.chip.jpg",
    "61_3_20170109150557335.jpg.chip.jpg",
]

LFW_ATTRIBUTES = (
    "Male",
    "Asian",
    "Middle Aged",
    "Black Hair",
    "No Eyewear",
    "Smiling",
    "Semi-Obscured Forehead",
)
LFW_ROWS = [
    "Ada Alder\t1\t-0.7518\t-1.2033\t0.0204\t1.1173\t0.9021\t0.0\t-0.4417",
    "Ada Alder\t2\t-0.2211\t-0.9314\t-0.3308\t0.5519\t-0.2044\t1.7062\t0.1189",
    "Jean-Luc De Berg\t1\t1.568346\t-1.889043\t0.7372\t-0.9207\t-1.0061\t-0.5563\t2.0102",
]


def write_chest_xray(root: Path) -> None:
    """Write X-rays of 8 and 16 bits, three of each patient, with official splits."""
    rng = np.random.default_rng(1)
    rows = list(XRAY_ROWS)
    for patient in range(3, 1 + COUNT // 3):
        sex, age = rng.choice(["M", "F"]), rng.integers(20, 90)
        for visit in range(3):
            finding, view = rng.choice(FINDINGS), rng.choice(["PA", "AP"])
            rows.append(
                f"{patient:08d}_{visit:03d}.png,{finding},{visit},{patient},{age},{sex},{view},"
                "2500,2048,0.168,0.168,"
            )
    write_lines(root / "Data_Entry_2017.csv", [XRAY_HEADER, *rows])
    names = [row.split(",")[0] for row in rows]
    write_lines(root / "train_val_list.txt", names[:90])
    write_lines(root / "test_list.txt", names[90:])
    for index, name in enumerate(names):
        part = "images_001" if index < COUNT // 2 else "images_002"
        bits = 16 if index % 2 else 8
        write_grey(root / part / "images" / name, rng.integers(2**bits), bits)


def write_fairface(root: Path) -> None:
    """Write 90 training and 30 validation images in the folder of the smaller margin."""
    rng = np.random.default_rng(2)
    for split, first, count in (("train", FAIRFACE_TRAIN, 90), ("val", FAIRFACE_VAL, 30)):
        rows = list(first)
        for number in range(len(first) + 1, count + 1):
            age, race = rng.choice(AGES), rng.choice(FAIRFACE_RACES)
            gender, service = rng.choice(["Male", "Female"]), rng.choice(["True", "False"])
            rows.append(f"{split}/{number}.jpg,{age},{gender},{race},{service}")
        write_lines(root / f"fairface_label_{split}.csv", [FAIRFACE_HEADER, *rows])
        for row in rows:
            write_colour(root / "fairface-img-margin025-trainval" / row.split(",")[0], rng)


def write_celeba_hq(root: Path) -> None:
    """Write images with 40 attributes, masks, and numbers in CelebA."""
    rng = np.random.default_rng(3)
    values = rng.choice([-1, 1], (COUNT, len(CELEBA_ATTRIBUTES)))
    values[0] = -1
    values[0, CELEBA_ATTRIBUTES.index("Smiling")] = 1
    lines = [str(COUNT), " ".join(CELEBA_ATTRIBUTES)]
    for number, row in enumerate(values):
        lines.append(f"{number}.jpg " + "".join(f" {value:2d}" for value in row))
    write_lines(root / "CelebAMask-HQ-attribute-anno.txt", lines)
    others = rng.choice(np.arange(1, 202_599), COUNT - len(MAPPED), replace=False)
    lines = ["idx    orig_idx    orig_file"]
    for number, original in enumerate((*MAPPED, *others)):
        lines.append(f"{number:<10}{original - 1:<10}{original:06d}.jpg")
    write_lines(root / "CelebA-HQ-to-CelebA-mapping.txt", lines)
    for number in range(COUNT):
        write_colour(root / "CelebA-HQ-img" / f"{number}.jpg", rng)
    write_grey(root / "CelebAMask-HQ-mask-anno" / "0" / "00000_skin.png", 255, 8)


def write_utkface(root: Path) -> None:
    """Write aligned images, three of which lack a field in their names."""
    rng = np.random.default_rng(4)
    names = [*UTKFACE_NAMES, *UTKFACE_MALFORMED]
    for number in range(COUNT - len(UTKFACE_NAMES)):
        age, sex, race = rng.integers(1, 100), rng.integers(2), rng.integers(5)
        names.append(f"{age}_{sex}_{race}_2017010917{number:07d}.jpg.chip.jpg")
    for name in names:
        write_colour(root / "UTKFace" / name, rng)


def write_lfw(root: Path) -> None:
    """Write images of 38 persons; one row has no image, and one image no row."""
    rng = np.random.default_rng(5)
    rows = list(LFW_ROWS)
    for person in range(1, 1 + (COUNT - len(rows)) // 3):
        for number in range(1, 4):
            scores = "\t".join(f"{score:.12f}" for score in rng.normal(size=len(LFW_ATTRIBUTES)))
            rows.append(f"Person Number{chr(65 + person % 26)}{person}\t{number}\t{scores}")
    images = [row.split("\t")[:2] for row in rows]
    rows.append(rows[-1].replace("\t3\t", "\t4\t"))
    images.append(["Zoe Zander", "1"])
    header = "\t".join(["#", "person", "imagenum", *LFW_ATTRIBUTES])
    write_lines(root / "lfw_attributes.txt", ["# attributes of LFW, version 1", header, *rows])
    for person, number in images:
        folder = person.replace(" ", "_")
        path = root / "lfw-deepfunneled" / folder / f"{folder}_{int(number):04d}.jpg"
        write_colour(path, rng)


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Write a text file, each line with a line break."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def write_colour(path: Path, rng: np.random.Generator) -> None:
    """Write an image of one random colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    red, green, blue = rng.integers(256, size=3).tolist()
    Image.new("RGB", (SIZE, SIZE), (red, green, blue)).save(path, "JPEG")


def write_grey(path: Path, value: int, bits: int) -> None:
    """Write an image of one grey value with 8 or 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((SIZE, SIZE), value, np.uint16 if bits == 16 else np.uint8)
    Image.fromarray(pixels).save(path)
