"""A web page that shows the censored versions of single faces, served to this machine only.

The server stores nothing: each request carries its photograph, and the response carries the result.
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
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from flask import Flask, Response, abort, jsonify, render_template, request
from PIL import Image
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.serving import BaseWSGIServer, make_server

from privacy_gan.data.decoding import UndecodableImageError, decode
from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.data.image_files import to_channels
from privacy_gan.data.release_format import PNG, ReleaseFormat
from privacy_gan.errors import UserError
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.loaded import LoadedPrivatizer
from privacy_gan.release.censoring import (
    Pixels,
    prepare_photo,
    refusing_unreadable,
    secret_seed,
)
from privacy_gan.release.face_predictions import Predictors, make_versions

if TYPE_CHECKING:
    from privacy_gan.release.face_finding import FaceFinder

LOOPBACK = "127.0.0.1"
ALLOWED_HOSTS = [LOOPBACK, "localhost"]
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # methods without side effects
MAX_BYTES = 64 * 2**20
NUM_EXAMPLES = 8
THUMBNAIL = 900  # pixels of the longer side of a photograph on the page

# They forbid the browser to load from, or send to, any other address, and to cache the page.
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
    """What the page shows.

    Attributes:
        privatizer: the mechanism, on the device.
        fit: how a photograph becomes a square, see ``prepare_photo``; or "faces", for its faces.
        output_format: file format of the censored images.
        predictors: networks that predict attributes of the face.
        compute: device and precision.
        verdict: the judge's verdict, in sentences.
        notes: further sentences for the reader of the page.
        finder: finds faces; None unless fit is "faces".
    """

    privatizer: LoadedPrivatizer
    fit: str
    output_format: ReleaseFormat
    predictors: Predictors
    compute: Compute
    verdict: Sequence[str]
    notes: Sequence[str]
    finder: FaceFinder | None = None

    def synthetic_labels(self) -> list[str]:
        """Return a label for each value of s', such as "Young: no"; none if they are unknown."""
        attribute = self.privatizer.attributes[0]
        classes = self.predictors.classes.get(attribute, ())
        return [f"{attribute.replace('_', ' ')}: {name}" for name in classes]


def create_app(content: DemoContent) -> Flask:
    """Return the page as a WSGI application that only accepts requests to localhost.

    Args:
        content: what the page shows.
    """
    app = Flask(__name__, static_folder="page", static_url_path="/page", template_folder="page")
    app.config.update(TRUSTED_HOSTS=ALLOWED_HOSTS, MAX_CONTENT_LENGTH=MAX_BYTES)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # requests are not logged

    @app.before_request
    def require_same_origin() -> None:
        if request.method not in SAFE_METHODS and not is_same_origin():
            abort(403, "Only this server's own page may send requests: open it and use it.")

    @app.get("/")
    def page() -> str:
        return render_template("index.html", content=content, num_examples=NUM_EXAMPLES)

    @app.get("/examples/<int:number>.png")
    def example(number: int) -> Response:
        if number >= NUM_EXAMPLES:
            abort(404)
        return Response(example_faces()[number], mimetype="image/png")

    @app.post("/censor")
    def censor() -> Response:
        face = request.args.get("face", 0, type=int)
        return jsonify(censor_photo(content, request.get_data(), face))

    @app.errorhandler(UndecodableImageError)
    def handle_undecodable_image(error: UndecodableImageError) -> tuple[Response, int]:
        return jsonify(error=f"This file cannot be shown: {error}."), 422

    @app.errorhandler(HTTPException)
    def handle_http_error(error: HTTPException) -> tuple[Response, int]:
        message = error.description or error.name
        if isinstance(error, RequestEntityTooLarge):
            message = f"This file cannot be shown: it is larger than {MAX_BYTES / 2**20:.0f} MB."
        return jsonify(error=message), error.code or 500

    @app.after_request
    def set_security_headers(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        return response

    return app


def is_same_origin() -> bool:
    """Return whether the current request comes from a page of this server.

    Browsers set the headers that say so, and no page can forge them. A request without any of them
    does not come from a page.
    """
    own_origin = request.host_url.rstrip("/")
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    referrer = request.headers.get("Referer")
    if site is None and origin is None and referrer is None:
        return False
    return (
        site in (None, "same-origin")
        and origin in (None, own_origin)
        and (referrer is None or referrer == own_origin or referrer.startswith(f"{own_origin}/"))
    )


def censor_photo(content: DemoContent, photo: bytes, number: int) -> dict[str, Any]:
    """Return the versions of the face in a photograph, and all predictions from them, as JSON.

    Args:
        content: what the page shows.
        photo: the file.
        number: which of its faces, from 0, if faces are searched for.

    Raises:
        UndecodableImageError: the file is damaged, too large or not a photograph, or has no face.
    """
    privatizer, compute = content.privatizer, content.compute
    size, channels = privatizer.image_size, privatizer.channels
    found: dict[str, Any] = {}
    if content.finder is None:
        pixels = prepare_photo(BytesIO(photo), size, content.fit, channels).pixels
    else:
        pixels, found = find_face(content.finder, photo, number, channels)
    face = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
    versions = make_versions(
        privatizer, face.to(compute.device), content.output_format, compute, secret_seed()
    )
    predictions = content.predictors.predict(versions, privatizer.attributes, compute)
    return {
        "versions": [
            {
                "label": version.label,
                "synthetic": version.synthetic,
                "is_output": version.is_output,
                "distortion": distortion,
                "source": f"data:{version.media_type};base64,"
                + base64.b64encode(version.file).decode(),
            }
            for version, distortion in zip(versions.all, versions.distortions(), strict=True)
        ],
        "sampled_value": versions.sampled_value,
        "predictions": [asdict(prediction) for prediction in predictions],
        **found,
    }


def find_face(
    finder: FaceFinder, photo: bytes, number: int, channels: int
) -> tuple[Pixels, dict[str, Any]]:
    """Return one of the faces in a photograph, uint8 [S, S, C], and where all of them are, as JSON.

    Raises:
        UndecodableImageError: the file is damaged, too large or not a photograph, or has no face
            that the mechanism can censor.
    """
    with refusing_unreadable():
        picture = decode(BytesIO(photo))
        faces = finder.find(picture)
        sure = [place for place, face in enumerate(faces) if face.is_sure]
        if not sure:
            first = faces[0].found if faces else None
            reason = (
                "no face was found in it" if first is None else f"{first.place} {first.problem}"
            )
            raise UndecodableImageError(reason)
        chosen = number if number in sure else sure[0]
        square = faces[chosen].region.cut_out(np.asarray(picture), finder.image_size)
        pixels = to_channels(Image.fromarray(square), channels)
    width, height = picture.size
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    file = ReleaseFormat.parse("jpeg-85").encode(picture)
    source = f"data:image/jpeg;base64,{base64.b64encode(file).decode()}"
    return pixels, {
        "photo": {"source": source, "width": width, "height": height},
        "faces": [asdict(face.found) for face in faces],
        "chosen": chosen,
    }


@cache
def example_faces() -> list[bytes]:
    """Return drawn faces as PNG files, always the same ones."""
    source = SyntheticFacesSource(128, NUM_EXAMPLES, 1, 1, seed=7)
    png = ReleaseFormat.parse(PNG)
    return [png.encode(Image.fromarray(image)) for image in source.images(0, NUM_EXAMPLES)]


@contextmanager
def open_server(app: Flask, port: int) -> Iterator[BaseWSGIServer]:
    """Yield a server that listens on a port of the loopback interface.

    Args:
        app: the application; it responds once the server's ``serve_forever`` is called.
        port: the port; 0 chooses a free one.

    Raises:
        UserError: the port cannot be used.
    """
    try:
        listening = socket.create_server((LOOPBACK, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(
            f"port={port} cannot be used ({reason}): choose another, or port=0 for a free one"
        ) from error
    with listening:
        server = make_server(LOOPBACK, port, app, threaded=True, fd=listening.fileno())
        try:
            yield server
        finally:
            server.server_close()


def open_browser(address: str) -> None:
    """Open a page in the default browser, unless this machine has no screen."""
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)
