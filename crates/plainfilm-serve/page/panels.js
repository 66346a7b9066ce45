// The controls beside the film: grey levels and the heat map.

import { h, slider } from './dom.js';
import { two } from './format.js';
import { START } from './viewer.js';

const check = (label, checked, change) => {
  const input = h('input', { type: 'checkbox', checked, onchange: () => change(input.checked) });
  return { input, element: h('label', { class: 'check' }, input, label) };
};

/** Window, level, invert, reset. They stay for the next film. */
export function greyPanel(viewer) {
  const set = (values) => viewer.setGrey(values);
  const window = slider({ label: 'Window (less is more contrast)', min: 10, max: 400, step: 1, value: START.window, text: String, onchange: (value) => set({ window: value }) });
  const level = slider({ label: 'Level (less is brighter)', min: 0, max: 255, step: 1, value: START.level, text: String, onchange: (value) => set({ level: value }) });
  const invert = check('Exchange black and white', START.invert, (value) => set({ invert: value }));
  const reset = () => {
    window.set(START.window);
    level.set(START.level);
    invert.input.checked = START.invert;
    set(START);
    viewer.fit();
  };
  return h('section', { class: 'panel' }, h('h3', {}, 'View'), window.element, level.element, invert.element,
    h('button', { type: 'button', class: 'button small', onclick: reset }, 'Reset the view'));
}

/** The heat map's controls. `ask` is called when another method or label is wanted. */
export function mapPanel(viewer, model, ask) {
  let chosen = false;
  const message = h('p', { class: 'map-message quiet', role: 'status' });
  const shown = check('Show the heat map', true, (value) => viewer.setOver({ map: value }));
  const lungs = check('Show the outline of the lungs', false, (value) => viewer.setOver({ lungs: value }));
  const opacity = slider({ label: 'Opacity', min: 0, max: 100, step: 1, value: 45, text: (value) => `${value} %`, onchange: (value) => viewer.setOver({ opacity: value / 100 }) });
  const method = h('select', { id: 'map-method', class: 'field', onchange: ask }, model.methods.map(({ id, name }) => h('option', { value: id }, name)));
  const label = h('select', { id: 'map-label', class: 'field', onchange: () => { chosen = true; ask(); } }, model.labels.map((name) => h('option', {}, name)));
  const controls = h('fieldset', { class: 'map-controls' }, h('legend', { class: 'hidden' }, 'Heat map'),
    shown.element, opacity.element, lungs.element,
    h('div', { class: 'pair' },
      h('div', {}, h('label', { for: 'map-method' }, 'Method'), method),
      h('div', {}, h('label', { for: 'map-label' }, 'For the label'), label)));
  label.selectedIndex = Math.max(0, model.labels.indexOf(model.positive));
  const element = h('section', { class: 'panel' }, h('h3', {}, 'Where the network looked'), controls, message);
  const enable = (on) => { controls.disabled = !on; };
  return {
    element,
    /** What to ask for; without a label the server chooses. */
    choice: () => ({ method: method.value, label: chosen ? label.value : undefined }),
    forget() { chosen = false; },
    say(text, on) { message.textContent = text; enable(on); },
    show(answer) {
      enable(true);
      label.value = answer.label;
      lungs.input.disabled = !answer.lungs;
      const share = answer.lung_share;
      message.replaceChildren(...[
        share ? `${two(share.value)} of the map lies on the lungs; a map that is even everywhere would have ${two(share.uniform)}.` : 'No lungs were found on this film.',
        answer.note,
      ].filter(Boolean).map((text) => h('span', {}, text)));
    },
  };
}
