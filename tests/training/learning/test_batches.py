import dataclasses

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.special import softmax

from tests.conftest import RELEASES
from training import config
from training.learning import batches, sampling
from training.learning.batches import Batches, Examples
from training.learning.cluster import ALONE, Cluster
from training.learning.teachers import Teachers

CONFIG = config.load("smoke")


def told(frames: np.ndarray, labels: np.ndarray) -> set[tuple[bytes, int]]:
    return {(frame.tobytes(), int(label)) for frame, label in zip(frames, labels, strict=True)}


def test_batches_follow_from_seed_epoch_and_index(examples: Examples) -> None:
    made = Batches(examples, CONFIG, 48, epoch=2)
    images, labels = made[1]
    assert images.shape == (CONFIG.training.batch, 48, 48, 3)
    assert labels[:, :7].sum(axis=1).tolist() == [1] * CONFIG.training.batch
    np.testing.assert_array_equal(images, Batches(examples, CONFIG, 48, epoch=2)[1][0])
    made.on_epoch_end()
    np.testing.assert_array_equal(made[1][0], Batches(examples, CONFIG, 48, epoch=3)[1][0])
    assert np.abs(made[1][0] - images).mean() > 1


def test_workers_cut_their_shares_from_the_same_batch(examples: Examples) -> None:
    whole = Batches(examples, CONFIG, 48, epoch=1)[0]
    shares = [
        Batches(examples, CONFIG, 48, 1, Cluster(("a:1", "b:1"), index))[0] for index in (0, 1)
    ]
    for found, expected in zip(zip(*shares, strict=True), whole, strict=True):
        np.testing.assert_array_equal(np.concatenate(found), expected)


def test_alone_validation_is_every_image_once(examples: Examples) -> None:
    frames, labels = batches.validation(examples, 8, 1, ALONE)
    assert frames is examples.validation_frames
    np.testing.assert_array_equal(labels[:, :7].argmax(axis=1), examples.validation_labels)


def test_padding_of_the_last_validation_batch_has_no_weight(examples: Examples) -> None:
    odd = dataclasses.replace(
        examples,
        validation_frames=examples.validation_frames[:31],
        validation_labels=examples.validation_labels[:31],
        validation_origins=examples.validation_origins[:31],
    )
    shares = [batches.validation(odd, 8, 2, Cluster(("a:1", "b:1"), index)) for index in (0, 1)]
    assert [len(frames) for frames, _, _ in shares] == [16, 16]
    frames, labels, weights = (np.concatenate(parts) for parts in zip(*shares, strict=True))
    assert np.sort(weights).tolist() == pytest.approx([0, *[32 / 31] * 31])
    real = weights > 0
    assert told(frames[real], labels[real, :7].argmax(axis=1)) == told(
        odd.validation_frames, odd.validation_labels
    )


def test_a_mixed_image_has_the_mixture_of_its_origins_priors(examples: Examples) -> None:
    """The target's origin shares are the weights of the two priors."""
    mixing = replace(CONFIG, augmentation=replace(CONFIG.augmentation, mixup=0.5))
    priors = examples.shares(CONFIG.training.sampling_power)
    priors /= priors.sum(axis=1, keepdims=True)
    _, targets = Batches(examples, mixing, 16, epoch=0)[0]
    _, log_prior, origins = np.split(targets, [7, 14], axis=1)
    assert ((origins > 0) & (origins < 1)).any()
    np.testing.assert_allclose(np.exp(log_prior), origins @ priors, rtol=1e-5)


def test_without_logit_adjustment_the_classes_of_an_origin_weigh_alike(examples: Examples) -> None:
    plain = replace(CONFIG.training, logit_adjustment=False)
    here = (examples.origins == "here") & (examples.labels > 4)
    few = dataclasses.replace(examples, positions=np.flatnonzero(here | ~(examples.labels > 4)))
    _, targets = Batches(few, replace(CONFIG, training=plain), 16, epoch=0)[0]
    there = targets[:, 15] == 1
    np.testing.assert_allclose(np.exp(targets[there, 7:12]), 1 / 5, rtol=1e-5)
    assert (targets[there, 12:14] == sampling.ABSENT).all()
    np.testing.assert_allclose(np.exp(targets[~there, 7:14]), 1 / 7, rtol=1e-5)
    counted = replace(plain, absent_share=0.1)
    _, targets = Batches(few, replace(CONFIG, training=counted), 16, epoch=0)[0]
    np.testing.assert_allclose(np.exp(targets[there, 7:12]), 0.9 / 5, rtol=1e-5)
    np.testing.assert_allclose(np.exp(targets[there, 12:14]), 0.1 / 2, rtol=1e-5)
    np.testing.assert_allclose(np.exp(targets[~there, 7:14]), 1 / 7, rtol=1e-5)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_teachers_share_in_the_labels_under_the_prior_of_the_origin(
    examples: Examples, share: float
) -> None:
    model = (RELEASES / "20261127-108d1832" / "model.tflite").read_bytes()
    teachers = Teachers([model])
    taught = replace(CONFIG, training=replace(CONFIG.training, teacher_share=share))
    images, labels = Batches(examples, taught, 48, epoch=0)[0]
    same_images, targets = Batches(examples, taught, 48, 0, teachers=teachers)[0]
    np.testing.assert_array_equal(same_images, images)
    np.testing.assert_array_equal(targets[:, 7:], labels[:, 7:])
    answers = softmax(teachers.logits(images) + labels[:, 7:14], axis=1)
    expected = (1 - share) * labels[:, :7] + share * answers
    np.testing.assert_allclose(targets[:, :7], expected, atol=1e-5)
