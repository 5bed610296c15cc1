"""Names of the files that the stages of a job write to the run's folder."""

# Inputs of the run: configuration, code and library versions, split.
CONFIG, PROVENANCE, SPLIT = "config.json", "origin.json", "split.json"
# Hash of the split that was trained on, which later stages check.
TRAINING = "training.json"
# The trained model, and its figures by epoch.
MODEL, HISTORY = "model.keras", "history.json"
# The Keras model's figures: of both held-out parts, and by leakage from the training part.
EVALUATION, LEAKAGE = "evaluation.json", "leakage.json"
# The exported model's figures, those of its safeguards, and the folder of all variants.
EXPORT, SAFEGUARDS, VARIANTS = "export.json", "safeguards.json", "variants"
# The exported model's figures for the model card: on the test part and on an external set.
EVIDENCE, EXTERNAL = "evidence.json", "elsewhere.json"
# Folders of predictions by image: of the Keras model, and of the exported variant.
KERAS_PREDICTIONS, PREDICTIONS = "answers-keras", "answers"
DISTRIBUTION, CURVES, CONFUSION, ROC, RELIABILITY = (
    f"figures/{name}.png" for name in ("distribution", "curves", "confusion", "roc", "reliability")
)
# Published beside the model, for the model card.
PUBLISHED = (DISTRIBUTION, CURVES, CONFUSION, ROC, RELIABILITY, HISTORY)
