"""A salt makes a release repeatable and is kept secret."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from privacy_gan.errors import UserError
from privacy_gan.release.salt import load_salt, salted_seed

IMAGES = [np.full((4, 4, 3), shade, np.uint8) for shade in range(100)]


def test_a_salt_is_made_once_for_its_owner_only(tmp_path):
    file = tmp_path / "secrets" / "salt"
    with ThreadPoolExecutor(8) as pool:
        salts = set(pool.map(lambda _: load_salt(file), range(8)))
    assert len(salts) == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["salt"]
    assert load_salt(tmp_path / "other") not in salts


def test_seeds_depend_on_pixels_and_salt_alone(tmp_path):
    seed = salted_seed(load_salt(tmp_path / "a"))
    seeds = [seed(image) for image in IMAGES]
    again = salted_seed(load_salt(tmp_path / "a"))
    assert [again(image) for image in reversed(IMAGES)] == seeds[::-1]
    assert len(set(seeds)) == len(IMAGES)
    assert max(seeds) < 2**63
    other = salted_seed(load_salt(tmp_path / "b"))
    assert not {other(image) for image in IMAGES} & set(seeds)


@pytest.mark.parametrize("text", ["", "no salt", "ab" * 31, "zz" * 32])
def test_another_file_is_not_a_salt(tmp_path, text):
    file = tmp_path / "salt"
    file.write_text(text)
    with pytest.raises(UserError, match="has no salt"):
        load_salt(file)
    assert file.read_text() == text


def test_a_folder_is_not_a_salt(tmp_path):
    with pytest.raises(UserError, match="cannot be read or made"):
        load_salt(tmp_path)
