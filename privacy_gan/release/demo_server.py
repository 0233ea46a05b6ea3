"""A page to look at single faces, served to this machine alone.

It asks one question: what becomes of this photograph? Nothing is kept: each question comes with its
photograph, and takes its answer with it.
"""

from __future__ import annotations

import base64
import logging
import os
import socket
import sys
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from io import BytesIO
from typing import Any

import torch
from flask import Flask, Response, abort, jsonify, render_template, request
from PIL import Image
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.serving import BaseWSGIServer, make_server

from privacy_gan.data.decoding import UndecodableImageError
from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.data.release_format import PNG, ReleaseFormat
from privacy_gan.errors import UserError
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.loaded import LoadedPrivatizer
from privacy_gan.release.censoring import prepare_photo, secret_seed
from privacy_gan.release.face_predictions import Predictors, make_versions

LOOPBACK = "127.0.0.1"
ALLOWED_HOSTS = [LOOPBACK, "localhost"]
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # methods that make nothing
MAX_BYTES = 64 * 2**20
NUM_EXAMPLES = 8  # drawn faces to begin with

# A browser is told to load and send nothing anywhere else, and to keep nothing.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class DemoContent:
    """What the page is about.

    Attributes:
        privatizer: the mechanism, on the device.
        fit: how a photograph becomes a square, see ``read_square``.
        form: of the files that are handed out.
        panel: who is asked.
        compute: where, and in which precision.
        verdict: what was measured, in sentences.
        notes: what a reader should know besides.
    """

    privatizer: LoadedPrivatizer
    fit: str
    form: ReleaseFormat
    predictors: Predictors
    compute: Compute
    verdict: Sequence[str]
    notes: Sequence[str]

    def synthetic_labels(self) -> list[str]:
        """Return what the values of s' mean, in words, as far as is known."""
        attribute = self.privatizer.attributes[0]
        classes = self.predictors.classes.get(attribute, ())
        return [f"{attribute.replace('_', ' ')}: {name}" for name in classes]


def create_app(shown: DemoContent) -> Flask:
    """Return the page as a WSGI application, which answers to this machine's own names alone.

    Args:
        shown: what it is about.
    """
    app = Flask(__name__, static_folder="page", static_url_path="/page", template_folder="page")
    app.config.update(TRUSTED_HOSTS=ALLOWED_HOSTS, MAX_CONTENT_LENGTH=MAX_BYTES)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # who looked at what is not logged

    @app.before_request
    def asked_here() -> None:
        if request.method not in SAFE_METHODS and not is_same_origin():
            abort(403, "This page answers to itself alone: open it, and ask there.")

    @app.get("/")
    def page() -> str:
        return render_template("index.html", shown=shown, examples=NUM_EXAMPLES)

    @app.get("/examples/<int:number>.png")
    def example(number: int) -> Response:
        if number >= NUM_EXAMPLES:
            abort(404)
        return Response(examples()[number], mimetype="image/png")

    @app.post("/censor")
    def censor() -> Response:
        return jsonify(answer(shown, request.get_data()))

    @app.errorhandler(UndecodableImageError)
    def unreadable(error: UndecodableImageError) -> tuple[Response, int]:
        return jsonify(error=f"This file cannot be shown: {error}."), 422

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[Response, int]:
        told = error.description or error.name
        if isinstance(error, RequestEntityTooLarge):
            told = f"This file cannot be shown: it has more than {MAX_BYTES / 2**20:.0f} MB."
        return jsonify(error=told), error.code or 500

    @app.after_request
    def careful(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        return response

    return app


def is_same_origin() -> bool:
    """Tell whether the request at hand comes from a page that this server made.

    Browsers say where a request comes from, and no page of another site can keep them from it. What
    says nothing comes from no page.
    """
    own = request.host_url.rstrip("/")
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    referrer = request.headers.get("Referer")
    if site is None and origin is None and referrer is None:
        return False
    return (
        site in (None, "same-origin")
        and origin in (None, own)
        and (referrer is None or referrer == own or referrer.startswith(f"{own}/"))
    )


def answer(shown: DemoContent, photo: bytes) -> dict[str, Any]:
    """Return the versions of a photograph's face, and what everybody thinks of them, as JSON.

    Raises:
        UndecodableImageError: it is damaged, too large or no photograph.
    """
    privatizer, compute = shown.privatizer, shown.compute
    square = prepare_photo(BytesIO(photo), privatizer.image_size, shown.fit)
    face = torch.from_numpy(square.pixels.copy()).permute(2, 0, 1)[None].float() / 255
    versions = make_versions(
        privatizer, face.to(compute.device), shown.form, compute, secret_seed()
    )
    opinions = shown.predictors.opinions(versions, privatizer.attributes, compute)
    return {
        "versions": [
            {
                "label": version.label,
                "synthetic": version.synthetic,
                "released": version.released,
                "distortion": distortion,
                "source": f"data:{version.media_type};base64,"
                + base64.b64encode(version.file).decode(),
            }
            for version, distortion in zip(versions.all, versions.distortions(), strict=True)
        ],
        "drawn": versions.drawn,
        "opinions": [asdict(opinion) for opinion in opinions],
    }


@cache
def examples() -> list[bytes]:
    """Return drawn faces, no person's, as PNG files, always the same ones."""
    source = SyntheticFacesSource(128, NUM_EXAMPLES, 1, 1, seed=7)
    form = ReleaseFormat.of(PNG)
    return [form.encode(Image.fromarray(image)) for image in source.images(0, NUM_EXAMPLES)]


@contextmanager
def open_server(app: Flask, port: int) -> Iterator[BaseWSGIServer]:
    """Yield a server that listens on a port of this machine, for programs of this machine.

    Args:
        app: what it serves, once told to.
        port: 0 takes one that is free.

    Raises:
        UserError: the port cannot be used.
    """
    try:
        listening = socket.create_server((LOOPBACK, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(
            f"port={port} cannot be used ({reason}): choose another; port=0 takes one that is free"
        ) from error
    with listening:
        server = make_server(LOOPBACK, port, app, threaded=True, fd=listening.fileno())
        try:
            yield server
        finally:
            server.server_close()


def open_browser(address: str) -> None:
    """Show a page to whoever sits at this machine, if anybody does."""
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)
