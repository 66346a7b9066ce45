// The table of results: sorting, filtering, and rows that follow the store.

import { h } from './dom.js';
import { FAILED, answers, deciding, kinds, remarks } from './result.js';
import { fillRow } from './row.js';
import { store } from './store.js';

// film2 comes before film10.
const collator = new Intl.Collator('en', { numeric: true });

/** `open(film, shown)` is called for a chosen row, with the films in the order shown. */
export function resultsTable(model, open) {
  const rows = new Map();
  const view = { kind: null, text: '', sort: null, down: false };
  const keys = {
    film: (film) => film.path.toLowerCase(),
    answer: (film) => answers(film, model).join(', '),
    number: (film) => deciding(film.result, model)?.value ?? -1,
    said: (film) => remarks(film)[0]?.text ?? '',
  };
  const heads = {
    film: 'Film',
    answer: 'Answer',
    number: model.findings ? 'Strongest finding' : `Probability of ${model.positive}`,
    said: 'Remarks',
  };
  const headCells = Object.entries(heads).map(([key, title]) => h('th', { scope: 'col', role: 'columnheader', class: `c-${key}` },
    h('button', { type: 'button', class: 'sort', onclick: () => sortBy(key) }, title, h('span', { class: 'arrow', 'aria-hidden': 'true' }))));
  const body = h('tbody', { role: 'rowgroup' });
  const table = h('table', { class: 'results', role: 'table' },
    h('caption', { class: 'hidden' }, 'Films and what the model says of them'),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, headCells)), body);
  const none = h('p', { class: 'quiet none', hidden: true }, 'No film fits this filter.');
  const search = h('input', { type: 'search', class: 'field', placeholder: 'Part of a name', 'aria-label': 'Show films whose name contains',
    oninput: () => { view.text = search.value.trim().toLowerCase(); arrange(); } });
  const filters = h('div', { class: 'kinds', role: 'group', 'aria-label': 'Show only' });

  function sortBy(key) {
    if (view.sort === key && view.down === (key !== 'number')) Object.assign(view, { sort: null, down: false });
    else Object.assign(view, { down: view.sort === key ? !view.down : key === 'number', sort: key });
    Object.keys(heads).forEach((name, index) => {
      if (name === view.sort) headCells[index].setAttribute('aria-sort', view.down ? 'descending' : 'ascending');
      else headCells[index].removeAttribute('aria-sort');
    });
    arrange();
  }

  const fits = (film) => (view.kind === null || answers(film, model).includes(view.kind))
    && (view.text === '' || film.path.toLowerCase().includes(view.text));

  function shown() {
    const list = store.films.filter(fits);
    if (view.sort) {
      const key = keys[view.sort];
      const sign = view.down ? -1 : 1;
      const keyed = list.map((film) => [key(film), film]);
      keyed.sort(([a], [b]) => sign * (typeof a === 'number' ? a - b : collator.compare(a, b)));
      return keyed.map(([, film]) => film);
    }
    return list;
  }

  function arrange() {
    const wanted = shown().map((film) => rows.get(film.id)).filter(Boolean);
    const focused = document.activeElement;
    // Only what differs is moved, so that a row with the focus keeps it.
    let at = body.firstElementChild;
    const keep = new Set(wanted);
    for (const row of [...body.children]) if (!keep.has(row)) { if (row === at) at = row.nextElementSibling; row.remove(); }
    at = body.firstElementChild;
    for (const row of wanted) {
      if (row === at) at = at.nextElementSibling;
      else body.insertBefore(row, at);
    }
    if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    none.hidden = wanted.length > 0 || store.films.length === 0;
    count();
  }

  function count() {
    const numbers = new Map();
    for (const film of store.films) for (const answer of answers(film, model)) numbers.set(answer, (numbers.get(answer) ?? 0) + 1);
    const entries = [[null, 'All', store.films.length], ...kinds(model).map((kind) => [kind, kind, numbers.get(kind) ?? 0])];
    const buttons = filters.querySelectorAll('button');
    entries.forEach(([kind, title, number], index) => {
      const button = buttons[index] ?? filters.appendChild(h('button', { type: 'button', class: 'kind', onclick: () => { view.kind = kind; arrange(); } },
        h('span', {}, title), h('span', { class: 'number' })));
      button.lastElementChild.textContent = number;
      button.hidden = kind === FAILED && number === 0 && view.kind !== kind;
      button.setAttribute('aria-pressed', String(view.kind === kind));
    });
  }

  let due = false;
  function later() {
    if (due) return;
    due = true;
    // With many rows, not for every answer.
    setTimeout(() => { due = false; arrange(); }, store.films.length > 100 ? 300 : 16);
  }

  function draw(film) {
    let row = rows.get(film.id);
    const focused = row?.contains(document.activeElement);
    if (!row) {
      row = h('tr', { role: 'row', onclick: () => open(film, shown()) });
      rows.set(film.id, row);
    }
    fillRow(row, film, model, (chosen) => open(chosen, shown()));
    if (focused) row.querySelector('.name').focus({ preventScroll: true });
  }

  const off = new AbortController();
  const on = (type, act) => store.addEventListener(type, ({ film }) => { act(film); later(); }, { signal: off.signal });
  on('add', draw);
  on('change', (film) => { if (rows.has(film.id)) draw(film); });
  on('remove', (film) => rows.delete(film.id));
  on('clear', () => {
    rows.clear();
    Object.assign(view, { kind: null, text: '' });
    search.value = '';
  });
  store.films.forEach(draw);
  arrange();

  return {
    filters, search, table, none,
    focus: (film) => rows.get(film.id)?.querySelector('.name')?.focus(),
    stop: () => off.abort(),
  };
}
