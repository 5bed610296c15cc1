"""Training with TensorFlow does not need JAX."""

from pathlib import Path

import pytest

from tests.smoke import options
from tests.training.processes import finish, start

pytestmark = pytest.mark.slow

# Imported by Python at start-up; makes the import of JAX fail.
WITHOUT = """
import sys

class Without:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in ("jax", "jaxlib"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Without())
"""


def test_tensorflow_trains_without_jax(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(WITHOUT)
    for stage in ("split", "train"):
        finish(
            start(
                "training",
                stage,
                *options(tmp_path),
                KERAS_BACKEND="tensorflow",
                PYTHONPATH=str(site),
            )
        )
    assert (tmp_path / "run" / "model.keras").is_file()
