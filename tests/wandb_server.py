"""A local server that records what the Weights & Biases client sends."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KEY = "0" * 40


@dataclass
class TrackedRun:
    """A run as the server knows it."""

    name: str = ""
    group: str = ""
    project: str = ""
    config: dict = field(default_factory=dict)
    history: list = field(default_factory=list)
    summary: dict = field(default_factory=dict)
    files: set = field(default_factory=set)

    def steps(self, key):
        return [row["_step"] for row in self.history if key in row]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def body(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(content) if self.headers.get("Content-Encoding") else content

    def answer(self, content):
        encoded = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def do_GET(self):
        self.answer({})

    def do_PUT(self):
        self.body()
        self.answer({})

    def do_POST(self):
        content = self.body()
        runs = self.server.runs
        if self.path == "/graphql":
            request = json.loads(content)
            name = re.search(r"(?:query|mutation)\s+(\w+)", request["query"])[1]
            operation = getattr(self, name, lambda **_: {})
            return self.answer({"data": operation(**request.get("variables", {}))})
        if self.path.endswith("/file_stream"):
            run = runs[self.path.split("/")[-2]]
            files = json.loads(content).get("files", {})
            if "wandb-history.jsonl" in files:
                streamed = files["wandb-history.jsonl"]
                del run.history[streamed["offset"] :]
                run.history += map(json.loads, streamed["content"])
            for line in files.get("wandb-summary.json", {}).get("content", []):
                run.summary |= json.loads(line)
        return self.answer({})

    def RunResumeStatus(self, name, project, **_):  # noqa: N802 - W&B's names
        run = self.server.runs.get(name)
        bucket = run and {
            "id": name,
            "name": name,
            "displayName": run.name,
            "tags": [],
            "notes": "",
            "logLineCount": 0,
            "eventsLineCount": 0,
            "eventsTail": "[]",
            "historyLineCount": len(run.history),
            "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
            "summaryMetrics": json.dumps(run.summary),
            "config": json.dumps(run.config),
            "wandbConfig": '{"t": 1}',
        }
        return {"model": {**self.project(project), "bucket": bucket}}

    def UpsertBucket(self, name=None, **fields):  # noqa: N802
        run = self.server.runs.setdefault(name, TrackedRun())
        run.name = fields.get("displayName") or run.name
        run.group = fields.get("groupName") or run.group
        run.project = fields.get("project") or run.project
        run.config |= json.loads(fields.get("config") or "{}")
        bucket = {"id": name, "name": name, "displayName": run.name, "description": ""}
        bucket |= {"historyLineCount": len(run.history), "project": self.project(run.project)}
        return {"upsertBucket": {"bucket": bucket, "inserted": not run.history}}

    def CreateRunFiles(self, run, files, **_):  # noqa: N802
        self.server.runs[run].files |= set(files)
        urls = [{"name": name, "uploadUrl": f"{self.server.url}/file"} for name in files]
        return {"createRunFiles": {"runID": run, "uploadHeaders": [], "files": urls}}

    def CreateArtifact(self, **_):  # noqa: N802 - a table's content, as if it were uploaded already
        latest = {"id": "artifact", "versionIndex": 0}
        sequence = {"id": "sequence", "latestArtifact": latest}
        artifact = {"id": "artifact", "state": "COMMITTED", "artifactSequence": sequence}
        return {"createArtifact": {"artifact": artifact}}

    def Viewer(self, **_):  # noqa: N802
        return {"viewer": {"id": "me", "entity": "me", "username": "me", "flags": "{}"}}

    GetDefaultEntity = Viewer

    def UpsertView2(self, **view):  # noqa: N802
        self.server.views.append(view)
        return {"upsertView": {"view": {"id": "view", "name": view["name"]}, "inserted": True}}

    @staticmethod
    def project(name):
        return {"id": name, "name": name, "entity": {"id": "me", "name": "me"}}


@contextmanager
def serve_wandb():
    """Serve within the block; yield the server, with ``runs`` by ID, and ``views``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.runs, server.views = {}, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def environment(server):
    """Return the environment variables that make the W&B client use a server."""
    return {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url}


def sync_offline_runs(folder):
    """Send a folder's offline runs with ``wandb sync``; return the runs that arrived, by ID."""
    offline = sorted(path.parent for path in folder.rglob("offline-run-*/*.wandb"))
    with serve_wandb() as server:
        subprocess.run(
            [Path(sys.executable).with_name("wandb"), "sync", *offline],
            env={**os.environ, **environment(server)},
            cwd=folder,  # for its log
            capture_output=True,
            check=True,
            timeout=100,
        )
        return server.runs
