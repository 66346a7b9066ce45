// A probability as a small bar, with the operating point and the not-sure band. The number always stands beside it.

import { h } from './dom.js';

const percent = (value) => `${(100 * Math.min(1, Math.max(0, value))).toFixed(2)}%`;

export function bar({ value, threshold, band }) {
  return h('span', { class: `pbar ${band && value >= band.from && value <= band.to ? 'unsure' : value >= threshold ? 'yes' : 'no'}`, 'aria-hidden': 'true', vars: { '--p': percent(value) } },
    band ? h('span', { class: 'pband', vars: { '--from': percent(band.from), '--to': percent(band.to) } }) : null,
    h('span', { class: 'pfill' }),
    Number.isFinite(threshold) ? h('span', { class: 'ptick', vars: { '--t': percent(threshold) } }) : null);
}
