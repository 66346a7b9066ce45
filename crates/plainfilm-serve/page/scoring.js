// Sends films to the server, three at a time, and puts the answers into the store.

import { predict } from './api.js';
import { add, change, remove, store } from './store.js';
import { bytes } from './format.js';
import { state } from './state.js';

const AT_ONCE = 3;
let waiting = [];
let running = 0;
let control = new AbortController();
let batch = 0;

/** How far it has come: files done, files in all, films of zips so far. */
export const progress = Object.assign(new EventTarget(), { done: 0, total: 0, films: 0, zips: false, cancelled: false });
const tell = () => progress.dispatchEvent(new Event('change'));
export const busy = () => !progress.cancelled && progress.done < progress.total;

/** Scores files; each is one film or one zip. */
export function score(sources) {
  if (!busy() || progress.cancelled) Object.assign(progress, { done: 0, total: 0, films: 0, zips: false, cancelled: false });
  for (const source of sources) {
    if (!store.sources.includes(source)) store.sources.push(source);
    waiting.push({ source, film: add(source, source.name) });
    progress.total += 1;
  }
  tell();
  pump();
}

/** Stops everything that has not been answered yet. */
export function cancel() {
  for (const { film } of waiting) change(film, { error: 'Cancelled before its turn.', note: null });
  waiting = [];
  progress.cancelled = true;
  batch += 1;
  control.abort();
  control = new AbortController();
  tell();
}

function pump() {
  while (running < AT_ONCE && waiting.length > 0) {
    running += 1;
    const started = batch;
    one(waiting.shift(), control.signal).finally(() => {
      running -= 1;
      if (started === batch) progress.done += 1;
      tell();
      pump();
    });
  }
}

/** A zip is known by its first bytes, whatever its name is. */
async function isZip(file) {
  try {
    const [p, k, kind] = new Uint8Array(await file.slice(0, 4).arrayBuffer());
    return p === 0x50 && k === 0x4b && (kind === 3 || kind === 5);
  } catch {
    return false; // It cannot be read; sending it says so.
  }
}

async function one({ source, film }, signal) {
  const limit = state.service.limits?.upload_bytes;
  if (limit && source.file.size > limit) {
    change(film, { error: `This file has ${bytes(source.file.size)}; the server takes ${bytes(limit)} at most.`, note: null });
    return;
  }
  source.zip ??= await isZip(source.file);
  const gone = () => !store.films.includes(film);
  let last = null;
  change(film, { note: source.zip ? 'Reading the zip.' : 'Being scored.' });
  try {
    const options = { signal, waiting: (seconds) => change(film, { note: `The server is busy. Next try in ${Math.ceil(seconds)} s.` }) };
    for await (const result of predict(source, state.model.name, options)) {
      if (gone() && !last) return;
      progress.films += 1;
      if (source.zip) {
        progress.zips = true;
        last = add(source, result.path, last ?? film);
        change(last, { result, note: null });
        tell();
      } else {
        change(film, { result, note: null });
      }
    }
    if (source.zip && last) remove(film);
    else if (source.zip) change(film, { error: 'This zip holds no films.', note: null });
  } catch (error) {
    const why = signal.aborted ? 'Cancelled.' : error.message;
    change(film, { error: last ? `${why} Only a part of the zip was scored.` : why, note: null });
  }
}
