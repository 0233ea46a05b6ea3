"""A folder of five photographs, and its release by a mechanism that makes negatives."""

from photographs import flat

from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.release.folder_censoring import ReleaseSettings, release
from privacy_gan.release.output_folder import Manifest

ABOUT = Manifest({"mechanism": "negative"}, {"format": "png"}, {})
NAMES = {"a.png", "b.png", "c.png", "deep/er/d.png", "e.png"}  # of the censored images


def negative(squares):
    return [255 - pixels for pixels in squares]


def run(folder, form="png", fit="whole", size="original", overwrite=False, **changes):
    """Release the photographs of folder/in into folder/out."""
    how = ReleaseSettings(16, fit, size, ReleaseFormat.of(form), batch_size=2)
    output = folder / changes.get("output", "out")
    censor, about = changes.get("censor", negative), changes.get("about", ABOUT)
    return release(folder / "in", output, how, censor, about, overwrite)


def five_photographs(folder):
    """Make five photographs in two folders; return the folder that both lie in."""
    for number, name in enumerate(["a.png", "b.png", "c.jpg", "deep/er/d.webp", "e.png"]):
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        flat((40 * number, 100, 200), 32, 24).save(path)
    return folder


def files(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def interrupted(squares):
    raise KeyboardInterrupt
