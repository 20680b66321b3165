// parts.js - what views are made of: amounts, marks, buttons that do something and say how it went. lit-html sets all that comes from
// elsewhere as text or attribute: it is never markup.
import { html, nothing, svg } from 'lit-html';

import { btc, date, id_text, when } from './format.js';
import { changed } from './state.js';
import { say, wallet_words } from './words.js';

// ---- doing ----------------------------------------------------------------------------------------------------------------

// By name: what is under way, and what went wrong. Kept until the person goes elsewhere.
const doings = new Map();

export class Cancelled extends Error {}

// What a button or a form does. While it does it, a second press does nothing.
export function act(name, does, words = wallet_words) {
  return async (event) => {
    event?.preventDefault();
    if (doings.get(name)?.busy) {
      return;
    }
    doings.set(name, { busy: true });
    changed();
    try {
      const said = await does(event);
      doings.set(name, { said });
    } catch (error) {
      doings.set(name, { error: error instanceof Cancelled ? undefined : say(error, words) });
    }
    changed();
  };
}

export const busy = (name) => doings.get(name)?.busy ?? false;

export const forget_doings = () => doings.clear();
export const forget_doing = (name) => doings.delete(name);

// What to do, or how it went, beside the button of that name.
export function outcome(name) {
  const { error, said } = doings.get(name) ?? {};
  return html`${error ? html`<p class="note bad" role="alert">${error}</p>` : nothing}${
    typeof said === 'string' ? html`<p class="note good" role="status">${said}</p>` : nothing
  }`;
}

// A button with the name of what it does.
export function button(name, label, does, look = '', words = wallet_words) {
  return html`<button type="button" class=${look} aria-busy=${busy(name)} @click=${act(name, does, words)}>${label}</button>`;
}

export function copies(text, what) {
  return button(
    `copy ${text}`,
    copied === text ? 'Copied' : 'Copy',
    async () => {
      await navigator.clipboard.writeText(text);
      copied = text;
      announce(`${what} copied`);
    },
    'slim',
  );
}
let copied = null;

// To people who listen.
export function announce(text) {
  document.getElementById('announced').textContent = text;
}

// ---- showing --------------------------------------------------------------------------------------------------------------

// The digits that say nothing are quiet, but there.
export function money(sat, { signed = false, unit = true } = {}) {
  const [, head, tail] = /^(.*?)(\.?0*)$/.exec(btc(sat, signed));
  const whole = head.includes('.');
  const [bright, quiet] = whole ? [head, tail] : [btc(sat, signed).slice(0, -9), btc(sat, signed).slice(-9)];
  return html`<span class="num money"
    >${bright}<span class="quiet">${quiet}</span>${unit ? html` <span class="unit">BTC</span>` : nothing}</span
  >`;
}

const drawings = {
  in: svg`<path d="M12 5v13M6 12l6 6 6-6"/>`,
  out: svg`<path d="M12 19V6M6 12l6-6 6 6"/>`,
  within: svg`<path d="M7 8h10l-3-3M17 16H7l3 3"/>`,
  mined: svg`<path d="M5 19l8-8M9 4.5c5 .5 9 4.5 10.5 10.5M7.5 6l10.5 10.5"/>`,
  pending: svg`<circle cx="12" cy="12" r="8"/><path d="M12 8v4l3 2"/>`,
  done: svg`<path d="M5 13l4 4L19 7"/>`,
  lock: svg`<rect x="6" y="11" width="12" height="9" rx="2"/><path d="M9 11V8a3 3 0 0 1 6 0v3"/>`,
  open: svg`<rect x="6" y="11" width="12" height="9" rx="2"/><path d="M9 11V8a3 3 0 0 1 5.8-1"/>`,
  warn: svg`<path d="M12 4l9 16H3zM12 10v4M12 17v.5"/>`,
};

export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${drawings[name]}</svg>`;
}

// A state by icon and word, not by colour alone.
export function mark(name, word, look = '') {
  return html`<span class="tag ${look}">${icon(name)}${word}</span>`;
}

export function tx_state(tx, height) {
  if (tx.is_pending) {
    return mark('pending', 'pending', 'warn');
  }
  const deep = height === undefined ? 1 : Math.max(1, height - tx.height + 1);
  if (tx.is_coinbase && deep <= 100) {
    return mark('pending', `mined, ${deep} of 101`, 'warn');
  }
  return mark('done', deep >= 6 ? 'confirmed' : `confirmed, ${deep} of 6`, 'good');
}

// An id, whole for who copies it, short for who looks.
export function id_link(hash, where = 'tx') {
  const text = id_text(hash);
  return html`<a class="mono" href="#/${where}/${text}" title=${text}>${text.slice(0, 10)}…${text.slice(-6)}</a>`;
}

export const time = (time_s) => html`<time datetime=${date(time_s).toISOString()}>${when(time_s)}</time>`;

// Name and value, one below the other.
export function facts(rows) {
  return html`<dl class="facts">
    ${rows.filter(Boolean).map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`;
}

export function card(title, content, aside = nothing) {
  return html`<section class="card">
    <div class="card-head">
      <h2>${title}</h2>
      ${aside}
    </div>
    ${content}
  </section>`;
}

// What a copy holds, or that it is on its way, or why it is not there.
export function shown(copy, draw) {
  const value = copy.read();
  if (copy.error !== null) {
    return html`<p class="note bad" role="alert">${say(copy.error)}</p>`;
  }
  return value === undefined ? html`<p class="muted">…</p>` : draw(value);
}

// The columns' names, and a row of cells for each; on a phone a row is a block, and each cell says its name.
export function table(what, columns, rows) {
  return html`<div class="wide">
    <table class="cards">
      <caption class="unseen">
        ${what}
      </caption>
      <thead>
        <tr>
          ${columns.map((name) => html`<th scope="col" class=${right(name)}>${bare(name)}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (cells) =>
            html`<tr>
              ${cells.map((cell, at) => html`<td class=${right(columns[at])} data-name=${bare(columns[at])}><div>${cell}</div></td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
// A column whose name begins with > is of numbers.
const right = (name) => (name.startsWith('>') ? 'right' : '');
const bare = (name) => name.replace('>', '');

// A field of a form, with its label and a hint.
export function field(id, label, input, hint = nothing) {
  return html`<div class="field">
    <label for=${id}>${label}</label>${input}${hint === nothing ? nothing : html`<p class="hint" id="${id}-hint">${hint}</p>`}
  </div>`;
}

export function choices(id, name, options, chosen) {
  return html`<select id=${id} name=${name}>
    ${options.map(([value, label]) => html`<option value=${value} ?selected=${value === chosen}>${label}</option>`)}
  </select>`;
}

// What a form holds, by name.
export const given = (event) => Object.fromEntries(new FormData(event.target));
