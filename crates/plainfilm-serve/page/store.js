// The films of this visit. They live in the page's memory and nowhere else.

let next = 1;

/** Films in the order in which they came, with an event for every change. */
export const store = Object.assign(new EventTarget(), { films: [], sources: [] });

const tell = (type, film) => store.dispatchEvent(Object.assign(new Event(type), { film }));

/** Adds a film of a source, right behind `after` when that is given. */
export function add(source, path, after) {
  const film = { id: next++, source, path, result: null, error: null, note: 'Waiting for its turn.' };
  const at = after ? store.films.indexOf(after) + 1 : 0;
  if (at > 0) store.films.splice(at, 0, film);
  else store.films.push(film);
  tell('add', film);
  return film;
}

/** Changes a film and lets the table know. */
export function change(film, values) {
  Object.assign(film, values);
  tell('change', film);
}

/** Takes a film away. */
export function remove(film) {
  const at = store.films.indexOf(film);
  if (at < 0) return;
  store.films.splice(at, 1);
  tell('remove', film);
}

/** Forgets the films; the files too, unless they are to be scored again. */
export function clear(keepSources) {
  store.films.length = 0;
  if (!keepSources) store.sources.length = 0;
  tell('clear');
}
