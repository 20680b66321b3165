// dialogs.js - what a person is asked before something goes on. Each is a <dialog>, which keeps the focus and gives it back.
import { html, nothing, render } from 'lit-html';

import { wallet_locked } from '../web/wallet.js';
import { act, busy, Cancelled, choices, field, forget_doing, given, outcome } from './parts.js';
import { state } from './state.js';
import { is } from './words.js';

const PASSPHRASE_MAX = 1024;
const open = new Set();
let count = 0;

// What changed may be shown in one.
export const draw_dialogs = () => open.forEach((redraw) => redraw());

// draw({ close, title }) makes the content: `title` is what the heading's id must be. Promises what close() was given; undefined: it was
// closed otherwise.
export function dialog(draw) {
  return new Promise((resolve) => {
    const element = document.createElement('dialog');
    const title = `dialog-${++count}`;
    let value;
    const close = (result) => {
      value = result;
      element.close();
    };
    const redraw = () => render(draw({ close, title }), element);
    element.setAttribute('aria-labelledby', title);
    element.addEventListener('close', () => {
      open.delete(redraw);
      element.remove();
      resolve(value);
    });
    open.add(redraw);
    document.body.append(element);
    redraw();
    element.showModal();
  });
}

// True: the person agrees.
export function confirm({ heading, text, yes, danger = false }) {
  return dialog(
    ({ close, title }) =>
      html`<div class="stack">
        <h2 id=${title}>${heading}</h2>
        <p>${text}</p>
        <div class="ends">
          <button type="button" @click=${() => close(false)}>Cancel</button>
          <button type="button" class=${danger ? 'danger' : 'main'} @click=${() => close(true)}>${yes}</button>
        </div>
      </div>`,
  );
}

export async function agreed(question) {
  if (!(await confirm(question))) {
    throw new Cancelled();
  }
}

export function passphrase_input(id, name, { fresh = false, required = true } = {}) {
  return html`<input
    id=${id}
    name=${name}
    type="password"
    maxlength=${PASSPHRASE_MAX}
    ?required=${required}
    autocomplete=${fresh ? 'new-password' : 'current-password'}
    autocapitalize="none"
    spellcheck="false"
  />`;
}

// ---- unlocking ---------------------------------------------------------------------------------------------------------------

const TIMES = [
  ['60', 'one minute'],
  ['300', 'five minutes'],
  ['3600', 'an hour'],
];

// True: the keys are open now.
export function unlock() {
  const wallet = state.wallet;
  forget_doing('unlock');
  return dialog(
    ({ close, title }) =>
      html`<form
        @submit=${act('unlock', async (event) => {
          const { passphrase, seconds } = given(event);
          await wallet.unlock({ passphrase, seconds: Number(seconds) });
          close(true);
        })}
      >
        <h2 id=${title}>Unlock the wallet “${state.name}”</h2>
        <p class="muted">Its keys are encrypted. They are needed to sign, and locked again by themselves.</p>
        ${field('unlock-passphrase', 'Passphrase', passphrase_input('unlock-passphrase', 'passphrase'))}
        ${field('unlock-seconds', 'Keep it unlocked for', choices('unlock-seconds', 'seconds', TIMES, '300'))} ${outcome('unlock')}
        <div class="ends">
          <button type="button" @click=${() => close(false)}>Cancel</button>
          <button class="main" aria-busy=${busy('unlock')}>Unlock</button>
        </div>
      </form>`,
  );
}

// Does it; where the keys are locked, asks for the passphrase and goes on with what was wanted.
export async function unlocked(does) {
  for (;;) {
    try {
      return await does();
    } catch (error) {
      if (!is(error, wallet_locked)) {
        throw error;
      }
    }
    if (!(await unlock())) {
      throw new Cancelled();
    }
  }
}

// ---- telling ------------------------------------------------------------------------------------------------------------------

// Something to look at, until it is closed.
export function show(heading, content) {
  return dialog(
    ({ close, title }) =>
      html`<div class="stack">
        <h2 id=${title}>${heading}</h2>
        ${content ?? nothing}
        <div class="ends"><button type="button" class="main" @click=${() => close()}>Close</button></div>
      </div>`,
  );
}
