"""Runs the page's modules in a browser on pictures with known results of the function.

The function serves page, release and pictures; the browser opens one address, processes them and
posts the results. No driver is needed, so any browser can be used.
"""

import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.web import chromium

HERE = Path(__file__).parent / "device_trial"
ANSWER_S = 300  # for one picture, on a busy machine and without WebAssembly
FIREFOX = "firefox-esr"
# Suppresses the welcome pages of a new profile, which need the network.
PREFERENCES = """\
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
"""
Application = Callable[..., Iterable[bytes]]


def checked(
    application: Application, browser: str, pictures: Mapping[str, bytes]
) -> dict[str, dict[str, Any]]:
    """A browser's result for each picture, by name, or the reason for none ("elsewhere")."""
    told: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
    found: dict[str, dict[str, Any]] = {}
    with _serving(_with_trial(application, pictures, told)) as address, _opened(browser, address):
        while True:
            name, document = told.get(timeout=ANSWER_S)
            if name == "end":
                assert document == {}, document
                return found
            found[name] = document


def _with_trial(
    application: Application, pictures: Mapping[str, bytes], told: queue.Queue[Any]
) -> Application:
    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        _, trial, name, *rest = f"{request.path}//".split("/")
        if trial != "trial":
            return application(environ, start_response)
        if name == "pictures":
            response = Response(pictures[rest[0]], content_type="application/octet-stream")
        elif name == "pictures.json":
            response = Response(json.dumps([*pictures]), content_type="application/json")
        elif name == "told":
            told.put((rest[0], json.loads(request.get_data())))
            response = Response(status=204)
        else:
            kind = "text/html" if name.endswith(".html") else "text/javascript"
            response = Response((HERE / name).read_bytes(), content_type=kind)
        return response(environ, start_response)

    return serve


@contextmanager
def _serving(application: Application) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/trial/trial.html"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _opened(browser: str, address: str) -> Iterator[None]:
    executable = path(browser)
    assert executable is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        if browser == "firefox":
            (Path(profile) / "user.js").write_text(PREFERENCES)
            command = [
                *(executable, "--headless", "--no-remote", "--new-instance"),
                *("--profile", profile, address),
            ]
        else:
            # Without a port for a debugger the headless shell ends at once.
            options = ("--headless", "--remote-debugging-port=0", f"--user-data-dir={profile}")
            command = [executable, *chromium.FLAGS, *options, address]
        # A session of its own, since Debian's command is a script that starts the browser.
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def path(browser: str) -> str | None:
    """Return the path of ``firefox`` or ``chromium``; None where it is not installed."""
    return chromium.path() if browser == "chromium" else shutil.which(FIREFOX)
