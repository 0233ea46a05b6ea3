"""Metadata is found in all formats."""

from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin

from privacy_gan.data.image_metadata import find_metadata, metadata_notes

DESCRIPTION, GPS, THUMBNAIL_AT, THUMBNAIL_LENGTH = 0x010E, 0x8825, 0x0201, 0x0202
IMAGE = Image.new("RGB", (16, 16), (10, 200, 30))


def encode(form, image=IMAGE, **options):
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def exif_with_description():
    exif = Image.Exif()
    exif[DESCRIPTION] = "words"
    return exif


def exif_with_gps():
    exif = exif_with_description()
    exif.get_ifd(GPS).update({1: "N", 2: (48.0, 8.0, 30.0)})
    return exif


def exif_with_thumbnail():
    """Return EXIF data like a camera's, with a JPEG in the second directory."""
    small = encode("JPEG", IMAGE.resize((8, 8)))
    start = 8 + 2 + 4 + 2 + 2 * 12 + 4
    entries = b"".join(
        tag.to_bytes(2) + b"\0\4\0\0\0\1" + value.to_bytes(4)
        for tag, value in ((THUMBNAIL_AT, start), (THUMBNAIL_LENGTH, len(small)))
    )
    second = b"\0\2" + entries + b"\0\0\0\0"
    return b"Exif\0\0MM\0*\0\0\0\x08" + b"\0\0" + b"\0\0\0\x0e" + second + small


def comment_chunk():
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "words")
    return text


def xmp_chunk():
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x/>")
    return text


FRAMES = {"save_all": True, "append_images": [Image.new("RGB", (16, 16))]}


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        (encode("JPEG"), set()),
        (encode("PNG"), set()),
        (encode("WEBP"), set()),
        (encode("PNG", dpi=(300, 300)), set()),
        (encode("JPEG", Image.new("CMYK", (16, 16))), set()),
        (encode("JPEG", exif=exif_with_description()), {"EXIF"}),
        (encode("PNG", exif=exif_with_description()), {"EXIF"}),
        (encode("WEBP", exif=exif_with_description()), {"EXIF"}),
        (encode("JPEG", exif=exif_with_gps()), {"EXIF", "a GPS position"}),
        (encode("PNG", exif=exif_with_gps()), {"EXIF", "a GPS position"}),
        (encode("JPEG", exif=exif_with_thumbnail()), {"EXIF", "a thumbnail"}),
        (encode("WEBP", exif=exif_with_thumbnail()), {"EXIF", "a thumbnail"}),
        (encode("JPEG", comment=b"words"), {"text or comments"}),
        (encode("PNG", pnginfo=comment_chunk()), {"text or comments"}),
        (encode("PNG", pnginfo=xmp_chunk()), {"XMP"}),
        (encode("JPEG", xmp=b"<x/>"), {"XMP"}),
        (encode("WEBP", xmp=b"<x/>"), {"XMP"}),
        (encode("JPEG", icc_profile=b"colours"), {"a colour profile"}),
        (encode("PNG", icc_profile=b"colours"), {"a colour profile"}),
        (encode("WEBP", icc_profile=b"colours"), {"a colour profile"}),
        (encode("PNG", **FRAMES), {"further images"}),
        (encode("WEBP", **FRAMES), {"further images"}),
        (encode("JPEG") + encode("JPEG"), {"bytes after the image", "further images"}),
        (encode("PNG") + b"secret", {"bytes after the image"}),
        (encode("WEBP") + b"secret", {"bytes after the image"}),
        (encode("TIFF"), {"an unsupported format"}),
    ],
)
def test_metadata_is_found(content, kinds):
    assert find_metadata(content) == kinds


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_damaged_files_raise_no_error(form):
    content = encode(form, exif=exif_with_thumbnail())
    for length in range(0, len(content), 7):
        find_metadata(content[:length])


def test_notes_give_counts_and_an_example(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encode("JPEG"))
    (tmp_path / "b.jpg").write_bytes(encode("JPEG", exif=exif_with_thumbnail()))
    (tmp_path / "c.png").write_bytes(encode("PNG", IMAGE.convert("RGBA"), exif=exif_with_gps()))
    transparency, metadata = metadata_notes(tmp_path, ["a.jpg", "b.jpg", "c.png"])
    assert transparency.startswith("found an alpha channel in 1 of 3 images: adversaries see the")
    assert metadata.startswith("found thumbnails or metadata in 2 files, such as b.jpg (EXIF 2, ")
    assert "a thumbnail 1" in metadata
    assert metadata_notes(tmp_path, ["a.jpg"]) == []
