"""Persons of the training split are set aside whole, at random, the same ones for every run."""

import numpy as np
import pytest
from test_image_data_module import NumberedImages

from privacy_gan.attributes import AttributeGroup
from privacy_gan.data.image_data_module import ImageDataModule
from privacy_gan.data.set_aside import set_aside
from privacy_gan.data.table_data_module import SPLITS
from privacy_gan.errors import UserError


class ImagesOfPersons(NumberedImages):
    def persons(self):
        return np.arange(self.count) // 5  # each has 3 training images


def module_with(certify, folder, source=None, **options):
    source = source or ImagesOfPersons()
    return ImageDataModule(source, folder, 1, batch_size=2, seed=0, certify=certify, **options)


def test_the_images_of_a_person_stay_together():
    rows = np.arange(100, 200)
    chosen = set_aside(rows, (rows - 100) // 7, 0.3)  # 15 persons, 4.5 of whom
    assert len(np.unique((chosen - 100) // 7)) == 5
    complete = np.isin((rows - 100) // 7, np.unique((chosen - 100) // 7))
    assert chosen.tolist() == rows[complete].tolist()
    assert chosen.tolist() != rows[: len(chosen)].tolist()
    assert chosen.tolist() == set_aside(rows, (rows - 100) // 7, 0.3).tolist()


def test_other_splits_and_other_persons_stay(tmp_path):
    before, after = module_with(0.0, tmp_path), module_with(0.5, tmp_path)
    for module in (before, after):
        module.setup()
    kept, aside = after.rows("train"), after.rows("certify")
    assert len(aside) == len(kept) == 12
    assert sorted([*kept, *aside]) == before.rows("train").tolist()
    assert not set(kept // 5) & set(aside // 5)
    assert after.persons("certify").tolist() == (aside // 5).tolist()
    for split in ("valid", "test"):
        assert after.rows(split).tolist() == before.rows(split).tolist()
    assert not len(before.rows("certify"))
    assert "certify" not in SPLITS  # nothing is trained or judged on it


def test_images_that_a_group_excludes_stay_excluded(tmp_path):
    module = module_with(0.5, tmp_path)
    group = AttributeGroup(("even", "third"), "drop")
    module.hide(group.name, group)
    module.setup()
    in_one = module.table.attributes[:, :2].sum(axis=1) == 1
    for split in ("train", "certify", "valid"):
        assert len(module.rows(split))
        assert in_one[module.rows(split)].all()


def test_without_persons_images_are_set_aside(tmp_path):
    class Images(NumberedImages):
        def persons(self):
            return None

    module = module_with(0.25, tmp_path, Images())
    module.setup()
    assert len(module.rows("certify")) == 6
    assert module.persons("certify") is None


def test_what_is_computed_on_other_images_has_another_name(tmp_path):
    names = [module_with(share, tmp_path).split_name() for share in (0.0, 0.25, 0.5)]
    assert len(set(names)) == 3
    assert names[0] == f"numbered-{NumberedImages().content_key()[:8]}"  # as in earlier versions


def test_who_is_set_aside_depends_on_who_is_known(tmp_path):
    class Others(ImagesOfPersons):
        def persons(self):
            return np.arange(self.count) // 2

    with_list, with_another = (
        module_with(0.25, tmp_path, source()) for source in (ImagesOfPersons, Others)
    )
    assert with_list.data_key() != with_another.data_key()
    assert module_with(0.0, tmp_path).data_key() == with_list.content_key()


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_one_line(share, tmp_path):
    with pytest.raises(UserError, match=r"^data\.certify=.* must be") as error:
        module_with(share, tmp_path)
    assert "\n" not in str(error.value)


def test_too_few_images_name_the_option(tmp_path):
    module = module_with(0.9, tmp_path)
    module.batch_size = 8
    with pytest.raises(UserError, match=r"for a batch of 8: set less than data.certify=0\.9"):
        module.setup()
