// What must be known before a number of this model is believed.

import { h, icon } from './dom.js';
import { interval } from './format.js';

const VERDICTS = {
  pass: ['check', 'Audit of its training films: passed.'],
  warn: ['warning', 'Audit of its training films: with warnings.'],
  fail: ['warning', 'Audit of its training films: failed.'],
};

/** The audit's verdict and its sentence. */
export function audit(model) {
  const found = model.audit;
  const [sign, title] = VERDICTS[found?.verdict] ?? ['info', 'Its training films were not audited.'];
  return h('div', { class: `callout ${found?.verdict ?? 'unknown'}` }, icon(sign),
    h('div', {}, h('strong', {}, title), ' ', found?.sentence ?? 'Nobody has looked for shortcuts in them.'));
}

/** How well it does at hospitals that it has not seen. */
export function elsewhere(model) {
  const found = model.elsewhere;
  if (!found || !Number.isFinite(found.value)) {
    return h('div', { class: 'callout unknown' }, icon('info'), h('div', {},
      h('strong', {}, 'At other hospitals: unknown.'), ' ', found?.text ?? 'It was never measured on films from elsewhere.'));
  }
  const poor = (found.low ?? found.value) < 0.6;
  return h('div', { class: `callout ${poor ? 'warn' : 'unknown'}` }, icon(poor ? 'warning' : 'info'), h('div', {},
    h('strong', {}, 'At other hospitals: AUROC ', h('span', { class: 'number' }, interval(found)), '.'),
    ` 0.50 would be guessing, 1.00 perfect.${found.low <= 0.5 ? ' So it may be no better than guessing.' : ''} `, found.text));
}

/** Both, for the top of the results; a passed audit is left to the Model view. */
export const warnings = (model) => h('section', { class: 'callouts', 'aria-label': 'Warnings of the model' },
  model.audit?.verdict === 'pass' ? null : audit(model), elsewhere(model));
