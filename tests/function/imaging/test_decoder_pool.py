"""Decoder processes: the same pictures as in this process, and recovery from failures."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lesionlens.errors import (
    Overloaded,
    Problem,
    TooCostly,
    Truncated,
    Undecodable,
    UnsupportedType,
)
from lesionlens.imaging import decoder_pool, file_kinds, preprocess
from lesionlens.imaging.decoder_pool import DecoderPool
from lesionlens.imaging.model_input import Preprocessing
from tests import hostile, python_program
from tests.conftest import ROOT
from tests.dicom import photograph
from tests.pictures import JPEG, dermatoscopic, encoded, lesion, multi_scan_jpeg

RULE = Preprocessing(96)
FILES = {
    **{name: encoded(lesion(), name) for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")},
    "AVIF": encoded(lesion(), "AVIF"),
    "HEIC": (ROOT / "tests" / "data" / "lesion.heic").read_bytes(),
    "DICOM": photograph(),
    "deflated TIFF": encoded(lesion(), "TIFF", compression="tiff_adobe_deflate"),
    "JPEG in TIFF": encoded(lesion(), "TIFF", compression="jpeg"),
    "progressive": encoded(lesion(), progressive=True),
    # 120 MB of coefficients: more than the limit for usual pictures.
    "multi-scan": multi_scan_jpeg(5000, 4000),
    "palette": encoded(lesion().quantize(16), "PNG"),
    "large WebP": encoded(Image.new("RGB", (4200, 3200), "brown"), "WEBP", quality=1, method=0),
    "large": encoded(Image.new("RGB", (3000, 2000), "brown"), "PNG"),
}


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    made = DecoderPool()
    yield made
    made.close()


@pytest.fixture
def own() -> Iterator[DecoderPool]:
    """A pool for tests that damage it."""
    made = DecoderPool()
    yield made
    made.close()


def soon(seconds: float = 60) -> float:
    return time.monotonic() + seconds


def fork_server(pool: DecoderPool) -> int:
    return pool._fork_servers[file_kinds.USUAL]._process.pid


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def has_ended(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True


def seconds_used(pid: int) -> float:
    """Processor time of a process in seconds."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]
    return int(ticks) / os.sysconf("SC_CLK_TCK")


def wait_until_ended(*pids: int) -> None:
    deadline = soon()
    while not all(map(has_ended, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("name", FILES)
def test_a_decoder_makes_what_this_process_would_make(pool: DecoderPool, name: str) -> None:
    expected = preprocess.prepare(FILES[name], RULE)
    for _ in range(2):
        found = pool.prepare(FILES[name], RULE, soon())
        np.testing.assert_array_equal(found.pixels, expected.pixels)
        assert (found.width, found.height) == (expected.width, expected.height)
        assert found.warnings == expected.warnings


def test_refusals_are_those_of_this_process(pool: DecoderPool) -> None:
    with pytest.raises(Truncated, match="ends too early"):
        pool.prepare(JPEG[:5000], RULE, soon())
    with pytest.raises(UnsupportedType, match="a PDF document"):
        pool.prepare(b"%PDF-1.7", RULE, soon())


def test_warnings_are_passed_on(pool: DecoderPool) -> None:
    several = encoded(lesion(), "GIF", save_all=True, append_images=[Image.new("RGB", (320, 240))])
    assert [w.code for w in pool.prepare(several, RULE, soon()).warnings] == ["first-picture"]


SLOW = hostile.bmp_of_run_lengths(1_500_000)
COSTLY = {"memory": hostile.tiff_of_strips(18_000_000), "processor": SLOW}


@pytest.mark.parametrize("name", COSTLY)
def test_what_costs_too_much_is_refused_and_its_process_replaced(
    pool: DecoderPool, name: str
) -> None:
    pool.prepare(JPEG, RULE, soon())
    before = fork_server(pool)
    with pytest.raises(TooCostly, match=r"would cost more than 512 MiB or 4 s .* to decode"):
        pool.prepare(COSTLY[name], RULE, soon())
    assert pool.prepare(JPEG, RULE, soon()).width == 600
    assert fork_server(pool) == before
    assert len(children(before)) <= decoder_pool.MODEST_PLACES


def test_a_file_on_which_a_codec_crashes_is_damaged(own: DecoderPool) -> None:
    own.prepare(JPEG, RULE, soon())
    parent = fork_server(own)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(own.prepare, SLOW, RULE, soon())
        while not answer.done():
            for pid in children(parent):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSEGV)
            time.sleep(0.01)
        with pytest.raises(Undecodable, match="damaged: its decoder crashed on it"):
            answer.result()
    assert own.prepare(JPEG, RULE, soon()).width == 600
    assert fork_server(own) == parent


def test_decoders_are_used_again(pool: DecoderPool) -> None:
    pool.prepare(JPEG, RULE, soon())
    before = children(fork_server(pool))
    for _ in range(5):
        pool.prepare(JPEG, RULE, soon())
    assert children(fork_server(pool)) == before


def test_an_idle_decoder_keeps_little_of_the_last_picture(own: DecoderPool) -> None:
    def private_mib(pid: int) -> float:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024

    own.prepare(JPEG, RULE, soon())
    (decoder,) = children(fork_server(own))
    before = private_mib(decoder)
    # The largest usual picture: 15 MB of pixels, and several times that while decoding.
    own.prepare(encoded(Image.new("RGBA", (2000, 1999)), "PNG"), RULE, soon())
    if children(fork_server(own)) == [decoder]:  # otherwise it was slow and was replaced
        assert private_mib(decoder) - before < 33


def test_many_threads_share_few_decoders(pool: DecoderPool) -> None:
    pictures = [encoded(dermatoscopic(160, 120, seed)) for seed in range(4)]
    expected = [preprocess.prepare(data, RULE).pixels for data in pictures]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda i: pool.prepare(pictures[i % 4], RULE, soon()), range(80)))
    for index, prepared in enumerate(found):
        np.testing.assert_array_equal(prepared.pixels, expected[index % 4])
    assert len(children(fork_server(pool))) <= decoder_pool.MODEST_PLACES


def test_nobody_waits_for_the_imports_of_a_format_that_others_sent(own: DecoderPool) -> None:
    own.prepare(JPEG, RULE, soon())
    starting = own._running("DICOM")._process.pid
    os.kill(starting, signal.SIGSTOP)
    with ThreadPoolExecutor(decoder_pool.MODEST_PLACES + 1) as threads:
        files = [FILES["DICOM"]] * (decoder_pool.MODEST_PLACES + 1)
        answers = [threads.submit(own.prepare, file, RULE, soon()) for file in files]
        try:
            assert own.prepare(JPEG, RULE, soon()).width == 600
            assert not any(answer.done() for answer in answers)
        finally:
            os.kill(starting, signal.SIGCONT)
        assert {answer.result().width for answer in answers} == {320}


def test_no_wait_outlives_a_pictures_budget(own: DecoderPool) -> None:
    """Neither for a fork server that does not start, nor for a decoder that does not respond."""
    own.prepare(JPEG, RULE, soon())
    (decoder,) = children(fork_server(own))
    os.kill(decoder, signal.SIGSTOP)
    with pytest.raises(Overloaded, match="took too long"):
        own.prepare(JPEG, RULE, soon(0.3))
    assert own.prepare(JPEG, RULE, soon()).width == 600
    starting = own._running("DICOM")._process.pid
    os.kill(starting, signal.SIGSTOP)
    try:
        with pytest.raises(Overloaded, match="is starting"):
            own.prepare(FILES["DICOM"], RULE, soon(0.3))
    finally:
        os.kill(starting, signal.SIGCONT)
    # It was not replaced.
    assert own.prepare(FILES["DICOM"], RULE, soon()).width == 320
    assert own._running("DICOM")._process.pid == starting


def test_a_decoder_that_was_killed_is_replaced(own: DecoderPool) -> None:
    own.prepare(JPEG, RULE, soon())
    (decoder,) = children(fork_server(own))
    os.kill(decoder, signal.SIGKILL)
    wait_until_ended(decoder)
    assert own.prepare(JPEG, RULE, soon()).width == 600


def test_a_fork_server_that_was_killed_is_replaced_and_its_decoders_end(own: DecoderPool) -> None:
    own.prepare(JPEG, RULE, soon())
    first = fork_server(own)
    left = children(first)
    os.kill(first, signal.SIGKILL)
    wait_until_ended(*left)
    assert own.prepare(JPEG, RULE, soon()).width == 600
    assert fork_server(own) != first


def test_a_picture_is_not_blamed_for_the_end_of_the_fork_server(own: DecoderPool) -> None:
    own.prepare(JPEG, RULE, soon())
    outcome: list[Problem] = []

    def post() -> None:
        try:
            own.prepare(SLOW, RULE, soon())
        except Problem as problem:
            outcome.append(problem)

    thread = threading.Thread(target=post)
    thread.start()
    # Beside the idle decoder there is one for the large picture, until it decodes.
    deadline = soon()
    while max(map(seconds_used, children(fork_server(own)))) < 0.1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(fork_server(own), signal.SIGKILL)
    thread.join(60)
    assert [type(problem) for problem in outcome] == [Overloaded]
    assert own.prepare(JPEG, RULE, soon()).width == 600


def test_without_time_left_the_decoders_are_overloaded(pool: DecoderPool) -> None:
    with pytest.raises(Overloaded):
        pool.prepare(JPEG, RULE, time.monotonic() - 1)
    with pytest.raises(Overloaded):
        pool.prepare(SLOW, RULE, soon(0.1))
    assert pool.prepare(JPEG, RULE, soon()).width == 600


def test_usual_pictures_do_not_wait_for_large_ones(pool: DecoderPool) -> None:
    """While one large picture is decoded and others wait."""
    with pool._large.enter(soon()):
        assert pool.prepare(JPEG, RULE, soon()).width == 600
        with pytest.raises(Overloaded):
            pool.prepare(FILES["large"], RULE, soon(0.2))


PROCESS = """
import os, sys, time
from pathlib import Path
from lesionlens.imaging import decoder_pool
from lesionlens.imaging.model_input import Preprocessing
data = Path('../infra/smoke.jpg').read_bytes()
decoder_pool.shared.prepare(data, Preprocessing(96), time.monotonic() + 60)
print(decoder_pool.shared._fork_servers['']._process.pid, flush=True)
{end}
"""
ENDS = {
    "itself": "",
    "by a signal": "os.kill(os.getpid(), 9)",
    "after a fork": """
if os.fork() == 0:
    # The child has decoders of its own, and leaves its parent's alone.
    decoder_pool.shared.prepare(data, Preprocessing(96), time.monotonic() + 60)
    sys.exit()
assert os.wait()[1] == 0
decoder_pool.shared.prepare(data, Preprocessing(96), time.monotonic() + 60)
""",
}


@pytest.mark.parametrize("name", ENDS)
def test_nothing_is_left_when_the_process_ends(name: str) -> None:
    done = python_program.run(PROCESS.format(end=ENDS[name]), "-W", "error")
    assert done.stderr == ""
    wait_until_ended(int(done.stdout))


AHEAD = """
import os, sys, time
from pathlib import Path
from lesionlens.imaging import fork_server
fork_server.start_ahead()
print(pid := fork_server._ahead._process.pid, flush=True)
from lesionlens.imaging import decoder_pool
from lesionlens.imaging.model_input import Preprocessing
def decoded_by():
    data = Path('../infra/smoke.jpg').read_bytes()
    decoder_pool.shared.prepare(data, Preprocessing(96), time.monotonic() + 60)
    return decoder_pool.shared._fork_servers['']._process.pid
{then}
"""
THEN = {
    "the process itself": "assert decoded_by() == pid",
    "the first fork alone": """
children = [os.fork()]
if not children[0]:
    sys.exit(decoded_by() != pid)
children.append(os.fork())
if not children[1]:
    sys.exit(decoded_by() == pid)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
assert decoded_by() != pid
""",
    "nobody": "",
    "nobody, after a fork": "os.fork() or sys.exit(); os.wait()",
}


@pytest.mark.parametrize("user", THEN)
def test_what_was_started_ahead_serves_one_process_and_ends_with_it(user: str) -> None:
    done = python_program.run(AHEAD.format(then=THEN[user]), "-W", "error")
    assert (done.stderr, done.returncode) == ("", 0)
    wait_until_ended(int(done.stdout))


def test_the_environment_is_not_handed_on(
    own: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEYS", "secret")
    own.prepare(JPEG, RULE, soon())
    environment = Path(f"/proc/{fork_server(own)}/environ").read_bytes()
    assert b"secret" not in environment
