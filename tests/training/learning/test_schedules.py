from typing import Any

import keras
import numpy as np
import pytest
from msgspec.structs import replace

from training import config
from training.config import Stage
from training.learning import schedules

TRAINING = replace(
    config.load("smoke").training, learning_rate=1.0, warmup_epochs=0.5, decay_epochs=2.0
)
BATCHES = 10


def rates(*stages: Stage, **changes: Any) -> np.ndarray:
    training = replace(TRAINING, stages=stages, **changes)
    schedule = schedules.planned(training, BATCHES)
    steps = BATCHES * sum(stage.epochs for stage in stages)
    return np.array([float(schedule(step)) for step in range(steps + 1)])


def test_a_warm_up_a_constant_part_and_a_cosine() -> None:
    found = rates(Stage(32, 4))
    np.testing.assert_allclose(found[:6], [0, 0.2, 0.4, 0.6, 0.8, 1], atol=1e-6)
    np.testing.assert_allclose(found[5:21], 1)
    assert found[30] == pytest.approx(0.5)
    assert found[40] == pytest.approx(0, abs=1e-6)


def test_a_training_can_be_made_longer_without_changing_what_was() -> None:
    short, long = rates(Stage(32, 4)), rates(Stage(32, 6))
    np.testing.assert_array_equal(short[:20], long[:20])
    again = rates(Stage(32, 4), Stage(32, 3, restart=True))
    np.testing.assert_array_equal(short[:40], again[:40])
    np.testing.assert_allclose(again[40:46], [0, 0.2, 0.4, 0.6, 0.8, 1], atol=1e-6)
    assert again[-1] == pytest.approx(0, abs=1e-6)


def test_without_a_constant_part_it_is_the_cosine_of_keras() -> None:
    found = rates(Stage(32, 3), decay_epochs=0.0)
    expected = keras.optimizers.schedules.CosineDecay(0.0, 25, warmup_target=1.0, warmup_steps=5)
    np.testing.assert_allclose(found, [float(expected(step)) for step in range(31)], atol=1e-5)


def test_a_saved_optimizer_has_its_schedule() -> None:
    schedule = schedules.planned(TRAINING, BATCHES)
    optimizer = keras.optimizers.Adam(schedule)
    read = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    read.build([keras.Variable(np.zeros(1))])
    assert read._learning_rate.get_config() == schedule.get_config()
