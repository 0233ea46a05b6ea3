"""A folder of five photographs, and its censoring by a mechanism that returns negatives."""

from photographs import flat

from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.release.folder_censoring import censor_folder
from privacy_gan.release.output_folder import Manifest
from privacy_gan.release.release_settings import ReleaseSettings
from privacy_gan.release.square_censoring import SquareCensor

MANIFEST = Manifest({"mechanism": "negative"}, {"format": "png"}, {})
NAMES = {"a.png", "b.png", "c.png", "deep/er/d.png", "e.png"}  # of the censored images


def negative(images):
    return [255 - pixels for pixels in images]


def run(folder, format="png", fit="whole", size="original", overwrite=False, **changes):
    """Censor the photographs in folder/in into folder/out."""
    settings = ReleaseSettings(16, fit, size, ReleaseFormat.parse(format), batch_size=2)
    output = folder / changes.get("output", "out")
    censor = SquareCensor(settings, changes.get("censor", negative))
    manifest = changes.get("manifest", MANIFEST)
    return censor_folder(folder / "in", output, settings, censor, manifest, overwrite)


def five_photographs(folder):
    """Write five photographs into two folders below folder/in. Return the folder."""
    for number, name in enumerate(["a.png", "b.png", "c.jpg", "deep/er/d.webp", "e.png"]):
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        flat((40 * number, 100, 200), 32, 24).save(path)
    return folder


def files(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def interrupted(images):
    raise KeyboardInterrupt
