// The Films view: films come in, results stand in a table.

import { example, examples } from './api.js';
import { detail } from './detail.js';
import { h, legend } from './dom.js';
import { csv, download, json } from './export.js';
import { bytes, whole } from './format.js';
import { intake, sourceOf } from './intake.js';
import { busy, cancel, progress, score } from './scoring.js';
import { state } from './state.js';
import { clear, remove, store } from './store.js';
import { resultsTable } from './table.js';
import { warnings } from './warnings.js';

function exampleButtons() {
  const place = h('div', { class: 'examples' });
  const message = h('span', { class: 'quiet', role: 'status' });
  examples().then((list) => {
    if (list.length === 0) return;
    place.replaceChildren(h('span', { class: 'quiet' }, 'No film at hand? Try a drawn one:'), ...list.map(({ name, title, url }) =>
      h('button', { type: 'button', class: 'button small', onclick: async () => {
        message.textContent = '';
        try { score([sourceOf(await example(url), name)]); } catch (error) { message.textContent = error.message; }
      } }, title)), message);
  }, () => place.remove());
  return place;
}

function limits() {
  const { upload_bytes: size, films } = state.service.limits ?? {};
  return size && films ? `A file may have up to ${bytes(size)}, a zip up to ${whole(films)} films.` : null;
}

function progressLine() {
  const text = h('p', { class: 'progress-text', role: 'status' });
  const meter = h('progress', { max: 1, 'aria-label': 'Files scored' });
  const stop = h('button', { type: 'button', class: 'button small', onclick: cancel }, 'Cancel');
  const line = h('div', { class: 'progress' }, text, meter, stop);
  let timer = null;
  const show = () => {
    timer = null;
    const { done, total, films, zips, cancelled } = progress;
    meter.max = Math.max(1, total);
    meter.value = done;
    const many = zips ? `, ${whole(films)} films so far` : '';
    if (cancelled) text.textContent = `Cancelled after ${whole(done)} of ${whole(total)}.`;
    else if (busy()) text.textContent = `${whole(done)} of ${whole(total)}${many}`;
    else text.textContent = total > 0 ? `All ${whole(zips ? films : total)} done.`.replace('All 1 done', 'Done') : '';
    stop.disabled = !busy();
    line.classList.toggle('is-idle', !busy());
  };
  // Told at most three times a second, so that a screen reader can follow.
  progress.addEventListener('change', () => { timer ??= setTimeout(show, busy() ? 330 : 0); });
  show();
  return line;
}

export function filmsView() {
  const view = h('div', { class: 'films-view' });
  const active = () => view.isConnected && !document.querySelector('dialog[open]');
  const take = (sources) => { if (sources.length > 0) score(sources); };
  const warn = h('div');
  const results = h('section', { class: 'results-section', 'aria-label': 'Results', hidden: true });
  let table = null;

  const save = (extension, type, text) => download(`plainfilm-${state.model.name}.${extension}`, type, text);
  const retry = h('button', { type: 'button', class: 'button small', hidden: true, onclick: () => {
    // A zip that broke off starts anew, so what it gave so far goes.
    const again = new Set(store.films.filter((film) => film.error).map((film) => film.source));
    store.films.filter((film) => again.has(film.source)).forEach(remove);
    score([...again]);
  } }, 'Try the rest again');
  const tools = h('div', { class: 'buttons' }, retry,
    h('button', { type: 'button', class: 'button small', onclick: () => save('csv', 'text/csv', csv(store.films, state.model)) }, 'Save as CSV'),
    h('button', { type: 'button', class: 'button small', onclick: () => save('json', 'application/json', json(store.films)) }, 'Save as JSON'),
    h('button', { type: 'button', class: 'button small', onclick: () => { cancel(); clear(); } }, 'Clear'));

  function setUp() {
    table?.stop();
    table = resultsTable(state.model, (film, shown) => detail(film, shown, (last) => table.focus(last)));
    warn.replaceChildren(warnings(state.model));
    results.replaceChildren(
      h('div', { class: 'results-head' }, h('h2', {}, 'Results'), line, tools),
      h('div', { class: 'results-filter' }, table.filters, table.search),
      table.table, table.none,
      h('p', { class: 'quiet legend' }, legend('tick', 'operating point'),
        state.model.not_sure ? legend('band', 'not sure') : null, h('span', {}, state.model.operation)));
  }

  const line = progressLine();
  const shows = () => {
    results.hidden = store.films.length === 0;
    view.classList.toggle('has-films', !results.hidden);
  };
  store.addEventListener('add', shows);
  const retries = () => { retry.hidden = busy() || !store.films.some((film) => film.error); };
  progress.addEventListener('change', retries);
  store.addEventListener('clear', retries);
  store.addEventListener('clear', shows);
  state.addEventListener('model', () => {
    const again = [...store.sources];
    cancel();
    clear(true);
    setUp();
    if (again.length > 0) score(again);
  });

  setUp();
  view.append(
    h('div', { class: 'view-head' }, h('h1', {}, 'Films'),
      h('p', { class: 'lead' }, 'Give the model chest X-rays. See its answers, and whether they can be believed.')),
    h('div', { class: 'intake' }, intake(take, active, limits()), exampleButtons()), warn, results);
  return view;
}
