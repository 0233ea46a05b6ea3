"""The command privatize: real processes, interruptions, concurrent jobs and full disks."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from benchmarks.photographs import draw_background, draw_photograph
from commands import cli, command_line, error_line, run_train, start
from disks import mount_tmpfs
from photographs import flat, located, noise
from PIL import Image
from processes import all_exited

from privacy_gan.data.faces.source import SyntheticFacesSource


@pytest.fixture(scope="session")
def trained(once):
    """Return the folder of a tiny run that was not judged. Its noise makes files large."""
    (result,) = once("noise", train).rglob("result.json")
    return result.parent


def train(folder, *options):
    process = run_train(folder, *(options or ["privatizer=noise"]))
    assert process.returncode == 0, process.stderr


@pytest.fixture(scope="session")
def codebook(once):
    """Return the folder of a tiny codebook that was not judged."""
    options = ("privatizer=codebook", "privatizer.codewords=8", "privatizer.width=16")
    (result,) = once(
        "codebook", lambda folder: train(folder, *options, "privatizer.principal_components=5")
    ).rglob("result.json")
    return result.parent


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "my photos (2), all"
    (folder / "ünder").mkdir(parents=True)
    noise(40, 30).save(folder / "one.jpg", exif=located())
    flat((200, 10, 10)).save(folder / "ünder" / "two, or three.png")
    return folder


def arguments(trained, photos, output):
    return [f"run={trained}", f"input={photos}", f"output={output}", "trainer=cpu"]


def privatize(trained, photos, output, *options):
    return cli("privatize", *arguments(trained, photos, output), *options)


def test_a_codebook_needs_a_salt_and_then_always_chooses_the_same(codebook, photos, tmp_path):
    for number in range(6):
        noise(20, 20, seed=number).save(photos / f"{number}.png")
    without = privatize(codebook, photos, tmp_path / "out")
    assert "set salt=FILE" in error_line(without)
    outputs = []
    for number, options in enumerate([[], ["batch_size=1"]]):
        output = tmp_path / f"out{number}"
        process = privatize(codebook, photos, output, f"salt={tmp_path / 'salt'}", *options)
        assert process.returncode == 0, process.stderr
        files = [path for path in sorted(output.rglob("*")) if path.suffix in {".png", ".jpg"}]
        outputs.append({path.name: path.read_bytes() for path in files})
    assert len(outputs[0]) == 8
    assert outputs[0] == outputs[1]


def test_a_folder_is_censored_and_its_manifest_contains_no_secret(trained, photos, tmp_path):
    output = tmp_path / "out, of (2)"
    process = privatize(trained, photos, output)
    assert process.returncode == 0, process.stderr
    assert f"2 images censored into {output}" in process.stdout
    assert "this run was not judged" in process.stdout
    assert {p.name for p in output.rglob("*.png")} == {"one.png", "two, or three.png"}
    assert Image.open(output / "one.png").size == (40, 30)
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["counts"] == {"censored": 2, "skipped": 0, "other_files": 0}
    assert manifest["finished"]
    assert set(manifest) == {
        *("model", "released", "judged", "finished", "counts", "note", "version")
    }
    assert manifest["model"]["attributes"] == ["Smiling"]
    assert manifest["model"]["seed_of_training"] == 0
    text = (output / "manifest.json").read_text()
    assert not any(name in text for name in ("one", str(photos), str(trained), str(tmp_path)))
    # a second call finds nothing to do; with overwrite, the noise is new
    before = (output / "one.png").read_bytes()
    assert "2 more had been censored before" in privatize(trained, photos, output).stdout
    assert (output / "one.png").read_bytes() == before
    assert privatize(trained, photos, output, "overwrite=true").returncode == 0
    assert (output / "one.png").read_bytes() != before


def test_skipped_photographs_lead_to_an_exit_code(trained, photos, tmp_path):
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    process = privatize(trained, photos, tmp_path / "out", "released_as=jpeg-80")
    assert "1 photograph was not censored" in error_line(process)
    assert "skipped broken.png: it " in process.stderr
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 2


def test_skipped_files_of_a_phone_are_listed_and_a_pipe_does_not_block(trained, photos, tmp_path):
    flat((1, 2, 3)).save(photos / "photo.jfif", format="JPEG")
    (photos / "IMG_1.AVIF").write_bytes(b"\0\0\0\x18ftypavif\0\0\0\0mif1avif")
    (photos / "IMG_1.MOV").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
    os.mkfifo(photos / "pipe.jpg")
    process = privatize(trained, photos, tmp_path / "out")
    assert "2 photographs were not censored" in error_line(process)
    assert "skipped IMG_1.AVIF: its format (AVIF) is not supported: convert it" in process.stderr
    assert "skipped pipe.jpg: it is a pipe, not a regular file" in process.stderr
    assert "3 images censored" in process.stdout
    assert "1 input file is not an image and was not copied: IMG_1.MOV" in process.stdout
    assert (tmp_path / "out/photo.jfif.png").exists()
    # replace a photograph with an older one
    flat((1, 2, 3)).save(tmp_path / "older.jpg")
    os.utime(tmp_path / "older.jpg", (1e9, 1e9))
    (tmp_path / "older.jpg").replace(photos / "one.jpg")
    again = privatize(trained, photos, tmp_path / "out").stdout
    assert "1 image censored" in again
    assert "1 of them existed already and were censored again" in again
    assert "2 more had been censored before" in again


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["run=nowhere"], "nowhere is not a run folder"),
        (["input=nowhere"], "input=nowhere does not exist"),
        (["fit=best"], "fit=best is unknown"),
        (["released_as=gif"], "released_as=gif is unknown"),
        (["batch_size=0"], "batch_size=0 must be"),
        (["unsure=hide"], "unsure=hide is unknown: choose blur or keep or skip"),
        (["unsure=keep"], "unsure=keep has no effect with fit=whole: set fit=faces"),
        (["preview=sheet.pdf"], "preview=sheet.pdf must end in .jpg or .png"),
        (["resize=3"], "resize"),
    ],
)
def test_mistakes_are_one_line_errors(options, message, trained, photos, tmp_path):
    process = privatize(trained, photos, tmp_path / "out", *options)
    assert message in error_line(process)
    assert not (tmp_path / "out").exists()


def many(folder, count):
    folder.mkdir(parents=True)
    for number in range(count):
        flat((number % 256, 100, 100)).save(folder / f"{number:04}.png")
    return folder


def start_privatize(trained, photos, output):
    """Start the command with small batches, and wait for the first images."""
    command = command_line("privatize", *arguments(trained, photos, output), "batch_size=1")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = start(command, cwd=photos, **pipes)
    deadline = time.monotonic() + 60
    while len(list(output.glob("*.png"))) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_job_resumes(signum, trained, tmp_path):
    photos, output = many(tmp_path / "in", 1500), tmp_path / "out"
    process = start_privatize(trained, photos, output)
    process.send_signal(signum)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if signum == signal.SIGKILL else 128 + signum)
    assert "Traceback" not in errors
    assert all_exited(photos)
    times = {path: path.stat().st_mtime_ns for path in output.glob("*.png")}
    assert 3 <= len(times) < 1500
    for path in times:
        Image.open(path).load()
    again = privatize(trained, photos, output)
    assert again.returncode == 0, again.stderr
    assert f"{len(times):,} more had been censored before" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert len(list(output.glob("*.png"))) == 1500
    assert not list(output.rglob("*.partial"))


def test_a_second_job_on_the_same_output_is_refused(trained, tmp_path):
    photos, output = many(tmp_path / "in", 600), tmp_path / "out"
    first = start_privatize(trained, photos, output)
    first.send_signal(signal.SIGSTOP)
    assert "another process is writing to output=" in error_line(privatize(trained, photos, output))
    first.send_signal(signal.SIGCONT)
    _, errors = first.communicate(timeout=120)
    assert first.returncode == 0, errors
    assert len(list(output.glob("*.png"))) == 600


def test_a_full_disk_is_a_one_line_error_and_leaves_no_partial_image(trained, tmp_path):
    photos = tmp_path / "in"
    photos.mkdir()
    for number in range(40):
        noise(200, 200, number).save(photos / f"{number}.png")
    with mount_tmpfs(tmp_path / "disk", "size=300k") as disk:
        process = privatize(trained, photos, disk / "out", "batch_size=4")
        assert "no space left to write" in error_line(process)
        images = list((disk / "out").glob("*.png"))
        assert 0 < len(images) < 40
        for path in images:
            Image.open(path).load()
        assert not list(disk.rglob("*.partial"))


def test_an_unwritable_output_is_a_one_line_error(trained, photos, tmp_path):
    with mount_tmpfs(tmp_path / "disk", "size=300k,ro") as disk:
        line = error_line(privatize(trained, photos, disk / "out"))
        assert f"cannot write to output={disk}/out (Read-only file system)" in line
    assert Path(photos, "one.jpg").exists()


@pytest.fixture(scope="session")
def mosaic(once):
    """Return the folder of a tiny mosaic of drawn faces."""
    options = ("privatizer=pixelate", "image_size=32", "data.num_train=24")
    (result,) = once("mosaic", lambda folder: train(folder, *options)).rglob("result.json")
    return result.parent


def test_faces_are_found_censored_and_shown(mosaic, tmp_path):
    rng, faces = np.random.default_rng(7), SyntheticFacesSource(128, 3, 1, 1, seed=3).images(0, 3)
    photos = tmp_path / "my photos"
    photos.mkdir()
    for name, pixels in {
        "three": draw_photograph(rng, list(faces), 640, 480)[0],
        "none": draw_background(rng, 320, 240),
    }.items():
        Image.fromarray(pixels).save(photos / f"{name}.jpg", quality=95)
    output, sheet = tmp_path / "out", tmp_path / "sheet, (1).png"
    process = privatize(mosaic, photos, output, "fit=faces", f"preview={sheet}")
    assert "1 photograph was not censored" in error_line(process)
    assert "skipped none.jpg: no face was found in it" in process.stderr
    assert "3 faces censored\n" in process.stdout
    assert "have the detail of 32 pixels where they were censored" in process.stdout
    assert "hidden is Smiling, not who a person is" in process.stdout
    assert "what its images still leak is unknown" in process.stdout
    assert f"contact sheet of 2 photographs, which shows originals: {sheet}" in process.stdout
    assert Image.open(sheet).height > 100
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["counts"]["faces_censored"] == 3
    assert manifest["released"]["faces"]["unsure"] == "blur"
    assert manifest["released"]["faces"]["found"] == 24
    assert not any(name in json.dumps(manifest) for name in ("three", "none.jpg", str(tmp_path)))
    assert (mosaic / "face_position.json").exists()
    # the exported folder takes the position along, and is enough to censor faces
    exported = cli("export", f"run={mosaic}", f"output={tmp_path / 'model'}", "onnx=false")
    assert "face_position.json  where the training images have their faces" in exported.stdout
    options = ["fit=faces", "size=model", "faceless=skip"]
    process = privatize(tmp_path / "model", photos / "three.jpg", tmp_path / "squares", *options)
    assert process.returncode == 0, process.stderr
    squares = sorted((tmp_path / "squares").glob("*.png"))
    assert [path.name for path in squares] == [f"three.face{number}.png" for number in (1, 2, 3)]
    assert {Image.open(path).size for path in squares} == {(32, 32)}
    # without it, one line says what to do
    (tmp_path / "model/face_position.json").unlink()
    process = privatize(tmp_path / "model", photos, tmp_path / "more", "fit=faces")
    assert "contains no face_position.json, which fit=faces needs: export" in error_line(process)
    (tmp_path / "model/face_position.json").write_text("{}")
    process = privatize(tmp_path / "model", photos, tmp_path / "more", "fit=faces")
    assert "face_position.json is damaged" in error_line(process)
    assert not (tmp_path / "more").exists()
