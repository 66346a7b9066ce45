// The answer for one film in full: probabilities, operating point, reasons.

import { bar } from './bar.js';
import { h } from './dom.js';
import { three, two } from './format.js';
import { deciding, remarks } from './result.js';
import { chips } from './row.js';

function probabilities(result, model) {
  const main = deciding(result, model);
  return h('div', { class: 'probabilities' }, Object.entries(result.probabilities).map(([label, value]) => {
    const threshold = model.findings ? model.thresholds[label] : label === main?.label ? main.threshold : undefined;
    return h('div', { class: 'probability' }, h('span', { class: 'probability-label' }, label),
      bar({ value, threshold, band: label === main?.label ? main.band : null }),
      h('span', { class: 'number' }, three(value)),
      model.findings && Number.isFinite(threshold) ? h('span', { class: 'quiet' }, `counts as found from ${three(threshold)} on`) : null);
  }));
}

/** The section for the side panel. */
export function answerSection(film, model) {
  const { result } = film;
  const said = remarks(film);
  return h('section', { class: 'panel' },
    h('h3', {}, 'Answer'),
    h('p', { class: 'answer-chips' }, chips(film, model)),
    film.note ? h('p', { class: 'quiet' }, film.note) : null,
    said.length > 0 ? h('ul', { class: 'said-list' }, said.map(({ grave, text }) => h('li', { class: grave ? 'grave' : '' }, text))) : null,
    result?.probabilities ? [
      probabilities(result, model),
      h('p', { class: 'quiet' }, model.operation, '.'),
    ] : null,
    Number.isFinite(result?.distance) ? h('p', { class: 'quiet' },
      'Distance from the training films: ', h('span', { class: 'number' }, two(result.distance)), '. Beyond 1.00 a film is unlike them.') : null,
    result?.status === 'scored' && model.audit?.verdict === 'fail'
      ? h('p', { class: 'said grave' }, 'The audit of this model failed. Do not take this number at its word.') : null);
}
