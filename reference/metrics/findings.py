"""Writes findings.json: seeded scores of films with any number of findings and what scikit-learn says about
them, as multilabel indicators. What is unknown is left out: of a finding's column, and of the flattened
answers for micro averages.

Run with the versions in requirements.txt (Python 3.11): python findings.py
"""

import json
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, hamming_loss, roc_auc_score

# films, findings, step that probabilities are rounded to, share that is unknown
CASES = [(60, 2, None, 0.0), (150, 5, None, 0.0), (150, 5, 0.1, 0.0), (150, 18, None, 0.0), (150, 6, 0.05, 0.2)]


def figures(truth, scores, known):
    called = scores >= 0.5
    score_of = {
        "auroc": lambda t, s, c: roc_auc_score(t, s),
        "auprc": lambda t, s, c: average_precision_score(t, s),
        "f1": lambda t, s, c: f1_score(t, c),
    }
    columns = [(truth[k, i], scores[k, i], called[k, i]) for i, k in enumerate(known.T)]
    support = [t.sum() for t, _, _ in columns]
    found = {}
    for name, score in score_of.items():
        each = [score(*column) for column in columns]
        found[f"macro_{name}"] = np.mean(each)
        found[f"weighted_{name}"] = np.average(each, weights=support)
        found[f"micro_{name}"] = score(truth[known], scores[known], called[known])
    found["accuracy"] = np.mean((truth == called)[known])
    found["exact"] = np.mean(((truth == called) | ~known).all(1))
    if known.all():
        # scikit-learn's own averages are the same, where nothing is unknown.
        for average in ["macro", "micro", "weighted"]:
            assert np.isclose(found[f"{average}_auroc"], roc_auc_score(truth, scores, average=average))
            assert np.isclose(found[f"{average}_auprc"], average_precision_score(truth, scores, average=average))
            assert np.isclose(found[f"{average}_f1"], f1_score(truth, called, average=average))
        assert np.isclose(found["exact"], accuracy_score(truth, called))
        assert np.isclose(found["accuracy"], 1 - hamming_loss(truth, called))
    return {name: float(value) for name, value in found.items()}


def main():
    cases = []
    for seed, (films, findings, step, unknown) in enumerate(CASES):
        draw = np.random.default_rng(20201123 + seed)
        truth = draw.random((films, findings)) < np.linspace(0.1, 0.5, findings)
        scores = 1 / (1 + np.exp(-draw.normal(0, 1.2, truth.shape) - 1.5 * (truth - 0.5)))
        scores = np.round(scores / step) * step if step else scores
        scores = scores.round(5)
        known = draw.random(truth.shape) >= unknown
        cases.append(
            {
                # 1 present, 0 absent, -1 unknown
                "presence": np.where(known, truth.astype(int), -1).tolist(),
                "probabilities": scores.tolist(),
                "expected": figures(truth, scores, known),
            }
        )
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    Path(__file__).with_name("findings.json").write_text(f"[\n{lines}\n]\n")


main()
