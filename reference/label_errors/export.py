"""Writes expected.json: what cleanlab makes of small seeded probabilities.

Run with the versions in requirements.txt (Python 3.11): python export.py
"""

import json
from pathlib import Path

import numpy as np
from cleanlab.count import compute_confident_joint, get_confident_thresholds, num_label_issues
from cleanlab.filter import find_label_issues

SEED = 20210414


def draw(rng, films, classes, skill, wrong):
    """Labels of which a share is wrong, and the probabilities of a model with some skill."""
    prior = rng.dirichlet(np.full(classes, 5.0))
    truth = rng.choice(classes, films, p=prior)
    scores = rng.normal(size=(films, classes))
    scores[np.arange(films), truth] += skill
    scores += np.log(prior)
    probabilities = np.exp(scores)
    probabilities = np.round(probabilities / probabilities.sum(axis=1, keepdims=True), 6)
    probabilities[:, -1] = 1 - probabilities[:, :-1].sum(axis=1)
    moved = rng.random(films) < wrong
    given = np.where(moved, (truth + rng.integers(1, classes, films)) % classes, truth)
    return given, probabilities


def rules_agree(given, probabilities):
    """Where a film reaches several thresholds, the paper takes the most probable of those, cleanlab the most probable
    of all labels: no film of a case may differ in this."""
    reached = probabilities >= get_confident_thresholds(given, probabilities) - 1e-6
    paper = np.where(reached, probabilities, -1).argmax(axis=1)
    several = reached.sum(axis=1) > 1
    return (paper == probabilities.argmax(axis=1))[several].all()


def cases(rng):
    for films, classes, skill, wrong in [
        (60, 2, 3.0, 0.05),
        (90, 2, 1.0, 0.2),
        (80, 2, 0.0, 0.0),
        (90, 3, 3.0, 0.1),
        (90, 3, 1.0, 0.3),
        (100, 4, 2.0, 0.1),
    ]:
        while True:
            given, probabilities = draw(rng, films, classes, skill, wrong)
            if len(np.unique(given)) == classes and rules_agree(given, probabilities):
                break
        yield {
            "given": given.tolist(),
            "probabilities": probabilities.tolist(),
            "thresholds": get_confident_thresholds(given, probabilities).tolist(),
            "confident_joint": compute_confident_joint(given, probabilities, calibrate=False).tolist(),
            "calibrated_joint": compute_confident_joint(given, probabilities).tolist(),
            "wrong": int(num_label_issues(given, probabilities, estimation_method="off_diagonal_calibrated")),
            "suspects": find_label_issues(
                given,
                probabilities,
                filter_by="prune_by_noise_rate",
                return_indices_ranked_by="normalized_margin",
                n_jobs=1,
            ).tolist(),
        }


if __name__ == "__main__":
    found = list(cases(np.random.default_rng(SEED)))
    Path(__file__).with_name("expected.json").write_text(json.dumps({"cases": found}) + "\n")
