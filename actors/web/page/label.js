// label.js - a person's own words for an address.
import { html } from 'lit-html';

import { lapse } from './copy.js';
import { dialog } from './dialogs.js';
import { act, busy, button, field, forget_doing, given, outcome } from './parts.js';
import { state } from './state.js';

const LABEL_MAX = 100;

function edit(address) {
  const wallet = state.wallet;
  forget_doing('label');
  return dialog(
    ({ close, title }) =>
      html`<form
        @submit=${act('label', async (event) => {
          await wallet.set_label({ id: address.id, label: given(event).label.trim() });
          lapse('money');
          close();
        })}
      >
        <h2 id=${title}>Label</h2>
        <p class="mono">${address.text}</p>
        ${field('label-text', 'What it is for', html`<input id="label-text" name="label" maxlength=${LABEL_MAX} value=${address.label}
          autocomplete="off" />`)}
        ${outcome('label')}
        <div class="ends">
          <button type="button" @click=${() => close()}>Cancel</button><button class="main" aria-busy=${busy('label')}>Save</button>
        </div>
      </form>`,
  );
}

// The label, and a button to change it.
export function labelled(address) {
  return html`<span class="row"
    >${address.label ? html`<span>${address.label}</span>` : ''}${button(
      `label ${address.id}`,
      html`${address.label ? 'Edit' : 'Add a label'}<span class="unseen"> of ${address.text}</span>`,
      () => edit(address),
      'plain slim',
    )}</span
  >`;
}
