// The results as CSV and JSON files.

/** A CSV cell. A text that a spreadsheet would run as a formula gets an apostrophe. */
export function cell(value) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The table as CSV: path, status, label, one column a label, threshold, reason. */
export function csv(films, model) {
  const rows = [['path', 'status', 'label', ...model.labels, 'threshold', 'reason']];
  for (const { path, result, error } of films) {
    if (result) {
      rows.push([result.path, result.status, result.label, ...model.labels.map((label) => result.probabilities?.[label]),
        result.threshold, [result.reason, ...(result.unlike ?? [])].filter(Boolean).join('; ')]);
    } else if (error) {
      rows.push([path, 'not_scored', null, ...model.labels.map(() => null), null, error]);
    }
  }
  return `${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
}

/** The server's objects as they came, without the thumbnails. */
export const json = (films) => `${JSON.stringify(
  films.filter((film) => film.result).map(({ result: { thumbnail, ...rest } }) => rest), null, 2)}\n`;

/** Hands a text to the browser as a download. */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
