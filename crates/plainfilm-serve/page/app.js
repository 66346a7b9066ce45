// Start, routes, and the choice of model.

import { models } from './api.js';
import { h } from './dom.js';
import { filmsView } from './films.js';
import { learnView } from './learn.js';
import { modelView } from './model.js';
import { state, use } from './state.js';

const main = document.getElementById('main');
const TITLES = { films: 'Films', model: 'Model', learn: 'Learn' };
let films = null;
let shown = null;

const build = { films: () => (films ??= filmsView()), model: modelView, learn: learnView };

function route(focus) {
  const found = /^#\/(\w+)/.exec(location.hash)?.[1];
  const view = found in TITLES ? found : 'films';
  for (const link of document.querySelectorAll('[data-view]')) {
    if (link.dataset.view === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${TITLES[view]} · plainfilm`;
  main.replaceChildren(build[view]());
  if (view !== shown) scrollTo(0, 0);
  shown = view;
  if (focus) main.focus({ preventScroll: true });
}

function picker() {
  const { models: list } = state.service;
  if (list.length < 2) return;
  const select = h('select', { id: 'model', class: 'field', onchange: () => use(select.value) },
    list.map((model) => h('option', { value: model.name }, model.name)));
  const place = document.getElementById('picker');
  place.replaceChildren(h('label', { for: 'model' }, 'Model'), select);
  place.hidden = false;
}

async function start() {
  try {
    state.service = await models();
  } catch (error) {
    main.replaceChildren(h('section', { class: 'empty' },
      h('h1', {}, 'The models could not be loaded'), h('p', {}, error.message),
      h('button', { class: 'button primary', type: 'button', onclick: start }, 'Try again')));
    return;
  }
  document.getElementById('notice').textContent = state.service.notice;
  document.getElementById('version').textContent = `plainfilm ${state.service.version}`;
  [state.model = null] = state.service.models;
  if (!state.model) {
    main.replaceChildren(h('section', { class: 'empty' },
      h('h1', {}, 'No model'), h('p', {}, 'This server was started without a model, so there is nothing to ask it.')));
    return;
  }
  picker();
  state.addEventListener('model', () => route(false));
  addEventListener('hashchange', () => route(true));
  route(false);
}

// What sticks below the header has to know how tall it is.
const top = document.querySelector('.top');
new ResizeObserver(() => document.documentElement.style.setProperty('--top', `${top.offsetHeight}px`)).observe(top);
document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
start();
