// The dialog that asks for the server's token.

import { h } from './dom.js';

/** Resolves to the token, or to null when the dialog is closed without one. */
export function askForToken(rejected) {
  return new Promise((resolve) => {
    const input = h('input', { type: 'password', id: 'token', autocomplete: 'off', required: true, class: 'field' });
    const form = h('form', { method: 'dialog' },
      h('h2', { id: 'token-title' }, 'A token is needed'),
      h('p', {}, rejected ? 'The server did not accept that token.' : 'This server answers only those who know its token.',
        ' “plainfilm serve” printed it when it started.'),
      h('label', { for: 'token' }, 'Token'), input,
      h('div', { class: 'buttons' },
        h('button', { class: 'button primary', value: 'ok' }, 'Go on'),
        h('button', { class: 'button', type: 'button', onclick: () => dialog.close('') }, 'Cancel')));
    const dialog = h('dialog', { class: 'small-dialog', 'aria-labelledby': 'token-title' }, form);
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'ok' ? input.value.trim() : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
