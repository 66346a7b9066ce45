"""Times scikit-learn with a bootstrap in Python on as many predictions as `bench-metrics speed`.

The bootstrap of plainfilm has 2,000 draws up to some 50,000 films and a jackknife of 200 groups above; here
20 draws are timed and 200 are charged, since 2,000 would take an hour. Needs numpy and scikit-learn.

    python peer.py [films]
"""

import sys
import time

import numpy as np
from sklearn import metrics

films = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
timed, charged = 20, 200
rng = np.random.default_rng(1)
truth = (rng.random(films) < 1 / 3).astype(int)
logit = np.where(truth, 1.2, -1.2) + 1.44 * rng.normal(size=films)
score = 1 / (1 + np.exp(-1.3 * logit))


def figures(truth, score):
    called = score >= 0.5
    metrics.confusion_matrix(truth, called)
    metrics.precision_recall_fscore_support(truth, called)
    return [
        metrics.accuracy_score(truth, called),
        metrics.balanced_accuracy_score(truth, called),
        metrics.roc_auc_score(truth, score),
        metrics.average_precision_score(truth, score),
        metrics.log_loss(truth, score),
        metrics.brier_score_loss(truth, score),
        metrics.cohen_kappa_score(truth, called),
        metrics.matthews_corrcoef(truth, called),
    ]


start = time.perf_counter()
figures(truth, score)
once = time.perf_counter() - start
start = time.perf_counter()
for _ in range(timed):
    drawn = rng.integers(0, films, films)
    figures(truth[drawn], score[drawn])
each = (time.perf_counter() - start) / timed
print(f"{films} films: figures once {once:.2f} s; {charged} draws about {once + charged * each:.0f} s ({each:.2f} s each, {timed} timed)")
