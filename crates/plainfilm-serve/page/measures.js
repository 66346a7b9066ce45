// The arithmetic behind the Learn view.

const ratio = (part, all) => (all > 0 ? part / all : NaN);

/** What a threshold does: `cases` are `{ positive, probability }`. */
export function confusion(cases, threshold) {
  const table = { tp: 0, fp: 0, fn: 0, tn: 0 };
  for (const { positive, probability } of cases) {
    const yes = probability >= threshold;
    table[positive ? (yes ? 'tp' : 'fn') : yes ? 'fp' : 'tn'] += 1;
  }
  const { tp, fp, fn, tn } = table;
  return { ...table, sensitivity: ratio(tp, tp + fn), specificity: ratio(tn, tn + fp), accuracy: ratio(tp + tn, cases.length) };
}

/** The ROC curve's corners as [1 - specificity, sensitivity], and the area under it. */
export function roc(cases) {
  const sorted = [...cases].sort((a, b) => b.probability - a.probability);
  const positives = sorted.filter((one) => one.positive).length;
  const negatives = sorted.length - positives;
  const points = [[0, 0]];
  let [tp, fp, area] = [0, 0, 0];
  for (let at = 0; at < sorted.length;) {
    const { probability } = sorted[at];
    const [before, beforeFp] = [tp, fp];
    for (; at < sorted.length && sorted[at].probability === probability; at += 1) {
      if (sorted[at].positive) tp += 1;
      else fp += 1;
    }
    area += ((fp - beforeFp) * (tp + before)) / 2;
    points.push([ratio(fp, negatives), ratio(tp, positives)]);
  }
  return { points, area: ratio(area, positives * negatives) };
}

/** Of 1000 people of whom a share has the disease: who gets a yes, rightly and wrongly. */
export function thousand(prevalence, { sensitivity, specificity }) {
  const sick = 1000 * prevalence;
  const [tp, fp] = [sick * sensitivity, (1000 - sick) * (1 - specificity)];
  const [fn, tn] = [sick - tp, 1000 - sick - fp];
  return { sick, tp, fp, fn, tn, ppv: ratio(tp, tp + fp), npv: ratio(tn, tn + fn) };
}

/** How many probabilities lie in each of `bins` equal parts of 0 to 1. */
export function histogram(values, bins) {
  const counts = new Array(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.max(0, Math.floor(value * bins)))] += 1;
  return counts;
}
