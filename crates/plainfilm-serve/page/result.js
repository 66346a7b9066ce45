// What a result means: its answer, the number that decided it, and what is to be said of the film.

const DOUBTS = {
  inverted: 'black and white are exchanged',
  blank: 'next to nothing is to be seen',
  over_cropped: 'part of the chest lies outside the film',
  rotated: 'the film lies on its side or on its head',
  collage: 'several pictures share one file',
  text_heavy: 'much text is burnt into the film',
  lateral: 'it is a view from the side',
  colour_annotated: 'somebody drew on it in colour',
};

export const NONE = 'No finding';
export const NOT_SURE = 'Not sure';
export const SET_ASIDE = 'Set aside';
export const FAILED = 'Not scored';
export const WAITING = 'Waiting';

/** Every answer that holds for a film; more than one only for a model of findings. */
export function answers(film, model) {
  const { result } = film;
  if (film.error) return [FAILED];
  if (!result) return [WAITING];
  if (result.status === 'set_aside') return [SET_ASIDE];
  if (result.label) return model.findings ? result.label.split('|') : [result.label];
  return model.findings && !result.unlike?.length && result.reason !== 'not sure' ? [NONE] : [NOT_SURE];
}

/** The kinds that one can filter by, in their order. */
export const kinds = (model) => [...model.labels, ...(model.findings ? [NONE] : []), NOT_SURE, SET_ASIDE, FAILED];

/** The probability that decides, with its threshold and its not-sure band. */
export function deciding(result, model) {
  const values = result?.probabilities;
  if (!values) return null;
  const distance = (label) => values[label] - (model.thresholds[label] ?? 0.5);
  const label = model.positive ?? Object.keys(values).reduce((best, next) => (distance(next) > distance(best) ? next : best));
  if (!Number.isFinite(values[label])) return null;
  return {
    label,
    value: values[label],
    threshold: model.thresholds[label] ?? result.threshold,
    band: label === model.positive ? model.not_sure : null,
  };
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const sentence = (text) => (/[.!?]$/.test(text) ? capital(text) : `${capital(text)}.`);

/** Sentences about one film, the gravest first: `{ grave, text }`. */
export function remarks(film) {
  const { result, error } = film;
  if (error) return [{ grave: true, text: sentence(error) }];
  if (!result) return [];
  const said = [];
  if (result.status === 'set_aside') said.push({ grave: true, text: sentence(result.reason ?? 'It could not be scored') });
  if (result.unlike?.length) said.push({ grave: true, text: `Unlike the films the model was trained on: ${result.unlike.join('; ')}.` });
  if (result.doubts?.length) {
    said.push({ grave: true, text: sentence(result.doubts.map((code) => DOUBTS[code] ?? code.replaceAll('_', ' ')).join('; ')) });
  }
  if (result.seen_in_training) said.push({ grave: true, text: 'The model was trained on this very film, so its answer proves nothing.' });
  if (result.seen_in_validation) said.push({ grave: true, text: 'The model was tuned on this very film, so its answer proves little.' });
  if (result.status === 'scored' && result.reason) {
    if (result.reason !== 'not sure') said.push({ grave: false, text: sentence(result.reason) });
    else if (!result.unlike?.length) said.push({ grave: false, text: 'The probability lies in the range where the model gives no answer.' });
  }
  return said;
}
