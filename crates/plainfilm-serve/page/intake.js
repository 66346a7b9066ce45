// How films come in: dropped anywhere on the window, picked, or pasted. Folders are looked through.

import { h, icon } from './dom.js';

/** A file with its name; whether it is a zip is looked up when its turn comes. */
export const sourceOf = (file, name = file.name) => ({ file, name: name || 'pasted.png', zip: undefined });

const children = (folder) => new Promise((resolve, reject) => {
  const reader = folder.createReader();
  const all = [];
  const more = () => reader.readEntries((part) => {
    if (part.length === 0) return resolve(all);
    all.push(...part);
    return more();
  }, reject);
  more();
});

async function walk(entry, found) {
  if (entry.isDirectory) for (const child of await children(entry)) await walk(child, found);
  else if (!entry.name.startsWith('.')) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push(sourceOf(file, entry.fullPath.replace(/^\//, '')));
  }
}

async function dropped(transfer) {
  // The entries must be taken before the first await: the list is emptied after the event.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...transfer.files];
  if (!entries.some((entry) => entry.isDirectory)) return files.map((file) => sourceOf(file));
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

/** The drop zone. `take` gets the sources; `active` says whether the Films view is shown; `limits` is a sentence. */
export function intake(take, active, limits) {
  const input = h('input', { type: 'file', multiple: true, id: 'files', class: 'hidden-input' });
  input.addEventListener('change', () => {
    const files = [...input.files];
    input.value = '';
    take(files.map((file) => sourceOf(file)));
  });
  const zone = h('div', { class: 'drop' }, icon('upload'),
    h('div', { class: 'drop-words' },
      h('p', { class: 'drop-title' }, 'Drop films here, or a zip of films'),
      h('p', { class: 'quiet' }, 'Films are scored in memory and kept nowhere. You can also paste a picture.'),
      limits ? h('p', { class: 'quiet' }, limits) : null),
    h('button', { class: 'button primary', type: 'button', onclick: () => input.click() }, 'Choose files'), input);
  input.tabIndex = -1;
  input.setAttribute('aria-label', 'Films or zips of films');

  let depth = 0;
  const holdsFiles = (event) => active() && [...(event.dataTransfer?.types ?? [])].includes('Files');
  const mark = () => document.documentElement.classList.toggle('dropping', depth > 0);
  addEventListener('dragenter', (event) => { if (holdsFiles(event)) { event.preventDefault(); depth += 1; mark(); } });
  addEventListener('dragleave', (event) => { if (holdsFiles(event)) { depth = Math.max(0, depth - 1); mark(); } });
  addEventListener('dragover', (event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes('Files')) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = active() ? 'copy' : 'none';
  });
  addEventListener('drop', async (event) => {
    depth = 0;
    mark();
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    if (active()) take(await dropped(event.dataTransfer));
  });
  addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0 || !active()) return;
    event.preventDefault();
    take(files.map((file) => sourceOf(file)));
  });
  return zone;
}
