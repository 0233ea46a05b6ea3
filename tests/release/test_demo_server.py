"""The page's server, asked as a browser asks, and as others might."""

import base64
from contextlib import nullcontext
from io import BytesIO

import pytest
import torch
from PIL import Image
from toy_mechanisms import Lightened

from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.loaded import LoadedPrivatizer
from privacy_gan.release import demo_server as module
from privacy_gan.release.demo_server import DemoContent, create_app
from privacy_gan.release.face_predictions import Predictors

HERE = "http://127.0.0.1:8000"
FACTS = {"mechanism": "<b>lightened</b>", "data": "nothing", "epsilon": 0.04}
FROM_HERE = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def client():
    shown = DemoContent(
        privatizer=LoadedPrivatizer(Lightened(), 16, ["Smiling"], FACTS),
        fit="center",
        form=ReleaseFormat.of("png"),
        predictors=Predictors({"Smiling": ("no", "yes")}, {}, {}),
        compute=Compute(torch.device("cpu"), nullcontext),
        verdict=["smiling leaks"],
        notes=[],
    )
    return create_app(shown).test_client()


def photograph(form="PNG", size=(40, 20), **saving):
    file = BytesIO()
    Image.new("RGB", size, (100, 100, 100)).save(file, form, **saving)
    return file.getvalue()


def ask(client, content, headers=FROM_HERE):
    return client.post("/censor", data=content, base_url=HERE, headers=headers)


def test_the_page_says_what_it_is_about_and_words_are_words(client):
    text = client.get("/", base_url=HERE).text
    assert "Hiding Smiling in a face" in text
    assert "&lt;b&gt;lightened" in text
    assert "<b>lightened" not in text
    assert "Smiling leaks." in text


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_photograph_comes_back_in_all_versions(form, client):
    told = ask(client, photograph(form)).json
    assert [each["label"] for each in told["versions"]] == ["x", "x'", "x''", "x''"]
    assert told["drawn"] in (0, 1)
    for version in told["versions"]:
        start, _, encoded = version["source"].partition(",")
        assert start == "data:image/png;base64"
        image = Image.open(BytesIO(base64.b64decode(encoded)))
        assert image.size == (16, 16)
        assert not image.info


def test_each_answer_draws_anew(client):
    sources = {ask(client, photograph()).json["versions"][1]["source"] for _ in range(24)}
    assert len(sources) == 2


@pytest.mark.parametrize("content", [b"", b"GIF89a" + bytes(40), photograph()[:60], b"<svg/>"])
def test_what_is_no_photograph_is_refused_in_a_sentence(content, client):
    answer = ask(client, content)
    assert answer.status_code == 422
    assert answer.json["error"].startswith("This file cannot be shown: it ")
    assert "\n" not in answer.json["error"]


def test_too_much_is_refused_before_it_is_read(client, monkeypatch):
    client.application.config["MAX_CONTENT_LENGTH"] = 100
    answer = ask(client, bytes(101))
    assert (answer.status_code, list(answer.json)) == (413, ["error"])


def test_the_limit_that_the_page_knows_is_the_servers(client):
    script = client.get("/page/page.js", base_url=HERE).text
    assert f"const MAX_BYTES = {module.MAX_BYTES // 2**20} * 2 ** 20;" in script


@pytest.mark.parametrize(
    "host", ["http://evil.example", "http://192.168.1.5:8000", "http://0.0.0.0"]
)
def test_who_was_led_here_under_another_name_gets_nothing(host, client):
    """A page of another site may have its own name lead to this machine."""
    for answer in (
        client.get("/", base_url=host),
        client.post("/censor", data=photograph(), base_url=host, headers={"Origin": host}),
    ):
        assert answer.status_code == 400
        assert "Smiling" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "https://127.0.0.1:8000"},
        {"Origin": f"{HERE}.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": HERE, "Sec-Fetch-Site": "cross-site"},
        {"Referer": "https://evil.example/"},
        {"Referer": f"{HERE}.evil.example/"},
    ],
    ids=str,
)
def test_what_does_not_come_from_its_own_page_is_not_answered(headers, client):
    answer = ask(client, photograph(), headers)
    assert answer.status_code == 403
    assert list(answer.json) == ["error"]


@pytest.mark.parametrize(
    "headers",
    [{"Origin": HERE}, {"Sec-Fetch-Site": "same-origin"}, {"Referer": f"{HERE}/"}],
    ids=str,
)
def test_any_browser_is_answered_on_its_own_page(headers, client):
    assert ask(client, photograph(), headers).status_code == 200


@pytest.mark.parametrize("path", ["/", "/page/page.css", "/examples/0.png", "/nothing"])
def test_browsers_are_told_to_load_nothing_from_elsewhere_and_to_keep_nothing(path, client):
    headers = client.get(path, base_url=HERE).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "path",
    ["/page/../demo.py", "/page/..%2fdemo.py", "/page//etc/passwd", "/examples/99.png", "/x"],
)
def test_nothing_else_is_served(path, client):
    answer = client.get(path, base_url=HERE, follow_redirects=True)
    assert (answer.status_code, list(answer.json)) == (404, ["error"])


def test_examples_are_drawn_faces(client):
    first, second = (client.get(f"/examples/{number}.png", base_url=HERE).data for number in (0, 1))
    assert Image.open(BytesIO(first)).size == (128, 128)
    assert first != second
