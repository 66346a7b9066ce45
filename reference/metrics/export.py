"""Writes expected.json: seeded scores and what scikit-learn says about them.

Run with the versions in requirements.txt (Python 3.11): python export.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    classification_report,
    confusion_matrix,
    log_loss,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

warnings.simplefilter("ignore")  # absent labels warn, and are the point of some cases
LABELS = {
    2: ["Covid-19", "No_findings"],
    3: ["Covid-19", "No_findings", "Pneumonia"],
    5: ["a", "a rather long label name", "Ödem", "d", "e"],
}
# name, classes, films, labels that truth is drawn from, step that probabilities are rounded to
CASES = [
    ("two classes", 2, 62, [0, 1], None),
    ("two classes, positive second", 2, 62, [0, 1], None),
    ("two classes, many ties", 2, 200, [0, 1], 0.1),
    ("two classes, all tied", 2, 40, [0, 1], 1.0),
    ("two classes, three films", 2, 3, [0, 1], None),
    ("two classes, only the positive", 2, 20, [0], None),
    ("two classes, only the negative", 2, 20, [1], None),
    ("three classes", 3, 112, [0, 1, 2], None),
    ("three classes, ties", 3, 150, [0, 1, 2], 0.25),
    ("three classes, one absent", 3, 60, [0, 2], None),
    ("five classes", 5, 300, [0, 1, 2, 3, 4], None),
    ("five classes, ties", 5, 300, [0, 1, 2, 3, 4], 0.2),
    ("five classes, two films", 5, 2, [1, 3], None),
]


def number(value):
    return float(value) if np.isfinite(value) else None


def calibration_error(truth, probabilities, bins=10):
    """Guo et al. 2017, equation 3, with bins (lower, upper]; scikit-learn has none."""
    confidence, predicted = probabilities.max(1), probabilities.argmax(1)
    total = 0.0
    for index in range(bins):
        inside = (confidence > index / bins) & (confidence <= (index + 1) / bins)
        if inside.any():
            gap = (predicted == truth)[inside].mean() - confidence[inside].mean()
            total += inside.mean() * abs(gap)
    return total


def make(seed, name, classes, films, present, step):
    draw = np.random.default_rng(seed)
    truth = draw.choice(present, films, p=np.arange(1, len(present) + 1) / sum(range(len(present) + 1)))
    truth[: len(present)] = present[:films]
    logits = draw.normal(0, 1.5, (films, classes))
    logits[np.arange(films), truth] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    if step:
        # A grid of probabilities, still summing to 1: what is left over goes to the last class.
        probabilities = np.floor(probabilities / step) * step
        probabilities[:, -1] = 1 - probabilities[:, :-1].sum(1)
    probabilities = np.clip(probabilities.round(12), 0, 1)
    positive = 1 if "positive second" in name else 0
    return case(name, LABELS[classes], positive, truth, probabilities)


def case(name, labels, positive, truth, probabilities):
    classes = np.arange(len(labels))
    predicted = probabilities.argmax(1)
    onehot = truth[:, None] == classes
    absent = [c for c in classes if not onehot[:, c].any()]
    binary = len(labels) == 2
    y, score = onehot[:, positive], probabilities[:, positive]
    if binary:
        auroc = roc_auc_score(y, score) if 0 < y.sum() < len(y) else np.nan
        auprc = average_precision_score(y, score) if y.any() else np.nan
        brier = brier_score_loss(y, score)
    else:
        auroc = np.nan if absent else roc_auc_score(truth, probabilities, multi_class="ovr", labels=classes)
        auprc = np.nan if absent else average_precision_score(onehot, probabilities, average="macro")
        brier = brier_score_loss(truth, probabilities, labels=classes)
    matrix = confusion_matrix(truth, predicted, labels=classes)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=classes, zero_division=np.nan
    )
    specificity = []
    for c in classes:
        negatives = (~onehot[:, c]).sum()
        specificity.append(((predicted != c) & ~onehot[:, c]).sum() / negatives if negatives else np.nan)
    text = classification_report(
        truth, predicted, labels=classes, target_names=labels, zero_division=np.nan
    )
    curves = {"roc": None, "precision_recall": None}
    if 0 < y.sum() < len(y):
        fpr, tpr, thresholds = roc_curve(y, score)
        curves["roc"] = [fpr.tolist(), tpr.tolist(), thresholds[1:].tolist()]
    if y.any():
        p, r, thresholds = precision_recall_curve(y, score)
        curves["precision_recall"] = [p.tolist(), r.tolist(), thresholds.tolist()]
    return {
        "name": name,
        "labels": labels,
        "positive": positive,
        "truth": truth.tolist(),
        "probabilities": probabilities.tolist(),
        "n": len(truth),
        "loss": number(log_loss(truth, probabilities, labels=classes)),
        "accuracy": number(accuracy_score(truth, predicted)),
        "balanced_accuracy": number(balanced_accuracy_score(truth, predicted)),
        "auroc": number(auroc),
        "auprc": number(auprc),
        "brier": number(brier),
        "ece": number(calibration_error(truth, probabilities)),
        "confusion_matrix": matrix.tolist(),
        "per_label": [
            {
                "sensitivity": number(recall[c]),
                "specificity": number(specificity[c]),
                "precision": number(precision[c]),
                "f1": number(f1[c]),
                "support": int(support[c]),
            }
            for c in classes
        ],
        "classification_report": text.replace("nan", "n/a"),
        **curves,
    }


def main():
    cases = [make(20200428 + i, *row) for i, row in enumerate(CASES)]
    # Certain and right, certain and wrong: what clipping is for.
    certain = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    cases.append(case("certain films", LABELS[2], 0, np.array([0, 1, 1, 0]), certain))
    text = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in cases)
    Path(__file__).with_name("expected.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
