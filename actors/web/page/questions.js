// questions.js - what the node asks a person. Every tab shows it; the first answer counts, from wherever.
import { html } from 'lit-html';

import { web_not_found } from '../web/web.js';
import { act, busy, outcome } from './parts.js';
import { duration } from './format.js';
import { dialog } from './dialogs.js';
import { changed, web } from './state.js';
import { is, sentence } from './words.js';

const SECOND_MS = 1000;
const open = new Map(); // id -> close
const seen = new Set();
let asked = [];

function answer(id, choice, close) {
  return act(`question ${id}`, async () => {
    try {
      await web.answer({ id, choice });
    } catch (error) {
      if (!is(error, web_not_found)) {
        throw error;
      }
    }
    close();
  });
}

function ask({ id, text, choices, default_choice, until_ms }) {
  const until = Number(until_ms);
  const timer = setInterval(changed, SECOND_MS);
  dialog(({ close, title }) => {
    open.set(id, close);
    return html`<div class="stack">
      <h2 id=${title}>The node asks</h2>
      <p class="lines">${sentence(text)}</p>
      <p class="muted small">
        Without an answer within ${duration(Math.max(0, (until - Date.now()) / SECOND_MS))}: “${choices[default_choice]}”. Close this to
        look around first.
      </p>
      ${outcome(`question ${id}`)}
      <div class="ends">
        ${choices.map(
          (name, at) =>
            html`<button
              type="button"
              class=${at === default_choice ? 'main' : ''}
              aria-busy=${busy(`question ${id}`)}
              @click=${answer(id, at, close)}
            >
              ${name}
            </button>`,
        )}
      </div>
    </div>`;
  }).finally(() => {
    clearInterval(timer);
    open.delete(id);
    changed();
  });
}

// One comes up by itself once; closed, it waits here for who has looked around.
export function waiting() {
  return asked
    .filter((one) => !open.has(one.id))
    .map(
      (one) =>
        html`<p class="note warn row" role="status">
          <span>The node asks. ${sentence(one.text)}</span> <button type="button" class="slim" @click=${() => ask(one)}>Answer</button>
        </p>`,
    );
}

function hear(questions) {
  asked = questions;
  for (const [id, close] of open) {
    if (!asked.some((one) => one.id === id)) {
      close();
    }
  }
  for (const one of asked.filter(({ id }) => !seen.has(id))) {
    seen.add(one.id);
    ask(one);
  }
  changed();
}

export function begin() {
  web.on_asked((fields) => hear(fields?.questions ?? [])).ready.catch(() => {}); // a program without questions
}
