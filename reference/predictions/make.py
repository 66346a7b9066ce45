"""Writes tables of seeded predictions as notebooks write them, and what scikit-learn says about them.

Run with the versions in requirements.txt (Python 3.11): python make.py
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    roc_auc_score,
)

HERE = Path(__file__).parent
SEED = 20261130
# A multiple of the ten bins, so that each has as many films.
FILMS = 400
BINS = 10
THREE = ["Covid-19", "No_findings", "Pneumonia"]


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def scores(random, labels):
    """Overconfident probabilities, to nine decimals, that know something of the truth."""
    truth = random.integers(0, labels, FILMS)
    logits = random.normal(0, 1.6, (FILMS, labels))
    logits[np.arange(FILMS), truth] += 1.8
    probabilities = softmax(logits).round(9)
    return truth, probabilities


def calibration_error(truth, probabilities):
    """Of the most probable label, in bins of equally many films."""
    sure = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == truth).astype(int)
    shares, means = calibration_curve(right, sure, n_bins=BINS, strategy="quantile")
    assert len(shares) == BINS
    return float(np.abs(shares - means).mean())


def figures(truth, probabilities, positive=None):
    """Of two labels with the positive one, or of more."""
    labels = np.arange(probabilities.shape[1])
    ranked = labels if positive is None else [positive]
    one_hot = (truth[:, None] == labels).astype(int)
    called = probabilities.argmax(axis=1)
    brier = (
        float(((probabilities - one_hot) ** 2).sum(axis=1).mean())
        if positive is None
        else brier_score_loss(one_hot[:, positive], probabilities[:, positive])
    )
    return {
        "auroc": float(np.mean([roc_auc_score(one_hot[:, k], probabilities[:, k]) for k in ranked])),
        "auprc": float(np.mean([average_precision_score(one_hot[:, k], probabilities[:, k]) for k in ranked])),
        "brier": brier,
        "ece": calibration_error(truth, probabilities),
        "loss": log_loss(truth, probabilities, labels=labels),
        "accuracy": accuracy_score(truth, called),
        "confusion_matrix": confusion_matrix(truth, called, labels=labels).tolist(),
    }


def main():
    random = np.random.default_rng(SEED)
    expected = {}

    # As a Keras notebook with one sigmoid unit writes it: 0 and 1, one column of scores.
    truth, both = scores(random, 2)
    both[:, 0] = 1 - both[:, 1]
    names = [f"test/{'PNEUMONIA' if t else 'NORMAL'}/{n:04}.png" for n, t in enumerate(truth)]
    patients = random.integers(0, FILMS // 3, FILMS)
    pd.DataFrame(
        {
            "filename": names,
            "y_true": truth,
            "y_prob": both[:, 1],
            "pid": [f"p{p}" for p in patients],
            "site": random.choice(["north", "south"], FILMS),
            "sex": random.choice(["F", "M"], FILMS),
            "age": random.integers(1, 95, FILMS),
        }
    ).to_csv(HERE / "sigmoid.csv", index=False)
    expected["sigmoid.csv"] = figures(truth, both, positive=1) | {
        "patients": int(len(np.unique(patients)))
    }

    # As scikit-learn's predict_proba is written by a spreadsheet: semicolons, decimal commas, Latin-1.
    truth, three = scores(random, 3)
    frame = pd.DataFrame(three, columns=[f"prob_{label}" for label in THREE])
    frame.insert(0, "id", [f"Röntgen {n}" for n in range(FILMS)])
    frame.insert(1, "class", [THREE[t] for t in truth])
    frame.to_csv(HERE / "spreadsheet.csv", index=False, sep=";", decimal=",", encoding="latin-1")
    expected["spreadsheet.csv"] = figures(truth, three)

    # The same kind of scores as 32-bit floats in Parquet, with whole numbers as labels and as names of columns.
    truth, three = scores(random, 3)
    three = three.astype(np.float32)
    frame = pd.DataFrame({str(k): three[:, k] for k in range(3)})
    frame.insert(0, "image_id", np.arange(FILMS))
    frame.insert(1, "target", truth.astype(float))
    frame.to_parquet(HERE / "floats.parquet", index=False)
    expected["floats.parquet"] = figures(truth, three.astype(np.float64))

    text = json.dumps(expected, indent=1)
    (HERE / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
