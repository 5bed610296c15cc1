import json

import pytest

from tests.conftest import RELEASES
from training import config
from training.config import CONFIGS


@pytest.mark.parametrize("name", [path.stem for path in CONFIGS.glob("*.toml")])
def test_every_configuration_reads_and_survives_json(name: str) -> None:
    loaded = config.load(name)
    assert loaded.name == name
    assert loaded.training.stages
    assert config.from_dict(json.loads(json.dumps(loaded.as_json()))) == loaded


@pytest.mark.parametrize("name", [path.stem for path in CONFIGS.glob("*.toml")])
def test_releases_that_a_configuration_needs_are_there(name: str) -> None:
    loaded = config.load(name)
    for version in filter(None, (loaded.start, *loaded.teachers)):
        assert (RELEASES / version / "model.tflite").is_file()


def test_overrides_are_values_as_in_toml() -> None:
    loaded = config.load("smoke", ("training.batch=4", "preprocessing.denoise = true", "seed=1"))
    assert (loaded.training.batch, loaded.preprocessing.denoise, loaded.seed) == (4, True, 1)


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("unheard", (), r"unknown configuration 'unheard'; there are .*full, .*smoke"),
        ("smoke", ("training.batch",), "is not of the form table.key=value"),
        ("smoke", ("nothing.batch=4",), "there is no table 'nothing'"),
        ("smoke", ("training.batch=four",), "override 'training.batch=four'"),
        ("smoke", ("training.speed=4",), "the configuration is wrong: .*unknown field `speed`"),
        ("smoke", ("preprocessing.sharpen=true",), "preprocessing has no 'sharpen'"),
        ("smoke", ("preprocessing.size='large'",), r"Expected `int`, got `str` .*\.size"),
        ("smoke", ("training.batch=1.5",), r"Expected `int`, got `float` .*\.training\.batch"),
        ("smoke", ("augmentation.zoom=[1.0]",), r"length 2, got 1 .*\.zoom"),
        ("smoke", ("training.stages=[{size=64}]",), r"field `epochs` .*\.stages\[0\]"),
    ],
)
def test_wrong_configurations_are_refused(
    name: str, override: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        config.load(name, override)


def test_a_missing_key_is_named() -> None:
    tree = config.load("smoke").as_json()
    del tree["augmentation"]["zoom"]
    with pytest.raises(ValueError, match=r"required field `zoom` - at `\$\.augmentation`"):
        config.from_dict(tree)
