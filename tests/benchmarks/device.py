"""The check on the visitor's device beside the server's: `python -m tests.benchmarks.device`.

The page in Chromium, at full speed and slowed down four times, as a telephone is. Takes less than
three minutes, prints a table, and writes it to DEVICE.md. A machine that others use gives figures
that mean nothing: exit status 75, and nothing is written.
"""

import argparse
import contextlib
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.benchmarks import machine, process
from tests.pictures import dermatoscopic, encoded
from tests.web import chromium
from tests.web.visitor import PHONE, WEB

REPORT = Path(__file__).parent / "DEVICE.md"
SLOWDOWNS = (1, 4)
WARM = 3  # answers, of which the median counts
PICTURES = {"600×450": (600, 450), "4000×3000": (4000, 3000)}
PERIOD_S = 0.02  # of a slowed processor: it works for a part of each
SAMPLE_S = 0.1
LIMIT_MS = 180_000
SCREEN: Any = {"viewport": PHONE, "locale": "en-GB"}
CALM_S = 60.0
EXIT_BUSY = 75  # EX_TEMPFAIL of sysexits.h: try again later

# Tasks of 50 ms and more: https://www.w3.org/TR/longtasks-1/
WATCH = """
window.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((task) => task.duration)))
  .observe({ type: "longtask", buffered: true });
"""
# Memory of the kernel, which holds the model's weights and the values between its layers.
KERNEL_BYTES = """async () => {
  const [{ load }, { Interpreter, kernel }] = await Promise.all(
    [import("/device/kept.js"), import("/device/interpreter.js")]);
  const wasm = await (await fetch("/device/kernel.wasm")).arrayBuffer();
  return new Interpreter((await load()).model, await kernel(wasm)).memory.buffer.byteLength;
}"""


@dataclass
class Way:
    """One picture on one way, at one speed. Times in seconds, memory in MiB."""

    first_s: float = 0.0
    warm_s: list[float] = field(default_factory=list)
    longest_task_ms: float = 0.0
    before_mib: float = 0.0
    peak_mib: float = 0.0
    after_mib: float = 0.0


@contextmanager
def slowed(pids: Callable[[], list[int]], factor: int) -> Iterator[None]:
    """Let processes work for a share of 1 / ``factor`` of the time, all of their threads.

    The DevTools protocol's own throttling slows the main thread only
    (third_party/blink/renderer/platform/scheduler/common/thread_cpu_throttler.h).
    """
    ended = threading.Event()

    def send(number: signal.Signals) -> None:
        for pid in pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def pace() -> None:
        while not ended.wait(PERIOD_S / factor):
            send(signal.SIGSTOP)
            time.sleep(PERIOD_S * (factor - 1) / factor)
            send(signal.SIGCONT)

    thread = threading.Thread(target=pace)
    if factor > 1:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if factor > 1:
            thread.join()


def renderers(browser: int) -> list[int]:
    """The processes below the browser's that run pages, their workers included."""
    found, waiting = [], [browser]
    while waiting:
        pid = waiting.pop()
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
            if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def mib(pids: list[int]) -> float:
    return sum(map(process.pss_kib, pids)) / 1024


def checked(page: Page, picture: Path, button: str) -> float:
    """Seconds from the button to the answer, of a picture that is chosen before."""
    # By its path: a file's bytes would pass through the page's main thread.
    page.set_input_files("#image", picture)
    page.wait_for_selector("body[data-state=chosen]", timeout=LIMIT_MS)
    if button == "#send":
        page.check("#consent")
    page.wait_for_selector(f"{button}:visible", timeout=LIMIT_MS)
    began = time.monotonic()
    page.click(button)
    page.wait_for_selector("body[data-state=result]", timeout=LIMIT_MS)
    return time.monotonic() - began


def measure(page: Page, picture: Path, button: str, pids: Callable[[], list[int]]) -> Way:
    found = Way(before_mib=mib(pids()))
    page.evaluate("tasks.length = 0")
    with process.peak(lambda: mib(pids()), SAMPLE_S) as samples:
        found.first_s = checked(page, picture, button)
        for _ in range(WARM):
            page.click("button:has-text('Check another picture')")
            found.warm_s.append(checked(page, picture, button))
    found.longest_task_ms = page.evaluate("Math.max(0, ...tasks)")
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    found.peak_mib, found.after_mib = max(samples), mib(pids())
    return found


def run(say: Callable[[str], None]) -> tuple[dict[tuple[int, str, str], Way], float, float]:
    """What was measured, the kernel's memory and the server's at most, MiB."""
    found: dict[tuple[int, str, str], Way] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        process.running(
            process.function(), {"WEB_DIR": str(WEB), "PRELOAD_MODEL": "1"}, Path(folder) / "log"
        ) as server,
        sync_playwright() as engine,
    ):
        server.first("/ready")
        for name, size in PICTURES.items():
            drawn = encoded(dermatoscopic(600, 450).resize(size), quality=92)
            (Path(folder) / f"{name}.jpg").write_bytes(drawn)
        browser = engine.chromium.launch(executable_path=chromium.path(), args=chromium.FLAGS)

        def pids() -> list[int]:
            return renderers(os.getpid())

        with process.peak(server.pss_mib) as served:
            for slowdown in SLOWDOWNS:
                for picture in PICTURES:
                    for way, button in (("device", "#device-check"), ("server", "#send")):
                        say(f"{picture}, {way}, {slowdown}× slower")
                        context = browser.new_context(**SCREEN)
                        context.add_init_script(WATCH)
                        page = context.new_page()
                        page.goto(server.url)
                        page.wait_for_selector("#send:not([disabled])", state="attached")
                        page.click("#yes")
                        with slowed(pids, slowdown):
                            found[slowdown, picture, way] = measure(
                                page, Path(folder) / f"{picture}.jpg", button, pids
                            )
                        if way == "device":
                            kernel = page.evaluate(KERNEL_BYTES) / 1024**2
                        context.close()
        browser.close()
    return found, kernel, max(served)


def table(found: dict[tuple[int, str, str], Way]) -> str:
    lines = [
        "| processor | picture | checked by | first answer, s | warm, s | longest task of the main "
        "thread, ms | memory before, MiB | at most | after |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (slowdown, picture, way), each in found.items():
        task = f"{each.longest_task_ms:.0f}" if each.longest_task_ms else "below 50"
        lines.append(
            f"| {'full speed' if slowdown == 1 else f'{slowdown}× slower'} | {picture} | {way} | "
            f"{each.first_s:.2f} | {statistics.median(each.warm_s):.2f} | {task} | "
            f"{each.before_mib:.0f} | {each.peak_mib:.0f} | {each.after_mib:.0f} |"
        )
    return "\n".join(lines)


def report(found: dict[tuple[int, str, str], Way], kernel_mib: float, server_mib: float) -> str:
    about = machine.describe()
    return f"""\
# On the device beside the server

Written by `python -m tests.benchmarks.device`: do not edit. {about["cores"]} cores of
{about["processor"]}, {about["date"]}; headless Chromium, JPEG of quality 92.

{table(found)}

- The server runs on the same machine, at full speed and with no network in between, so its times
  are the lowest possible; only the page is slowed down, with all of its threads.
- The device's first answer includes the download of the release.
- Tasks of the main thread are measured from the choice of the picture to the answer.
- Memory is the proportional set size of the browser's processes that run pages and workers; "after"
  is taken when the answer is shown and garbage has been collected.
- The interpreter takes {kernel_mib:.0f} MiB of WebAssembly memory while it works; the server takes
  {server_mib:.0f} MiB at most, all of its processes together.
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.device", description=__doc__)
    parser.add_argument(
        "--busy", action="store_true", help="measure whatever else runs; needs --to"
    )
    parser.add_argument("--to", type=Path, default=REPORT, help="the file to write")
    options = parser.parse_args(arguments)
    if options.busy and options.to == REPORT:
        parser.error("--busy needs --to: figures of a busy machine are none to keep")
    if not options.busy and (share := machine.wait_for_calm(CALM_S)) > machine.MOST_BUSY:
        print(f"others use {share:.0%} of the processor; nothing was written", file=sys.stderr)
        return EXIT_BUSY
    text = report(*run(lambda line: print(line, file=sys.stderr, flush=True)))
    options.to.write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
