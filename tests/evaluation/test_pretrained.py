"""The adversary that starts from ImageNet weights in a file."""

from contextlib import nullcontext

import pytest
import torch
from planted import LightAndDark, adam, judge_in
from torchvision.models import resnet18, resnet34, resnet50

from privacy_gan.config import instantiate
from privacy_gan.errors import UserError
from privacy_gan.evaluation.adversaries import pretrained
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.learning import Recipe
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.hardware import Compute
from privacy_gan.models.pretrained import NormalizedImages, load_pretrained
from privacy_gan.models.resnet import resnet10
from privacy_gan.privatizers.identity import Identity
from privacy_gan.runs.fingerprint import judge_settings

CPU = Compute(torch.device("cpu"), nullcontext)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return a network in torchvision's layout, and the file with its state_dict."""
    torch.manual_seed(0)
    network = resnet18(weights=None)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(network.state_dict(), path)
    return network.eval(), path


@pytest.fixture(scope="module")
def data():
    module = LightAndDark(train=112, valid=8, test=32)
    module.setup()
    return module


def create(path):
    task = {"num_classes": 2, "column": 0, "fixed": None}
    return pretrained(weights=str(path), weights_key="", recipe=Recipe(adam), **task)


def test_all_layers_but_the_last_have_the_files_weights(saved):
    network, path = saved
    found = load_pretrained(path, num_classes=3).eval()
    normalized = torch.rand(2, 3, 64, 64)
    images = (normalized * found.body[0].std) + found.body[0].mean
    network.fc = torch.nn.Identity()
    torch.testing.assert_close(found.features(images), network(normalized), rtol=1e-4, atol=1e-4)
    assert found(images).shape == (2, 3)


@pytest.mark.parametrize("make", [resnet34, resnet50])
def test_the_architecture_is_found_in_the_file(make, tmp_path):
    network = make(weights=None)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    found = load_pretrained(tmp_path / "weights.pt", num_classes=2)
    body = found.body[1].state_dict()
    assert {*body, "fc.weight", "fc.bias"} == set(network.state_dict())
    assert found.head.in_features == network.fc.in_features
    assert torch.equal(body["layer4.2.conv2.weight"], network.layer4[2].conv2.weight)


def test_images_are_normalized_and_enlarged_to_64_pixels():
    prepare = NormalizedImages()
    grey = torch.tensor([0.485, 0.456, 0.406])[:, None, None].expand(3, 16, 16)[None]
    prepared = prepare(grey)
    assert prepared.shape == (1, 3, 64, 64)
    torch.testing.assert_close(prepared, torch.zeros_like(prepared), atol=1e-5, rtol=0)
    large = torch.rand(1, 3, 80, 80)
    torch.testing.assert_close(prepare(large), (large - prepare.mean) / prepare.std)


def test_it_learns_and_predicts_the_same_after_loading_without_the_file(saved, data, tmp_path):
    torch.manual_seed(0)
    learner = create(saved[1])
    source = MechanismSource(Identity(), data, CPU)
    learner.prepare(source, 32, 0)
    learner.start_training()
    for batch in source.training_epoch(0, 16, 0):
        learner.training_step(batch, CPU)
    (batch,) = source.query("test", 0, 0)
    with torch.no_grad():  # after a few steps, the batch norms' averages are far from the truth
        found = learner.log_probabilities(batch.images).argmax(dim=1)
    assert (found == batch.attributes[:, 0]).double().mean() > 0.9
    learner.network.eval()
    predicted = learner.log_probabilities(batch.images).detach()
    other = create(tmp_path / "missing.pt")
    other.load_weights(learner.export_weights())
    assert torch.equal(other.log_probabilities(batch.images), predicted)
    with pytest.raises(LookupError):
        create(tmp_path / "missing.pt").load_weights({"network": resnet10(2).state_dict()})


def test_another_architecture_is_loaded_where_the_file_differs(saved, tmp_path):
    torch.save(resnet34(weights=None).state_dict(), tmp_path / "weights.pt")
    deep = create(tmp_path / "weights.pt")
    deep.network.eval()
    other = create(saved[1])
    other.load_weights(deep.export_weights())
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(other.log_probabilities(images), deep.log_probabilities(images))


def write_damaged(path):
    torch.save(resnet18(weights=None).state_dict(), path)
    path.write_bytes(path.read_bytes()[:-1000])


def write_other_shapes(path):
    state = resnet18(weights=None).state_dict()
    torch.save({**state, "conv1.weight": torch.zeros(64, 1, 7, 7)}, path)


def write_fewer_layers(path):
    state = resnet18(weights=None).state_dict()
    torch.save({name: each for name, each in state.items() if "layer4.1" not in name}, path)


def write_not_finite(path):
    state = resnet18(weights=None).state_dict()
    torch.save({**state, "bn1.weight": torch.full((64,), torch.nan)}, path)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "does not exist: give a local file"),
        (lambda path: path.mkdir(), "weights"),
        (write_damaged, "is damaged: give a file with torchvision's state_dict"),
        (lambda path: path.write_bytes(b""), "is damaged"),
        (lambda path: torch.save([1, 2], path), "holds no weights in the expected layout"),
        (lambda path: torch.save({"a": 1}, path), "holds no weights in the expected layout"),
        (write_other_shapes, "holds no weights in the expected layout"),
        (write_fewer_layers, "of a ResNet-18, ResNet-34, ResNet-50"),
        (write_not_finite, "not finite"),
    ],
)
def test_other_files_are_refused_before_training(write, message, data, tmp_path):
    path = tmp_path / "weights.pt"
    write(path)
    judge = judge_in(tmp_path)
    judge.weights = path
    with pytest.raises(UserError) as raised:
        judge.check(data, "Light")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    learner = create(path)
    with pytest.raises(UserError, match="weights"):
        learner.prepare(MechanismSource(Identity(), data, CPU), 32, 0)


def test_without_a_file_the_adversary_is_left_out(tiny, saved):
    def names(*overrides):
        judge = tiny("judge=standard", *overrides).judge
        context = {"classifiers": None, "reference_settings": {}}
        found: Judge = instantiate(judge, **context)
        return set(found.factories)

    assert "pretrained" not in names()
    assert names(f"judge.weights={saved[1]}") == {*names(), "pretrained"}


def test_settings_change_with_the_content_of_the_file(tiny, tmp_path):
    path, key = tmp_path / "weights.pt", "judge.adversaries.pretrained.weights_key"

    def settings():
        return judge_settings(tiny("judge=standard", f"judge.weights={path}"))

    missing = settings()
    path.write_bytes(b"first")
    first = settings()
    path.write_bytes(b"second")
    second = settings()
    assert missing[key] == ""
    assert first[key] != second[key]
    assert {name for name in first if first[name] != second[name]} == {key}
    assert judge_settings(tiny("judge=standard"))[key] is None
