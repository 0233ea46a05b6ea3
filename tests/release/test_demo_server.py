"""The demo's server: requests from browsers, from other sites and from other programs."""

import base64
from contextlib import nullcontext
from io import BytesIO

import pytest
import torch
from PIL import Image
from toy_mechanisms import Brightener

from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.loaded import LoadedPrivatizer
from privacy_gan.release.demo_server import MAX_BYTES, DemoContent, create_app
from privacy_gan.release.face_predictions import Predictors

OWN_ORIGIN = "http://127.0.0.1:8000"
FACTS = {"mechanism": "<b>brightener</b>", "data": "nothing", "epsilon": 0.04}
FROM_OWN_PAGE = {"Origin": OWN_ORIGIN, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def client():
    content = DemoContent(
        privatizer=LoadedPrivatizer(Brightener(), 16, ["Smiling"], FACTS),
        fit="center",
        output_format=ReleaseFormat.parse("png"),
        predictors=Predictors({"Smiling": ("no", "yes")}, {}, {}),
        compute=Compute(torch.device("cpu"), nullcontext),
        verdict=["smiling leaks"],
        notes=[],
    )
    return create_app(content).test_client()


def photograph(format="PNG", size=(40, 20), **options):
    file = BytesIO()
    Image.new("RGB", size, (100, 100, 100)).save(file, format, **options)
    return file.getvalue()


def censor(client, content, headers=FROM_OWN_PAGE):
    return client.post("/censor", data=content, base_url=OWN_ORIGIN, headers=headers)


def test_the_page_names_the_attribute_and_escapes_html(client):
    text = client.get("/", base_url=OWN_ORIGIN).text
    assert "Hiding Smiling in a face" in text
    assert "&lt;b&gt;brightener" in text
    assert "<b>brightener" not in text
    assert "Smiling leaks." in text


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_the_response_has_all_versions_of_a_photograph(format, client):
    content = censor(client, photograph(format)).json
    assert [each["label"] for each in content["versions"]] == ["x", "x'", "x''", "x''"]
    assert content["sampled_value"] in (0, 1)
    for version in content["versions"]:
        start, _, encoded = version["source"].partition(",")
        assert start == "data:image/png;base64"
        image = Image.open(BytesIO(base64.b64decode(encoded)))
        assert image.size == (16, 16)
        assert not image.info


def test_each_response_has_new_random_numbers(client):
    sources = {censor(client, photograph()).json["versions"][1]["source"] for _ in range(24)}
    assert len(sources) == 2


@pytest.mark.parametrize("content", [b"", b"GIF89a" + bytes(40), photograph()[:60], b"<svg/>"])
def test_other_files_are_refused_with_one_sentence(content, client):
    response = censor(client, content)
    assert response.status_code == 422
    assert response.json["error"].startswith("This file cannot be shown: it ")
    assert "\n" not in response.json["error"]


def test_a_request_that_is_too_large_is_refused_before_it_is_read(client, monkeypatch):
    client.application.config["MAX_CONTENT_LENGTH"] = 100
    response = censor(client, bytes(101))
    assert (response.status_code, list(response.json)) == (413, ["error"])


def test_the_page_and_the_server_have_the_same_size_limit(client):
    script = client.get("/page/page.js", base_url=OWN_ORIGIN).text
    assert f"const MAX_BYTES = {MAX_BYTES // 2**20} * 2 ** 20;" in script


@pytest.mark.parametrize(
    "host", ["http://evil.example", "http://192.168.1.5:8000", "http://0.0.0.0"]
)
def test_requests_to_another_host_name_are_refused(host, client):
    """With DNS rebinding, another site can make its name point to this machine."""
    for response in (
        client.get("/", base_url=host),
        client.post("/censor", data=photograph(), base_url=host, headers={"Origin": host}),
    ):
        assert response.status_code == 400
        assert "Smiling" not in response.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "https://127.0.0.1:8000"},
        {"Origin": f"{OWN_ORIGIN}.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": OWN_ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Referer": "https://evil.example/"},
        {"Referer": f"{OWN_ORIGIN}.evil.example/"},
    ],
    ids=str,
)
def test_requests_that_do_not_come_from_its_own_page_are_refused(headers, client):
    response = censor(client, photograph(), headers)
    assert response.status_code == 403
    assert list(response.json) == ["error"]


@pytest.mark.parametrize(
    "headers",
    [{"Origin": OWN_ORIGIN}, {"Sec-Fetch-Site": "same-origin"}, {"Referer": f"{OWN_ORIGIN}/"}],
    ids=str,
)
def test_requests_from_its_own_page_are_accepted(headers, client):
    assert censor(client, photograph(), headers).status_code == 200


@pytest.mark.parametrize("path", ["/", "/page/page.css", "/examples/0.png", "/nothing"])
def test_security_headers_forbid_other_addresses_and_caching(path, client):
    headers = client.get(path, base_url=OWN_ORIGIN).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/page/../demo_server.py",
        "/page/..%2fdemo_server.py",
        "/page//etc/passwd",
        "/examples/99.png",
        "/x",
    ],
)
def test_no_other_file_is_served(path, client):
    response = client.get(path, base_url=OWN_ORIGIN, follow_redirects=True)
    assert (response.status_code, list(response.json)) == (404, ["error"])


def test_examples_are_drawn_faces(client):
    first, second = (
        client.get(f"/examples/{number}.png", base_url=OWN_ORIGIN).data for number in (0, 1)
    )
    assert Image.open(BytesIO(first)).size == (128, 128)
    assert first != second
