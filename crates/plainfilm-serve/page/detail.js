// One film in a dialog: the viewer, its controls, the answer, and the way to the films beside it.

import { explain, render } from './api.js';
import { answerSection } from './answer.js';
import { h, icon } from './dom.js';
import { gestures } from './gestures.js';
import { greyPanel, mapPanel } from './panels.js';
import { state } from './state.js';
import { store } from './store.js';
import { Viewer } from './viewer.js';

async function picture(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

const iconButton = (name, label, onclick) => h('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label, onclick }, icon(name));

/** Opens the dialog for a film of the list; `closed` gets the film shown last. */
export function detail(first, list, closed) {
  const { model } = state;
  let film = first;
  let control = new AbortController();
  let exact = false;

  const canvas = h('canvas');
  const message = h('p', { class: 'stage-message', role: 'status' });
  const viewer = new Viewer(canvas);
  const stage = h('div', { class: 'stage', tabindex: 0, autofocus: true, role: 'application', 'aria-label': 'Film. Plus and minus zoom, arrows move, 0 resets, page up and page down change the film.' },
    canvas, message,
    h('div', { class: 'stage-tools' }, iconButton('plus', 'Larger', () => viewer.zoomBy(1.4)),
      iconButton('minus', 'Smaller', () => viewer.zoomBy(1 / 1.4)), iconButton('fit', 'Fit', () => viewer.fit())));
  const map = mapPanel(viewer, model, () => loadMap(control.signal));
  const answer = h('div', {});
  const title = h('h2', { id: 'detail-title' });
  const where = h('p', { class: 'quiet' });
  const previous = iconButton('previous', 'Previous film', () => turn(-1));
  const next = iconButton('next', 'Next film', () => turn(1));
  const dialog = h('dialog', { class: 'detail', 'aria-labelledby': 'detail-title' },
    h('div', { class: 'detail-head' }, h('div', { class: 'buttons' }, previous, next),
      h('div', { class: 'detail-title' }, title, where), iconButton('close', 'Close', () => dialog.close())),
    h('p', { class: 'notice', role: 'note' }, state.service.notice),
    h('div', { class: 'detail-body' }, stage, h('div', { class: 'side' }, answer, map.element, greyPanel(viewer))));

  function turn(step) {
    const at = list.indexOf(film) + step;
    if (at >= 0 && at < list.length) show(list[at]);
  }

  let asked = 0;
  let waitsForMap = false;
  async function loadMap(signal) {
    const mine = ++asked;
    const now = () => mine === asked && !signal.aborted;
    map.say('Drawing the heat map.', true);
    viewer.setOverlay(null, null);
    try {
      const given = await explain(film, model.name, map.choice(), { signal, waiting: () => now() && map.say('The server is busy. Trying again soon.', true) });
      const [base, over] = await Promise.all([picture(given.film), picture(given.map)]);
      if (!now()) return;
      exact = true;
      message.textContent = '';
      viewer.setFilm(base);
      viewer.setOverlay(over, given.lungs);
      map.show(given);
    } catch (error) {
      if (now()) map.say(`There is no heat map. ${error.message}`, true);
    }
  }

  async function loadFilm(signal) {
    message.textContent = 'Loading the film.';
    try {
      const url = URL.createObjectURL(await render(film, { signal }));
      const image = await picture(url).finally(() => URL.revokeObjectURL(url));
      // The picture that belongs to the heat map may have been quicker.
      if (signal.aborted || exact) return;
      message.textContent = '';
      viewer.setFilm(image);
    } catch (error) {
      if (!signal.aborted && !exact) message.textContent = `This film cannot be shown. ${error.message}`;
    }
  }

  const fill = () => answer.replaceChildren(answerSection(film, model));

  async function show(chosen) {
    control.abort();
    control = new AbortController();
    const { signal } = control;
    film = chosen;
    exact = false;
    const at = list.indexOf(film);
    title.textContent = film.path;
    title.title = film.path;
    where.textContent = `Film ${at + 1} of ${list.length}`;
    const focused = document.activeElement;
    previous.disabled = at <= 0;
    next.disabled = at >= list.length - 1;
    if (focused?.disabled) stage.focus();
    viewer.clear();
    map.forget();
    fill();
    map.say(film.result ? '' : 'The heat map comes when the film has been scored.', false);
    if (film.source.zip && !film.result) {
      message.textContent = 'This is a zip, not a film.';
      return;
    }
    waitsForMap = false;
    await loadFilm(signal);
    if (signal.aborted) return;
    waitsForMap = true;
    mapIfScored(signal);
  }

  function mapIfScored(signal) {
    if (film.result?.status === 'scored' && model.methods.length > 0) {
      waitsForMap = false;
      loadMap(signal);
    } else if (film.result?.status === 'scored') map.say('This model has no heat maps.', false);
    else if (film.result || film.error) map.say('There is no heat map, as the film was not scored.', false);
  }

  const changed = ({ film: other }) => {
    if (other !== film) return;
    fill();
    if (film.result && waitsForMap) mapIfScored(control.signal);
  };
  store.addEventListener('change', changed);
  dialog.addEventListener('close', () => {
    control.abort();
    store.removeEventListener('change', changed);
    viewer.stop();
    dialog.remove();
    closed(film);
  });
  gestures(stage, viewer, turn);
  document.body.append(dialog);
  dialog.showModal();
  show(film);
}
