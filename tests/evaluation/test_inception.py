"""The standard FID with weights from a local file."""

import pytest
import torch

from privacy_gan.errors import UserError
from privacy_gan.evaluation.outputs import inception_features, load_inception

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return random weights in the form of the published ones, which need a download."""
    extractor = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    file = tmp_path_factory.mktemp("inception") / "weights.pth"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(torch.nn.Module, "load_state_dict", lambda *args, **kwargs: None)
        patched.setattr(torch, "load", lambda *args, **kwargs: {})
        torch.manual_seed(0)
        network = extractor.FeatureExtractorInceptionV3("x", ["2048"], str(file))
    torch.save(network.state_dict(), file)
    return file


def test_without_a_file_no_network_is_loaded():
    assert load_inception(None, CPU) is None


def test_features_come_from_the_weights_in_the_file(weights):
    network = load_inception(weights, CPU)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = inception_features(network, images)
    assert features.shape == (2, 2048)
    assert not torch.equal(features[0], features[1])


def test_a_missing_or_wrong_file_is_named_in_the_error(tmp_path):
    with pytest.raises(UserError, match=r"none.pth does not exist"):
        load_inception(tmp_path / "none.pth", CPU)
    torch.save({"some": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other.pth does not contain the weights of"):
        load_inception(tmp_path / "other.pth", CPU)
