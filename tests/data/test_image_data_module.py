"""Batches: what they hold, and in which order they come."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from privacy_gan.data.table_data_module import ImageDataModule
from privacy_gan.errors import UserError

SIZE = 16


@dataclass(frozen=True)
class NumberedImages:
    """Images whose pixels tell their number; splits are mixed up on purpose."""

    count: int = 40
    name: str = "numbered"
    image_size: int = SIZE
    attribute_names: tuple[str, ...] = ("even", "third")

    def fingerprint(self):
        return f"{self.count:040x}"

    def content_key(self):
        return self.fingerprint()

    def labels(self):
        number = np.arange(self.count)
        attributes = np.stack([number % 2 == 0, number % 3 == 0], axis=1).astype(np.uint8)
        return attributes, np.where(number % 5 < 3, 0, number % 5 - 2).astype(np.uint8)

    def images(self, start, stop):
        images = np.zeros((stop - start, SIZE, SIZE, 3), np.uint8)
        images[:, 1, 2, 0] = np.arange(start, stop)  # row 1, column 2, red
        return images


@pytest.fixture
def module_of(tmp_path):
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
def test_a_batch_holds_floats_in_channels_first_shape_and_matching_labels(module_of, on_device):
    module = module_of(on_device=on_device)
    for batch in batches(module, module.train_dataloader()):
        assert batch.images.shape == (4, 3, SIZE, SIZE)
        assert batch.images.dtype == torch.float32
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert batch.attributes.dtype == torch.int64
        number = numbers(batch)
        assert torch.equal(batch.attributes[:, 0], (number % 2 == 0).long())
        assert torch.equal(batch.attributes[:, 1], (number % 3 == 0).long())


def test_white_is_one(module_of):
    module = module_of()
    white = torch.full((1, SIZE, SIZE, 3), 255, dtype=torch.uint8)
    batch = module.on_after_batch_transfer((white, torch.zeros(1, 2, dtype=torch.uint8)), 0)
    assert batch.images.min() == batch.images.max() == 1


def test_an_epoch_holds_each_training_image_at_most_once_in_full_batches(module_of):
    module = module_of(batch_size=5)
    seen = torch.cat([numbers(b) for b in batches(module, module.train_dataloader())])
    assert len(seen) == 20  # of 24, the last 4 do not fill a batch
    assert len(seen.unique()) == 20
    assert (seen % 5 < 3).all()


def test_valid_and_test_come_whole_and_in_order(module_of):
    module = module_of(batch_size=5)
    for loader, remainder in ((module.val_dataloader(), 3), (module.test_dataloader(), 4)):
        seen = torch.cat([numbers(b) for b in batches(module, loader)])
        assert seen.tolist() == list(range(remainder, 40, 5))


def order(module, epoch):
    loader = module.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return torch.cat([numbers(b) for b in batches(module, loader)]).tolist()


def test_the_order_is_a_function_of_seed_and_epoch(module_of):
    assert order(module_of(), 3) == order(module_of(), 3)
    assert order(module_of(), 3) != order(module_of(), 4)
    assert order(module_of(), 3) != order(module_of(seed=1), 3)
    assert order(module_of(), 3) == order(module_of(on_device=True), 3)


@pytest.mark.parametrize(
    ("asked", "free_for", "kept"),
    [(None, 4, True), (None, 3.9, False), (None, None, False), (True, 1, True), (False, 9, False)],
)
def test_images_are_kept_on_an_accelerator_where_a_quarter_of_what_is_free_holds_them(
    asked, free_for, kept, module_of, monkeypatch
):
    module = module_of(on_device=asked)
    size = module.table.images.nbytes
    free = None if free_for is None else int(free_for * size)
    monkeypatch.setattr("privacy_gan.data.table_data_module.free_memory", lambda device: free)
    assert module.keeps_images_on(torch.device("cuda", 0)) is kept
    assert module.keeps_images_on(torch.device("cpu")) is False


def test_data_without_validation_images_are_refused(tmp_path):
    module = ImageDataModule(NumberedImages(count=3), tmp_path, 1, batch_size=2, seed=0)
    with pytest.raises(UserError, match="numbered has no validation images"):
        module.setup()


def test_too_few_images_for_a_batch_are_refused(module_of):
    with pytest.raises(UserError, match=r"24 training images.*set data.batch_size to 24 or less"):
        module_of(batch_size=25)
