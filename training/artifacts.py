"""What the stages of a job leave in the folder of its run."""

# How the run was begun: its configuration, its code and libraries, and who is in which part.
CONFIG, ORIGIN, SPLIT = "config.json", "origin.json", "split.json"
# Which split was trained on: later stages compare it.
TRAINING = "training.json"
# What was trained, and its figures by epoch.
MODEL, HISTORY = "model.keras", "history.json"
# The Keras model's figures, and what is left of them where the lesion is not in training.
EVALUATION, LEAKAGE = "evaluation.json", "leakage.json"
# The exported model's figures, those of its safeguards, and a folder of all variants.
EXPORT, SAFEGUARDS, VARIANTS = "export.json", "safeguards.json", "variants"
# The exported model's figures for the model card, on the test part and on a set from elsewhere.
EVIDENCE, ELSEWHERE = "evidence.json", "elsewhere.json"
# Folders with the answers for each image: of the Keras model, and of the variant that is shipped.
KERAS_ANSWERS, ANSWERS = "answers-keras", "answers"
DISTRIBUTION, CURVES, CONFUSION, ROC, RELIABILITY = (
    f"figures/{name}.png" for name in ("distribution", "curves", "confusion", "roc", "reliability")
)
# What is published beside the model, and what the model card shows.
PUBLISHED = (DISTRIBUTION, CURVES, CONFUSION, ROC, RELIABILITY, HISTORY)
