"""Images judged as the released files contain them."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from planted import LightAndDark, judge_in
from test_source import CPU, Noise

from privacy_gan.data.gaussian import GaussianDataModule
from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.errors import UserError
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.source import MechanismSource, apply_file_format, round_trip
from privacy_gan.privatizers.base import Censored, Privatizer

IMAGES = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_a_png_only_rounds_to_bytes():
    values = torch.tensor([0.0, 0.4 / 255, 0.6 / 255, 100.2 / 255, 1.0])
    decoded = round_trip(values.expand(1, 3, 1, 5), ReleaseFormat.parse("png"))
    torch.testing.assert_close(decoded[0, 0, 0] * 255, torch.tensor([0.0, 0, 1, 100, 255]))
    # which is what the file contains
    file = ReleaseFormat.parse("png").encode(
        Image.fromarray((IMAGES[0] * 255).round().byte().permute(1, 2, 0).numpy())
    )
    pixels = torch.from_numpy(np.array(Image.open(BytesIO(file)))).permute(2, 0, 1)
    assert torch.equal(round_trip(IMAGES, ReleaseFormat.parse("png"))[0], pixels / 255)


def test_a_jpeg_of_lower_quality_loses_more():
    errors = [
        (round_trip(IMAGES, ReleaseFormat.parse(f"jpeg-{quality}")) - IMAGES).square().mean().item()
        for quality in (95, 50, 5)
    ]
    assert 0 < errors[0] < errors[1] < errors[2]


class Faint(Privatizer):
    """Shows s by less than half of a step between byte values."""

    deterministic = True

    def forward(self, images, draws):
        light = (images[:, 1:].mean(dim=(1, 2, 3)) > 0.4).float()[:, None, None, None]
        return Censored((100 + 0.4 * light).expand_as(images) / 255, None)


def test_adversaries_do_not_see_what_rounding_removes(tmp_path):
    data = LightAndDark(train=256, valid=128, test=128)
    data.setup()
    leaks = {}
    for name in ("float", "png"):
        judge = judge_in(tmp_path, epochs=24)
        judge.released_as = name
        found = judge.judge(MechanismSource(Faint(), data, CPU), "Light", 0.01, 32).evaluation
        leaks[name] = found.measures["privacy_loss"]
    assert leaks["float"].censored.value > 0.95
    assert leaks["png"].censored.value == leaks["png"].majority_baseline.value


def test_originals_and_labels_do_not_change():
    data = LightAndDark(train=32, valid=16, test=16)
    data.setup()
    source = MechanismSource(Noise(), data, CPU)
    assert apply_file_format(source, "float") is source
    released = apply_file_format(source, "jpeg-90")
    for before, after in [
        (source.query("test", 1, 0), released.query("test", 1, 0)),
        (source.training_epoch(0, 16, 0), released.training_epoch(0, 16, 0)),
    ]:
        for one, other in zip(before, after, strict=True):
            assert torch.equal(one.original, other.original)
            assert torch.equal(one.attributes, other.attributes)
            assert torch.equal(round_trip(one.images, ReleaseFormat.parse("jpeg-90")), other.images)


def test_unusable_formats_raise_an_error(tmp_path):
    with pytest.raises(UserError, match="released_as=gif is unknown"):
        Judge(None, None, [], {"a": print}, 0, 1, 1, [1], 1, released_as="gif")
    data = GaussianDataModule(64, 64, 64, batch_size=16, seed=0)
    data.setup()
    judge = judge_in(tmp_path)
    judge.released_as = "png"
    with pytest.raises(UserError, match=r"judge\.released_as=png needs images"):
        judge.check(data, "Sign")
