"""Censoring of a folder of photographs, or of one, into a folder of images."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from privacy_gan.data.decoding import PHOTO_FORMAT_NAMES
from privacy_gan.errors import UserError
from privacy_gan.progress import progress_bar
from privacy_gan.release.censoring import FACES
from privacy_gan.release.outcomes import FoundFace, PhotoCensor
from privacy_gan.release.output_folder import (
    Manifest,
    SourceRecord,
    existing_images,
    file_stamp,
    find_unrelated_files,
    lock_output,
    released_images,
    remove_outdated,
    require_empty_output,
    require_separate,
)
from privacy_gan.release.photos import Photo, Skipped, find_photos
from privacy_gan.release.release_settings import ReleaseSettings
from privacy_gan.runs.files import PARTIAL_SUFFIX


@dataclass(frozen=True)
class ReleaseReport:
    """What happened to the files of a folder.

    Attributes:
        folder: of the photographs.
        images: the images that each photograph became, relative to the output folder.
        censored: number of photographs whose censored versions this call wrote.
        already_censored: number of photographs whose versions earlier calls wrote.
        recensored: number of photographs, counted in ``censored``, whose version replaced one that
            may have been made from another photograph.
        faces: the faces in each of these photographs; None if they were not searched for.
        skipped: photographs that were not censored, and why.
        non_images: files in the input folder that are not images.
        unrelated: files in the output folder that are not censored versions of the photographs.
    """

    folder: Path
    images: Mapping[Photo, Sequence[Path]]
    censored: int
    already_censored: int
    recensored: int
    faces: Mapping[Photo, Sequence[FoundFace]] | None
    skipped: list[Skipped]
    non_images: list[Path]
    unrelated: list[Path]

    @property
    def counts(self) -> dict[str, int]:
        """The counts for the manifest."""
        counts = {
            "censored": self.censored + self.already_censored,
            "skipped": len(self.skipped),
            "other_files": len(self.non_images),
        }
        if self.faces is None:
            return counts
        faces = [face for found in self.faces.values() for face in found]
        censored = [face.width for face in faces if face.problem is None]
        return {
            **counts,
            "faces_censored": len(censored),
            "faces_unsure": len(faces) - len(censored),
            "photographs_without_faces": sum(not found for found in self.faces.values()),
            "pixels_of_largest_face": round(max(censored, default=0)),
        }


def censor_folder(
    source: Path,
    output: Path,
    settings: ReleaseSettings,
    censor: PhotoCensor,
    manifest: Manifest,
    overwrite: bool,
) -> ReleaseReport:
    """Censor all photographs of a folder that are not censored yet.

    Images are written atomically, so that the same call resumes after an interruption. An image is
    made again if its photograph has been replaced since.

    Args:
        source: folder of the photographs, or a single one; it is not changed.
        output: folder of the censored images. The record next to it is the only other file written.
        settings: how photographs are resized and written.
        censor: censors photographs and writes their censored versions.
        manifest: facts about the images.
        overwrite: whether to replace existing files.

    Raises:
        UserError: a folder is missing, the input has no photographs, or the output has other files.
        OSError: the output cannot be written.
    """
    require_separate(source, output)
    found = find_photos(source, settings.format.suffix)
    if not found.photos and not found.skipped:
        raise UserError(
            f"input={source} contains no photographs ({PHOTO_FORMAT_NAMES}); number of other "
            f"files: {len(found.non_images)}"
        )
    output.mkdir(parents=True, exist_ok=True)
    with lock_output(output):
        record = SourceRecord(output)
        is_resumed = manifest.matches(output)
        if is_resumed:
            for partial_file in output.rglob(f".*{PARTIAL_SUFFIX}"):  # of a process that was killed
                partial_file.unlink(missing_ok=True)
        elif not overwrite:
            require_empty_output(output)
        stamps = {each.target: file_stamp(found.folder / each.name) for each in found.photos}
        existing = existing_images(output, stamps, settings.writes_squares)
        current = {
            target
            for target, stamp in stamps.items()
            if is_resumed
            and not overwrite
            and record.is_current(target, stamp)
            and existing[target] == sorted(expected_images(target, record, settings))
        }
        new = {target: stamp for target, stamp in stamps.items() if target not in current}
        recensored = 0 if overwrite else sum(bool(existing[target]) for target in new)
        remove_outdated([name for target in new for name in existing[target]], output)
        manifest.write(output)  # only now: until here, images of another mechanism may be there
        record.add(new)
        remaining = [each for each in found.photos if each.target in new]
        skipped = censor_photos(remaining, found.folder, output, censor, record)
        missing = {each.name for each in skipped}
        images = {
            photo: expected_images(photo.target, record, settings)
            for photo in found.photos
            if photo.name not in missing
        }
        known = stamps if source.is_dir() else record.targets()  # of photographs given one by one
        expected = [name for each in known for name in expected_images(each, record, settings)]
        faces = {photo: record.faces(photo.target) or () for photo in images}
        report = ReleaseReport(
            found.folder,
            images,
            len(remaining) - len(skipped),
            len(found.photos) - len(remaining),
            recensored,
            faces if settings.fit == FACES else None,
            [*found.skipped, *skipped],
            found.non_images,
            find_unrelated_files(output, expected),
        )
        replace(manifest, finished=True, counts=report.counts).write(output)
    return report


def expected_images(target: Path, record: SourceRecord, settings: ReleaseSettings) -> list[Path]:
    """Return the images that a photograph became, as far as is known; none if that is unknown."""
    if settings.fit != FACES:
        return [target]
    faces = record.faces(target)
    if faces is None:
        return []
    return released_images(target, faces if settings.writes_squares else None)


def censor_photos(
    photos: Sequence[Photo], source: Path, output: Path, censor: PhotoCensor, record: SourceRecord
) -> list[Skipped]:
    """Censor photographs, record their faces, and return those that cannot be censored."""
    skipped: list[Skipped] = []
    with (
        warnings.catch_warnings(),
        progress_bar("censoring", len(photos), " images") as advance,
    ):
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size refuses these
        for outcome in censor.censor(photos, source, output):
            if isinstance(outcome, Skipped):
                skipped.append(outcome)
            elif outcome.faces is not None:
                record.add_faces(outcome.photo.target, outcome.faces)
            advance(1)
    return skipped
