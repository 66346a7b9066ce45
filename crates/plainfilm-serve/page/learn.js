// The Learn view: what a threshold does, tried out on the model's own test films.

import { h, legend, slider } from './dom.js';
import { films, three, two } from './format.js';
import { confusion, roc, thousand } from './measures.js';
import { histogramPlot, peoplePlot, rocPlot } from './plots.js';
import { state } from './state.js';

const SHARES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const percent = (share) => `${Number((share * 100).toFixed(1))} %`;

const head = () => h('div', { class: 'view-head' }, h('h1', {}, 'What does the threshold do?'),
  h('p', { class: 'lead' }, 'A network gives a probability. Somebody has to choose from where on it means “yes”.'));

function matrix(positive) {
  const cell = (name, title, tone) => {
    const number = h('span', { class: 'number big' });
    return { name, number, element: h('td', { class: tone }, number, h('span', { class: 'quiet' }, title)) };
  };
  const tp = cell('tp', 'found', 'right');
  const fn = cell('fn', 'missed', 'wrong');
  const fp = cell('fp', 'false alarm', 'wrong');
  const tn = cell('tn', 'rightly cleared', 'right');
  const element = h('table', { class: 'matrix' }, h('caption', {}, 'Films of the test set, counted'),
    h('thead', {}, h('tr', {}, h('td', {}), h('th', { scope: 'col' }, 'Model says yes'), h('th', { scope: 'col' }, 'Model says no'))),
    h('tbody', {}, h('tr', {}, h('th', { scope: 'row' }, `Truly ${positive}`), tp.element, fn.element),
      h('tr', {}, h('th', { scope: 'row' }, 'Truly not'), fp.element, tn.element)));
  return { element, show: (counts) => [tp, fn, fp, tn].forEach(({ name, number }) => { number.textContent = counts[name]; }) };
}

function measure(title, words) {
  const number = h('dd', { class: 'number big' });
  const counted = h('span', { class: 'quiet number' });
  return {
    element: h('div', { class: 'measure' }, h('dt', {}, title), number, h('dd', {}, counted), h('dd', { class: 'quiet' }, words)),
    show(value, part, all) {
      number.textContent = Number.isFinite(value) ? two(value) : '–';
      counted.textContent = all === undefined ? '' : `${part} of ${all}`;
    },
  };
}

export function learnView() {
  const { model } = state;
  const stored = model.test_predictions;
  const at = model.labels.indexOf(model.positive);
  if (!stored?.truth?.length || at < 0) {
    return h('div', { class: 'learn-view' }, head(), h('section', { class: 'card empty' },
      h('h2', {}, 'Nothing to try out here'),
      h('p', {}, model.findings
        ? 'This model asks several questions at once, each with a threshold of its own. This page can show only one.'
        : 'This model file holds no predictions of its test films, so there is nothing to draw.'),
      state.service.models.length > 1 ? h('p', {}, 'Choose another model above.') : null));
  }

  const cases = stored.truth.map((truth, index) => ({ positive: truth === at, probability: stored.probability[index] }));
  const own = model.thresholds[model.positive] ?? 0.5;
  const positives = cases.filter((one) => one.positive).length;
  const curve = roc(cases);
  const plot = rocPlot(curve);
  const scores = histogramPlot(cases, model.positive);
  const table = matrix(model.positive);
  const sensitivity = measure('Sensitivity', `Of the films with ${model.positive}: the share that is found.`);
  const specificity = measure('Specificity', 'Of the other films: the share that is rightly cleared.');
  const accuracy = measure('Accuracy', 'Of all films: the share that is right. It hides which kind of error is made.');
  const ppv = measure('Right when it says yes (PPV)', 'Of all who get a yes: the share who have it.');
  const npv = measure('Right when it says no (NPV)', 'Of all who get a no: the share who do not.');
  const crowd = peoplePlot();
  const key = Object.entries({ found: 'found', missed: 'missed', alarm: 'false alarms', cleared: 'rightly cleared' }).map(([name, words]) => {
    const number = h('span', { class: 'number' });
    return { name, number, element: legend(name, number, ` ${words}`) };
  });
  let now = null;
  let prevalence = SHARES[3];

  const showPeople = () => {
    const group = thousand(prevalence, now);
    ppv.show(group.ppv);
    npv.show(group.npv);
    // Rounded so that the four make a thousand.
    const [sick, found, alarm] = [group.sick, group.tp, group.fp].map(Math.round);
    const counts = { found, missed: sick - found, alarm, cleared: 1000 - sick - alarm };
    crowd.show(counts);
    for (const { name, number } of key) number.textContent = counts[name];
  };
  const show = (threshold) => {
    now = confusion(cases, threshold);
    table.show(now);
    sensitivity.show(now.sensitivity, now.tp, now.tp + now.fn);
    specificity.show(now.specificity, now.tn, now.tn + now.fp);
    accuracy.show(now.accuracy, now.tp + now.tn, cases.length);
    plot.move(now);
    scores.move(threshold);
    showPeople();
  };
  const threshold = slider({ label: 'Threshold', min: 0, max: 1, step: 0.001, value: own, text: three, onchange: show });
  const share = slider({ label: `How many people have ${model.positive}`, min: 0, max: SHARES.length - 1, step: 1, value: 3,
    text: (index) => percent(SHARES[index]), onchange: (index) => { prevalence = SHARES[index]; showPeople(); } });
  show(own);

  return h('div', { class: 'learn-view' }, head(),
    h('div', { class: 'card control' }, threshold.element,
      h('button', { type: 'button', class: 'button small', onclick: () => { threshold.set(own); show(own); } }, `Back to the model’s own, ${three(own)}`)),
    h('div', { class: 'columns learn-columns' },
      h('section', { class: 'card' }, h('h2', {}, 'The test films'), scores.svg,
        h('p', { class: 'quiet legend' }, legend('up', `${model.positive}, ${films(positives)}`),
          legend('down', `the others, ${films(cases.length - positives)}`)),
        h('p', {}, 'Everything to the right of the line gets a “yes”. Where both colours overlap, every line makes errors.')),
      h('section', { class: 'card' }, h('h2', {}, 'Right and wrong'), table.element,
        h('dl', { class: 'measures' }, sensitivity.element, specificity.element, accuracy.element),
        h('p', {}, 'A lower threshold finds more and alarms more. A higher one does the opposite.')),
      h('section', { class: 'card' }, h('h2', {}, 'The ROC curve'), plot.svg,
        h('p', {}, 'The curve holds every threshold; yours is the point. The area under it, the AUROC, is ',
          h('span', { class: 'number' }, two(curve.area)), `: the chance that a film with ${model.positive} scores higher than one without. 0.50 is guessing.`)),
      h('section', { class: 'card' }, h('h2', {}, 'And in a group of people?'), share.element, crowd.svg,
        h('p', { class: 'quiet legend' }, 'Of 1000 people:', key.map((entry) => entry.element)),
        h('dl', { class: 'measures' }, ppv.element, npv.element),
        h('p', {}, 'The rarer the disease, the more of the alarms are false, however good the model is.'))),
    h('p', { class: 'quiet' }, 'These are the model’s own test films, counted one by one. The range in which the model says “not sure” is left out here. At another hospital every number may differ.'));
}
