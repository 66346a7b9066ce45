// The Model view: what the model is, what was measured, and its card.

import { h } from './dom.js';
import { bytes, films, three, two, whole } from './format.js';
import { markdown } from './markdown.js';
import { state } from './state.js';
import { audit, elsewhere } from './warnings.js';

const percent = (value) => `${(100 * Math.min(1, Math.max(0, value))).toFixed(2)}%`;

function figure({ name, value, low, high }) {
  const known = Number.isFinite(value);
  const ranged = known && Number.isFinite(low) && Number.isFinite(high);
  const drawn = known && value >= 0 && value <= 1;
  return h('tr', {}, h('th', { scope: 'row' }, name),
    h('td', { class: 'number' }, known ? two(value) : h('span', { class: 'quiet' }, 'cannot be computed')),
    h('td', { class: 'number' }, ranged ? `${two(low)} to ${two(high)}` : ''),
    h('td', { class: 'c-interval' }, drawn ? h('span', { class: 'ibar', 'aria-hidden': 'true', vars: { '--v': percent(value) } },
      ranged ? h('span', { class: 'irange', vars: { '--low': percent(low), '--high': percent(high) } }) : null,
      h('span', { class: 'ipoint' })) : null));
}

function figures(model) {
  if (model.figures.length === 0) return h('p', { class: 'quiet' }, 'No figures are stored in this model.');
  return [
    h('p', { class: 'quiet' }, 'Measured on its own test films. The interval is the 95 % confidence interval; the bar goes from 0 to 1.'),
    h('table', { class: 'plain figures' },
      h('thead', {}, h('tr', {}, ['Figure', 'Value', 'Interval'].map((title) => h('th', { scope: 'col' }, title)),
        h('td', { class: 'c-interval' }))),
      h('tbody', {}, model.figures.map(figure))),
  ];
}

/** What it reached at each source that was left out of a training. */
function sources(model) {
  if (model.sources.length === 0) return h('p', { class: 'quiet' }, 'It was not tested at sources that were left out of training.');
  return [h('p', { class: 'quiet' }, 'The AUROC at each source by a network that was trained without it. 0.50 is guessing.'),
    h('ul', { class: 'sources' }, model.sources.map((source) => h('li', {},
      h('span', {}, source.name, ' ', h('span', { class: 'quiet' }, films(source.films))),
      h('span', { class: 'number' }, source.auroc === null ? '\u2013' : two(source.auroc)),
      h('span', { class: 'sbar', 'aria-hidden': 'true', vars: { '--w': percent(source.auroc ?? 0) } }))))];
}

const fact = (term, ...value) => h('div', {}, h('dt', {}, term), h('dd', {}, value));

export function modelView() {
  const { model } = state;
  const thresholds = Object.entries(model.thresholds).map(([label, value]) => `${label}: ${three(value)}`).join(', ');
  return h('div', { class: 'model-view' },
    h('div', { class: 'view-head' }, h('h1', {}, 'Model ', h('span', { class: 'model-name' }, model.name)),
      h('p', { class: 'lead' }, 'What it is, what was measured, and how far that can be trusted.')),
    h('section', { class: 'callouts', 'aria-label': 'Warnings of the model' }, audit(model), elsewhere(model)),
    h('div', { class: 'columns model-columns' },
      h('section', { class: 'card' }, h('h2', {}, 'Facts'), h('dl', { class: 'facts' },
        fact('Network', model.architecture),
        fact('Labels', model.labels.join(', ')),
        fact(model.findings || Object.keys(model.thresholds).length > 1 ? 'Thresholds' : 'Threshold', thresholds || 'none'),
        fact('Not sure', model.not_sure ? `from ${three(model.not_sure.from)} to ${three(model.not_sure.to)}` : 'no such range'),
        fact('How it decides', model.operation),
        fact('Heat maps', model.methods.map(({ name }) => name).join(', ') || 'none'),
        fact('Tells unlike films', model.knows_unlike ? 'yes' : 'no: it answers for any picture'),
        model.parameters === null ? null : fact('Parameters', whole(model.parameters)),
        model.bytes ? fact('Size', bytes(model.bytes)) : null)),
      h('div', { class: 'stack' },
        h('section', { class: 'card' }, h('h2', {}, 'Figures'), figures(model)),
        h('section', { class: 'card' }, h('h2', {}, 'Sources it was tested on'), sources(model)))),
    model.card ? h('section', { class: 'card prose' }, h('h2', {}, 'Its card'), markdown(model.card)) : null);
}
