// One row of the table of results.

import { bar } from './bar.js';
import { h } from './dom.js';
import { two } from './format.js';
import { FAILED, NONE, NOT_SURE, SET_ASIDE, WAITING, answers, deciding, remarks } from './result.js';

const CLASSES = { [NOT_SURE]: 'unsure', [SET_ASIDE]: 'aside', [FAILED]: 'aside', [WAITING]: 'waiting' };

/** Answers as small labels. */
export const chips = (film, model) => answers(film, model).map((answer) =>
  h('span', { class: `chip ${CLASSES[answer] ?? (answer === model.positive || (model.findings && answer !== NONE) ? 'positive' : 'other')}` }, answer));

/** Fills a row; its height is the same before and after the answer. */
export function fillRow(row, film, model, open) {
  const { result } = film;
  const number = deciding(result, model);
  const [first, ...more] = remarks(film);
  const name = film.path.split('/').pop();
  const folder = film.path.slice(0, film.path.length - name.length);
  row.replaceChildren(
    h('td', { class: 'c-film', role: 'cell' }, h('div', { class: 'film-cell' },
      result?.thumbnail ? h('span', { class: 'thumb' }, h('img', { src: result.thumbnail, alt: '' })) : h('span', { class: 'thumb blank' }),
      h('span', { class: 'film-name' },
        h('button', { type: 'button', class: 'name', title: film.path, onclick: (event) => { event.stopPropagation(); open(film); } }, name),
        folder ? h('span', { class: 'folder', title: folder }, folder) : null))),
    h('td', { class: 'c-answer', role: 'cell' }, chips(film, model)),
    h('td', { class: 'c-number', role: 'cell' }, number
      ? h('div', { class: 'number-cell' }, h('span', { class: 'number' }, two(number.value)), bar(number),
        model.findings ? h('span', { class: 'folder' }, number.label) : null)
      : h('span', { class: 'quiet' }, '–')),
    h('td', { class: 'c-said', role: 'cell' }, first
      ? h('div', { class: `said${first.grave ? ' grave' : ''}` }, first.text,
        more.length ? h('span', { class: 'quiet' }, ` And ${more.length} more.`) : null)
      : h('span', { class: 'quiet' }, film.note ?? 'None.')));
  row.classList.toggle('is-waiting', !result && !film.error);
}
