// The two drawings of the Learn view, as SVG.

import { s } from './dom.js';
import { two } from './format.js';
import { histogram } from './measures.js';

const text = (x, y, words, anchor = 'middle', rotate = 0) =>
  s('text', { x, y, 'text-anchor': anchor, transform: rotate ? `rotate(${rotate} ${x} ${y})` : null }, words);

/** The ROC curve with a point that moves. */
export function rocPlot(curve) {
  const [left, top, side] = [64, 12, 300];
  const x = (value) => left + value * side;
  const y = (value) => top + (1 - value) * side;
  const ticks = [0, 0.5, 1].flatMap((tick) => [
    s('path', { class: 'grid', d: `M${x(tick)} ${y(0)}V${y(1)}M${x(0)} ${y(tick)}H${x(1)}` }),
    text(x(tick), y(0) + 18, two(tick).replace(/0$/, '')), text(left - 8, y(tick) + 4, two(tick).replace(/0$/, ''), 'end')]);
  const point = s('circle', { class: 'point', r: 8 });
  const guide = s('path', { class: 'guide' });
  const svg = s('svg', { class: 'plot roc', viewBox: '0 0 380 360', role: 'img' }, ticks,
    s('path', { class: 'chance', d: `M${x(0)} ${y(0)}L${x(1)} ${y(1)}` }),
    s('path', { class: 'curve', d: `M${curve.points.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join('L')}` }),
    guide, point,
    text(x(0.5), 353, 'False alarms (1 − specificity)'), text(16, y(0.5), 'Found (sensitivity)', 'middle', -90));
  return {
    svg,
    move({ sensitivity, specificity }) {
      const [px, py] = [x(1 - specificity), y(sensitivity)];
      point.setAttribute('cx', px);
      point.setAttribute('cy', py);
      guide.setAttribute('d', `M${px} ${y(0)}V${py}H${x(0)}`);
      svg.setAttribute('aria-label', `ROC curve. The point is at sensitivity ${two(sensitivity)} and specificity ${two(specificity)}.`);
    },
  };
}

/** The probabilities of both kinds of films: one upwards, the other downwards, with the threshold as a line. */
export function histogramPlot(cases, positive) {
  const bins = 20;
  const [left, width, middle, tall] = [44, 476, 132, 108];
  const part = (want) => histogram(cases.filter((one) => one.positive === want).map((one) => one.probability), bins);
  const [up, down] = [part(true), part(false)];
  const most = Math.max(1, ...up, ...down);
  const x = (value) => left + value * width;
  const bars = (counts, name, sign) => counts.map((count, bin) => {
    const height = (count / most) * tall;
    return count ? s('rect', { class: name, x: x(bin / bins) + 1, width: width / bins - 2, height, y: sign > 0 ? middle - height : middle }) : null;
  });
  const line = s('path', { class: 'threshold' });
  const svg = s('svg', { class: 'plot scores', viewBox: '0 0 536 298', role: 'img' },
    bars(up, 'up', 1), bars(down, 'down', -1),
    s('path', { class: 'axis', d: `M${x(0)} ${middle}H${x(1)}` }),
    [0, 0.25, 0.5, 0.75, 1].map((tick) => text(x(tick), 266, String(tick))),
    text(left - 8, middle - tall + 8, String(most), 'end'), text(left - 8, middle + 4, '0', 'end'), text(left - 8, middle + tall, String(most), 'end'),
    text(x(0.5), 290, `Probability of ${positive}`), line);
  return {
    svg,
    move(threshold) {
      line.setAttribute('d', `M${x(threshold)} 14V250`);
      svg.setAttribute('aria-label', `Probabilities of the test films. ${positive} upwards, the others downwards, the threshold at ${two(threshold)}.`);
    },
  };
}

/** A thousand people as dots, in the order found, missed, false alarm, cleared. */
export function peoplePlot() {
  const columns = 50;
  const dots = Array.from({ length: 1000 }, (_, at) =>
    s('circle', { cx: (at % columns) * 10 + 5, cy: Math.floor(at / columns) * 10 + 5, r: 3.6 }));
  const svg = s('svg', { class: 'plot people', viewBox: `0 0 500 ${1000 / columns * 10}`, role: 'img' }, dots);
  return {
    svg,
    /** `counts` are whole numbers that make 1000 in all. */
    show(counts) {
      let at = 0;
      for (const [name, count] of Object.entries(counts)) {
        for (const end = at + count; at < end; at += 1) dots[at]?.setAttribute('class', name);
      }
      svg.setAttribute('aria-label', `Of 1000 people: ${counts.found} found, ${counts.missed} missed, ${counts.alarm} false alarms, ${counts.cleared} rightly cleared.`);
    },
  };
}
