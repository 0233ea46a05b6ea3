"""The content and the order of batches."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from privacy_gan.data.binary_attributes import BinaryAttributes
from privacy_gan.data.image_data_module import ImageDataModule
from privacy_gan.errors import UserError

SIZE = 16


@dataclass(frozen=True)
class NumberedImages(BinaryAttributes):
    """Images whose pixels encode their number, with interleaved splits."""

    count: int = 40
    name: str = "numbered"
    image_size: int = SIZE
    attribute_names: tuple[str, ...] = ("even", "third")

    def cache_key(self):
        return f"{self.count:040x}"

    def content_key(self):
        return self.cache_key()

    def labels(self):
        number = np.arange(self.count)
        attributes = np.stack([number % 2 == 0, number % 3 == 0], axis=1).astype(np.uint8)
        return attributes, np.where(number % 5 < 3, 0, number % 5 - 2).astype(np.uint8)

    def images(self, start, stop):
        images = np.zeros((stop - start, SIZE, SIZE, 3), np.uint8)
        images[:, 1, 2, 0] = np.arange(start, stop)  # row 1, column 2, red
        return images


@pytest.fixture
def make_module(tmp_path):
    def build(batch_size=4, seed=0, **options):
        module = ImageDataModule(
            NumberedImages(), tmp_path, 1, batch_size=batch_size, seed=seed, **options
        )
        module.prepare_data()
        module.setup()
        return module

    return build


def batches(module, loader):
    return [module.on_after_batch_transfer(batch, 0) for batch in loader]


def numbers(batch):
    return (batch.images[:, 0, 1, 2] * 255).round().long()


@pytest.mark.parametrize("on_device", [False, True])
def test_batches_are_floats_in_channels_last_format_with_matching_labels(make_module, on_device):
    module = make_module(on_device=on_device)
    for batch in batches(module, module.train_dataloader()):
        assert batch.images.shape == (4, 3, SIZE, SIZE)
        assert batch.images.dtype == torch.float32
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert batch.attributes.dtype == torch.int64
        number = numbers(batch)
        assert torch.equal(batch.attributes[:, 0], (number % 2 == 0).long())
        assert torch.equal(batch.attributes[:, 1], (number % 3 == 0).long())


def test_white_pixels_are_one(make_module):
    module = make_module()
    white = torch.full((1, SIZE, SIZE, 3), 255, dtype=torch.uint8)
    batch = module.on_after_batch_transfer((white, torch.zeros(1, 2, dtype=torch.uint8)), 0)
    assert batch.images.min() == batch.images.max() == 1


def test_an_epoch_has_each_training_image_at_most_once_in_full_batches(make_module):
    module = make_module(batch_size=5)
    order = torch.cat([numbers(b) for b in batches(module, module.train_dataloader())])
    assert len(order) == 20  # of 24, the last 4 do not fill a batch
    assert len(order.unique()) == 20
    assert (order % 5 < 3).all()


def test_validation_and_test_images_are_complete_and_in_order(make_module):
    module = make_module(batch_size=5)
    for loader, remainder in ((module.val_dataloader(), 3), (module.test_dataloader(), 4)):
        order = torch.cat([numbers(b) for b in batches(module, loader)])
        assert order.tolist() == list(range(remainder, 40, 5))


def training_order(module, epoch):
    loader = module.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return torch.cat([numbers(b) for b in batches(module, loader)]).tolist()


def test_the_order_depends_only_on_seed_and_epoch(make_module):
    assert training_order(make_module(), 3) == training_order(make_module(), 3)
    assert training_order(make_module(), 3) != training_order(make_module(), 4)
    assert training_order(make_module(), 3) != training_order(make_module(seed=1), 3)
    assert training_order(make_module(), 3) == training_order(make_module(on_device=True), 3)


@pytest.mark.parametrize(
    ("on_device", "free_ratio", "expected"),
    [(None, 4, True), (None, 3.9, False), (None, None, False), (True, 1, True), (False, 9, False)],
)
def test_images_are_kept_on_an_accelerator_if_they_fit_into_a_quarter_of_its_free_memory(
    on_device, free_ratio, expected, make_module, monkeypatch
):
    module = make_module(on_device=on_device)
    size = module.table.images.nbytes
    free = None if free_ratio is None else int(free_ratio * size)
    monkeypatch.setattr("privacy_gan.data.table_data_module.free_memory", lambda device: free)
    assert module.keeps_images_on(torch.device("cuda", 0)) is expected
    assert module.keeps_images_on(torch.device("cpu")) is False


def test_data_without_validation_images_raise_a_user_error(tmp_path):
    module = ImageDataModule(NumberedImages(count=3), tmp_path, 1, batch_size=2, seed=0)
    with pytest.raises(UserError, match="numbered has no validation images"):
        module.setup()


def test_too_few_images_for_a_batch_raise_a_user_error(make_module):
    with pytest.raises(UserError, match=r"24 training images.*set data.batch_size to 24 or less"):
        make_module(batch_size=25)
