"""Runs on one's own images, from a folder to the pages that are handed on."""

import csv
import json
from pathlib import Path

import known_copies
import numpy as np
import pytest
import torch
from celeba_layouts import make_fake
from commands import cli
from omegaconf import OmegaConf
from PIL import Image
from presets import JUDGED, TINY

from privacy_gan.commands.demo import page_content
from privacy_gan.commands.train import train
from privacy_gan.data.folder_source import open_folder
from privacy_gan.data.known_sets.registry import KNOWN_SETS
from privacy_gan.data.splits import NAMES
from privacy_gan.release.trained_model import load_privatizer, load_trained_model
from privacy_gan.runs.folder import RunFolder

COUNT = 240
AGES = ("0-2", "3-9", "10-19", "20-29", "more than 70")
DRAWN = ("data.num_train=", "data.num_valid=", "data.num_test=", "judge.attributes=")
OWN = [word for word in (*TINY, *JUDGED) if not word.startswith(DRAWN)]
OWN += ["data.batch_size=48", "trainer.max_epochs=1"]


def labels_of(number):
    """Return an image's labels: five ages, of which one in 8 is unknown, and two more columns."""
    return {
        "image": f"{number:03d}.png",
        "age": "" if number % 8 == 7 else AGES[number % 5],
        "smile": "" if number % 6 == 5 else ("no", "yes")[number % 2],
        "hair": ("black", "brown", "grey")[number % 3],
        "person": f"p{number // 2}",
    }


def write_images(folder):
    rng = np.random.default_rng(0)
    (folder / "photos").mkdir(parents=True)
    rows = [labels_of(number) for number in range(COUNT)]
    for number, row in enumerate(rows):
        pixels = rng.integers(0, 60, (20, 18, 3)) + 30 * (number % 5) + 40 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "photos" / row["image"])
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


@pytest.fixture
def own(once):
    return once("own images", write_images)


@pytest.fixture
def judged(once, own):
    def run(folder):
        words = [f"data.images={own / 'photos'}", f"data.labels={own / 'labels.csv'}"]
        folders = [f"output_dir={folder}", f"data.cache_dir={folder / 'cache'}"]
        options = ["data=folder", "attribute=age", "data.person=person"]
        process = cli("train", *OWN, *options, *words, *folders)
        assert process.returncode == 0, process.stderr
        (folder / "output.txt").write_text(process.stdout)

    return once("run on own images", run)


def find_run(folder):
    return next(folder.rglob("result.json")).parent


def test_five_classes_and_missing_labels_are_judged_and_named(judged):
    output = (judged / "output.txt").read_text()
    assert f"excluded {COUNT // 8} of {COUNT} images without a value of age" in output
    run = find_run(judged)
    assert run.relative_to(judged) == Path(
        "own-images-photos-16/filter_generator-entropy/age/epsilon-0.01/seed-0"
    )
    result = json.loads((run / "result.json").read_text())
    found = result["evaluations"]["age"]
    assert found["classes"] == list(AGES)
    assert sum(found["images"].values()) == COUNT * 7 // 8
    assert {name for name in found["measures"] if name.startswith("utility/")} == {
        "utility/smile",
        "utility/hair",
    }
    assert "association/hair" in found["measures"]
    test = found["images"]["test"]
    (line,) = (line for line in found["warnings"] if line.startswith("smile is measured on the "))
    known = int(line.split()[5])
    assert line.endswith(f" of {test} test images that have a value of it")
    assert known < test
    right = found["measures"]["utility/smile"]["censored"]["value"] * known
    assert right == pytest.approx(round(right), abs=1e-6)  # only images with a label count
    assert set(found["correct"]) == {"privacy_loss", "utility/hair"}  # not image by image
    assert found["persons"]["test"] < test
    with Image.open(run / "images" / "epoch-0001.png") as grid:
        assert grid.width > 500


def test_the_splits_that_were_made_are_recorded_and_can_be_given_again(judged, own, tiny):
    run = find_run(judged)
    with RunFolder(run).splits.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [labels_of(n)["image"] for n in range(COUNT)]
    arguments = [own / "photos", own / "labels.csv", 16]
    made = open_folder(*arguments, person="person")
    given = open_folder(*arguments, person="person", split=str(RunFolder(run).splits))
    assert made.splits.tolist() == given.splits.tolist()
    assert [NAMES[split] for split in made.splits] == [row["split"] for row in rows]
    assert made.content_key() == given.content_key()
    assert OmegaConf.load(run / "config.yaml").judge.attributes == ["age", "smile", "hair"]


def test_the_run_is_reported_privatized_exported_and_shown(judged, own, tmp_path):
    run = find_run(judged)
    report = cli("report", f"folder={judged}", f"output={tmp_path / 'report'}")
    assert report.returncode == 0, report.stderr
    assert "age" in (tmp_path / "report" / "report.html").read_text()
    censored = cli(
        "privatize", f"run={run}", f"input={own / 'photos'}", f"output={tmp_path / 'censored'}"
    )
    assert censored.returncode == 0, censored.stderr
    assert len(list((tmp_path / "censored").glob("*.png"))) == COUNT
    exported = cli("export", f"run={run}", f"output={tmp_path / 'export'}", "onnx=false")
    assert exported.returncode == 0, exported.stderr
    card = (tmp_path / "export" / "README.md").read_text()
    assert f"Values: {', '.join(AGES)}." in card
    assert "from square colour images of 16 pixels" in card
    predictors = page_content(load_trained_model(run), "whole", None).predictors
    assert predictors.classes == {
        "age": AGES,
        "smile": ("no", "yes"),
        "hair": ("black", "brown", "grey"),
    }
    assert set(predictors.classifiers) == set(predictors.classes)


def test_a_repeated_command_finds_its_finished_run(judged, own):
    words = [f"data.images={own / 'photos'}", f"data.labels={own / 'labels.csv'}"]
    folders = [f"output_dir={judged}", f"data.cache_dir={judged / 'cache'}"]
    options = ["data=folder", "attribute=Age", "data.person=person"]
    process = cli("train", *OWN, *options, *words, *folders)
    assert process.stdout.startswith("already finished: ")


def test_celeba_as_a_folder_trains_to_the_same_weights_and_measures(tiny, tmp_path):
    fake = make_fake(150, (16, 16))
    root = tmp_path / "celeba"
    (root / "img_align_celeba").mkdir(parents=True)
    for name, content in fake.files.items():
        (root / "img_align_celeba" / name).write_bytes(content)
    (root / "list_attr_celeba.txt").write_text(fake.txt_attributes())
    lines = [f"{name} {number % 3}\n" for number, name in enumerate(fake.files)]
    (root / "list_eval_partition.txt").write_text("".join(lines))
    header, *rows = fake.csv_attributes().splitlines()
    splits = ("train", "val", "test")
    table = [f"{header},split", *(f"{row},{splits[n % 3]}" for n, row in enumerate(rows))]
    (tmp_path / "labels.csv").write_text("\n".join(table))
    common = ["attribute=Smiling", "judge.attributes=[Smiling,Attribute_1,Attribute_2]"]
    runs = [
        train(
            tiny(
                *common,
                *words,
                f"run_dir={tmp_path / name}",
                f"classifiers.folder={tmp_path / name / 'classifiers'}",
                preset=OWN,
            )
        )
        for name, words in {
            "one": ["data=celeba", f"data.root={root}"],
            "other": [
                "data=folder",
                f"data.images={root / 'img_align_celeba'}",
                f"data.labels={tmp_path / 'labels.csv'}",
            ],
        }.items()
    ]
    weights = [torch.load(run.checkpoint, weights_only=True)["state_dict"] for run, _ in runs]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    evaluations = [result.evaluations["Smiling"] for _, result in runs]
    assert evaluations[0].measures == evaluations[1].measures
    assert evaluations[0].images == evaluations[1].images


@pytest.mark.parametrize("kind", ["json lines", "parquet table", "hub", "classes", "class splits"])
def test_labels_in_every_form_are_trained_on(kind, own, tiny, tmp_path):
    words = write_kind(kind, own, tmp_path)
    run, _ = train(tiny("data=folder", *words, preset=[*OWN, "evaluate=false"]))
    assert run.checkpoint.is_file()


@pytest.mark.parametrize("name", KNOWN_SETS)
def test_known_sets_are_trained_on_and_judged(name, tiny, tmp_path):
    root = tmp_path / "set"
    getattr(known_copies, f"write_{name}")(root)
    attribute = {"celeba_hq": "Smiling", "lfw": "Male"}.get(name, "sex")
    attribute = "race" if name == "fairface" else attribute
    where = [f"data.images={root}", f"classifiers.folder={tmp_path / 'classifiers'}"]
    ages = ["data.bins={age: [0, 40]}"] if name in ("utkface", "chest_xray") else []
    config = tiny(f"data={name}", f"attribute={attribute}", *where, *ages, preset=OWN)
    run, result = train(config)
    assert run.path.relative_to(tmp_path / "outputs").parts[0] == f"{name}-16"
    assert result.evaluations[attribute].measures["privacy_loss"].censored is not None
    assert result.evaluations[attribute].measures["utility_score"].censored is not None


def test_grey_images_stay_grey(tiny, tmp_path):
    root, output = tmp_path / "set", tmp_path / "censored"
    known_copies.write_chest_xray(root)
    where = [f"data.images={root}", f"classifiers.folder={tmp_path / 'classifiers'}"]
    run, _ = train(tiny("data=chest_xray", "attribute=sex", *where, preset=OWN))
    with Image.open(run.images / "epoch-0001.png") as grid:
        faces = np.asarray(grid.convert("RGB"))
    assert (faces.min(axis=2) == faces.max(axis=2)).all()  # pictures are grey
    photos = sorted(root.rglob("*.png"))[0].parent
    censored = cli("privatize", f"run={run.path}", f"input={photos}", f"output={output}")
    assert censored.returncode == 0, censored.stderr
    with Image.open(next(output.glob("*.png"))) as picture:
        assert picture.mode == "L"
    exported = cli("export", f"run={run.path}", f"output={tmp_path / 'export'}")
    assert exported.returncode == 0, exported.stderr
    assert "removes sex from square grey images" in (tmp_path / "export/README.md").read_text()
    loaded = load_privatizer(tmp_path / "export")
    grey = loaded.privatize(torch.rand(2, 1, 16, 16), 0).images
    assert grey.shape == (2, 1, 16, 16)
    with pytest.raises(ValueError, match=r"\[B, 1, 16, 16\].* trained on grey images"):
        loaded.privatize(torch.rand(2, 3, 16, 16), 0)
    content = page_content(load_trained_model(run.path), "whole", None)
    assert content.privatizer.channels == 1


def write_kind(kind, own, folder):
    """Write the images' labels in another form; return the options that read them."""
    rows = [labels_of(number) for number in range(COUNT)]
    photos = own / "photos"
    if kind == "json lines":
        lines = [{**row, "age": row["age"] or None} for row in rows]
        (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)))
        return [f"data.images={photos}", f"data.labels={folder / 'labels.jsonl'}", "attribute=age"]
    if kind == "parquet table":
        write_parquet(folder / "labels.parquet", rows)
        return [
            f"data.images={photos}",
            f"data.labels={folder / 'labels.parquet'}",
            "attribute=hair",
        ]
    if kind == "hub":
        for split, part in (("train", rows[:160]), ("valid", rows[160:200]), ("test", rows[200:])):
            records = [
                {
                    "image": {"bytes": (photos / row["image"]).read_bytes(), "path": None},
                    "celeb_id": int(row["person"][1:]),
                    "Smiling": bool(number % 2),
                }
                for number, row in enumerate(part)
            ]
            write_parquet(folder / "hub" / "data" / f"{split}-00000-of-00001.parquet", records)
        return [f"data.images={folder / 'hub'}", "attribute=Smiling"]
    for number, row in enumerate(rows):
        split = ("train/", "val/")[number % 4 == 3] if kind == "class splits" else ""
        target = folder / "classes" / f"{split}{row['hair']}" / row["image"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((photos / row["image"]).read_bytes())
    return [f"data.images={folder / 'classes'}", "attribute=class"]


def write_parquet(path, rows):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=50)
