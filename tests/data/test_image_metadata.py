"""What files hold besides pixels is found wherever it is put."""

from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin

from privacy_gan.data.image_metadata import find_metadata, metadata_notes

DESCRIPTION, GPS, THUMBNAIL_AT, THUMBNAIL_LENGTH = 0x010E, 0x8825, 0x0201, 0x0202
IMAGE = Image.new("RGB", (16, 16), (10, 200, 30))


def saved(form, image=IMAGE, **options):
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def described():
    exif = Image.Exif()
    exif[DESCRIPTION] = "words"
    return exif


def located():
    exif = described()
    exif.get_ifd(GPS).update({1: "N", 2: (48.0, 8.0, 30.0)})
    return exif


def with_thumbnail():
    """Return EXIF data as cameras write them, with a JPEG in their second directory."""
    small = saved("JPEG", IMAGE.resize((8, 8)))
    start = 8 + 2 + 4 + 2 + 2 * 12 + 4
    entries = b"".join(
        tag.to_bytes(2) + b"\0\4\0\0\0\1" + value.to_bytes(4)
        for tag, value in ((THUMBNAIL_AT, start), (THUMBNAIL_LENGTH, len(small)))
    )
    second = b"\0\2" + entries + b"\0\0\0\0"
    return b"Exif\0\0MM\0*\0\0\0\x08" + b"\0\0" + b"\0\0\0\x0e" + second + small


def words():
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "words")
    return text


def xmp():
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x/>")
    return text


FRAMES = {"save_all": True, "append_images": [Image.new("RGB", (16, 16))]}


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        (saved("JPEG"), set()),
        (saved("PNG"), set()),
        (saved("WEBP"), set()),
        (saved("PNG", dpi=(300, 300)), set()),
        (saved("JPEG", Image.new("CMYK", (16, 16))), set()),
        (saved("JPEG", exif=described()), {"EXIF"}),
        (saved("PNG", exif=described()), {"EXIF"}),
        (saved("WEBP", exif=described()), {"EXIF"}),
        (saved("JPEG", exif=located()), {"EXIF", "a GPS position"}),
        (saved("PNG", exif=located()), {"EXIF", "a GPS position"}),
        (saved("JPEG", exif=with_thumbnail()), {"EXIF", "a thumbnail"}),
        (saved("WEBP", exif=with_thumbnail()), {"EXIF", "a thumbnail"}),
        (saved("JPEG", comment=b"words"), {"text or comments"}),
        (saved("PNG", pnginfo=words()), {"text or comments"}),
        (saved("PNG", pnginfo=xmp()), {"XMP"}),
        (saved("JPEG", xmp=b"<x/>"), {"XMP"}),
        (saved("WEBP", xmp=b"<x/>"), {"XMP"}),
        (saved("JPEG", icc_profile=b"colours"), {"a colour profile"}),
        (saved("PNG", icc_profile=b"colours"), {"a colour profile"}),
        (saved("WEBP", icc_profile=b"colours"), {"a colour profile"}),
        (saved("PNG", **FRAMES), {"further pictures"}),
        (saved("WEBP", **FRAMES), {"further pictures"}),
        (saved("JPEG") + saved("JPEG"), {"bytes after the image", "further pictures"}),
        (saved("PNG") + b"secret", {"bytes after the image"}),
        (saved("WEBP") + b"secret", {"bytes after the image"}),
        (saved("TIFF"), {"a format that is not looked into"}),
    ],
)
def test_it_is_found(content, kinds):
    assert find_metadata(content) == kinds


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_no_damaged_file_is_an_error(form):
    content = saved(form, exif=with_thumbnail())
    for length in range(0, len(content), 7):
        find_metadata(content[:length])


def test_it_is_told_with_numbers_and_an_example(tmp_path):
    (tmp_path / "a.jpg").write_bytes(saved("JPEG"))
    (tmp_path / "b.jpg").write_bytes(saved("JPEG", exif=with_thumbnail()))
    (tmp_path / "c.png").write_bytes(saved("PNG", IMAGE.convert("RGBA"), exif=located()))
    opacity, carried = metadata_notes(tmp_path, ["a.jpg", "b.jpg", "c.png"])
    assert opacity.startswith("1 of 3 images have an alpha channel: adversaries see them on white")
    assert carried.startswith("2 files carry thumbnails or metadata, which this audit does not")
    assert "EXIF 2" in carried
    assert "a thumbnail 1" in carried
    assert "such as b.jpg" in carried
    assert metadata_notes(tmp_path, ["a.jpg"]) == []
