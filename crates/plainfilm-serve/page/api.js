// Everything that is asked of the server: the token, busy answers, and errors in plain words.

import { askForToken } from './token.js';

const KEY = 'plainfilm-token';
let token = (() => { try { return sessionStorage.getItem(KEY); } catch { return null; } })();
let asking = null;

/** An answer that is an error, with a sentence for people. */
export class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const PLAIN = {
  401: 'The server wants a token.',
  413: 'This file is too large for the server.',
  415: 'This is neither a film nor a zip of films.',
};

async function problemOf(response) {
  let detail = '';
  try {
    const body = await response.json();
    detail = body.detail || body.title || '';
  } catch { /* the answer was not JSON */ }
  return new Problem(response.status, detail || PLAIN[response.status] || `The server answered with the error ${response.status}.`);
}

const pause = (seconds, signal) => new Promise((resolve, reject) => {
  const stop = () => { clearTimeout(timer); reject(signal.reason); };
  const timer = setTimeout(() => { signal?.removeEventListener('abort', stop); resolve(); }, seconds * 1000);
  signal?.addEventListener('abort', stop, { once: true });
});

/** Asks once for a token, whatever number of requests wait for it. */
async function renewToken(used) {
  if (token !== used) return token;
  asking ??= askForToken(used !== null).finally(() => { asking = null; });
  const given = await asking;
  if (!given) throw new Problem(401, PLAIN[401]);
  token = given;
  try { sessionStorage.setItem(KEY, token); } catch { /* private window: it is asked again */ }
  return token;
}

async function send(path, { signal, waiting, ...options } = {}) {
  for (;;) {
    const used = token;
    const headers = { ...options.headers, ...(used ? { Authorization: `Bearer ${used}` } : {}) };
    let response;
    try {
      response = await fetch(path, { ...options, headers, signal });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Problem(0, 'The server does not answer. Is “plainfilm serve” still running?');
    }
    if (response.ok) return response;
    if (response.status === 401) {
      await renewToken(used);
    } else if (response.status === 503 && response.headers.has('Retry-After')) {
      const seconds = Math.min(60, Math.max(0.5, Number(response.headers.get('Retry-After')) || 1));
      waiting?.(seconds);
      await pause(seconds, signal);
    } else {
      throw await problemOf(response);
    }
  }
}

const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
const post = (path, values, body, options) =>
  send(`${path}?${query(values)}`, { ...options, method: 'POST', body, headers: { 'Content-Type': 'application/octet-stream' } });

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const parts = (rest + value).split('\n');
    rest = parts.pop();
    for (const part of parts) if (part.trim()) yield JSON.parse(part);
  }
  if (rest.trim()) yield JSON.parse(rest);
}

/** One answer for a film, one after the other for a zip. */
export async function* predict(source, model, options) {
  const response = await post('/v1/predict', { model, name: source.name, thumbnail: 160 }, source.file, options);
  const stream = (response.headers.get('Content-Type') ?? '').includes('ndjson');
  try {
    if (stream) yield* lines(response.body);
    else yield await response.json();
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Problem(0, 'The answer broke off before its end.');
  }
}

export const models = async () => (await send('/v1/models')).json();
export const examples = async () => (await send('/v1/examples')).json();
export const example = async (url) => (await send(url)).blob();

const which = (film) => ({ name: film.source.name, film: film.source.zip ? film.path : undefined });
export const render = async (film, options) => (await post('/v1/render', which(film), film.source.file, options)).blob();
export const explain = async (film, model, choice, options) =>
  (await post('/v1/explain', { model, ...which(film), ...choice }, film.source.file, options)).json();
