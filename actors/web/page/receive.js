// receive.js - an address to be paid at, and those that were given out.
import { html, nothing } from 'lit-html';

import { wallet_address_kind, wallet_script_owner } from '../web/wallet.js';
import { show } from './dialogs.js';
import { act, busy, button, card, choices, copies, field, given, mark, outcome, shown, table } from './parts.js';
import { labelled } from './label.js';
import { qr } from './qr.js';
import { addresses, changed, state } from './state.js';
import { lapse } from './copy.js';

const KINDS = [
  ['p2wpkh', 'Native segwit (bc1q…): most can pay it'],
  ['p2tr', 'Taproot (bc1p…)'],
];
const SHOWN = 50;

let fresh = null; // what was made here last: { address, is_beyond_gap }
let shown_count = SHOWN;

async function make(event) {
  const { label, kind } = given(event);
  const form = event.target;
  fresh = await state.wallet.new_address({ label: label.trim(), kind: wallet_address_kind[kind] });
  form.reset();
  lapse('money');
}

export function leave() {
  fresh = null;
  shown_count = SHOWN;
}

function beyond() {
  return html`<p class="note warn">
    So many addresses in a row are unused that another wallet, restored from the same words, may miss this one. Use one that was given out
    before, where you can.
  </p>`;
}

function to_pay({ address, is_beyond_gap }) {
  return html`<div class="pay-me">
    ${qr(address.text)}
    <div class="stack">
      <div>
        <p class="muted small">Address</p>
        <p class="mono address" id="address">${address.text}</p>
        ${labelled(address)}
      </div>
      <div class="row">${copies(address.text, 'The address')}</div>
      ${is_beyond_gap ? beyond() : nothing}
      <p class="small muted">
        Give each payer an address of their own. A payment is seen here within seconds, and confirmed once blocks have it.
      </p>
    </div>
  </div>`;
}

function form() {
  return html`<form class="stack" @submit=${act('new address', make)}>
    <div class="columns">
      ${field('label', 'Label', html`<input id="label" name="label" maxlength="100" autocomplete="off" aria-describedby="label-hint" />`,
        'Who pays, and what for. Only you see it.')}
      ${field('kind', 'Kind', choices('kind', 'kind', KINDS, 'p2wpkh'))}
    </div>
    ${outcome('new address')}
    <div class="row"><button class="main" aria-busy=${busy('new address')}>New address</button></div>
  </form>`;
}

function row(address) {
  return [
    html`<span class="mono">${address.text}</span>`,
    labelled(address),
    address.is_used ? mark('done', 'used', 'good') : mark('pending', 'unused'),
    button(
      `qr ${address.id}`,
      html`QR code<span class="unseen"> of ${address.text}</span>`,
      () =>
        show(
          'To be paid',
          html`<div class="stack">
            ${qr(address.text)}
            <p class="mono address">${address.text}</p>
            ${copies(address.text, 'The address')}
          </div>`,
        ),
      'slim',
    ),
  ];
}

function list(entries) {
  const given_out = entries.filter((one) => one.owner !== wallet_script_owner.change).reverse();
  if (given_out.length === 0) {
    return html`<p class="muted">None was given out yet.</p>`;
  }
  return html`${table('Addresses given out', ['Address', 'Label', 'State', ''], given_out.slice(0, shown_count).map(row))}
  ${
    given_out.length > shown_count
      ? html`<button
          type="button"
          @click=${() => {
            shown_count += SHOWN;
            changed();
          }}
        >
          Show more
        </button>`
      : nothing
  }`;
}

// The one just made; else the newest that nobody has paid to.
function current(entries) {
  const found = entries.findLast(
    (one) => one.owner === wallet_script_owner.receive && (fresh === null ? !one.is_used : one.id === fresh.address.id),
  );
  return found === undefined ? fresh : { address: found, is_beyond_gap: fresh?.is_beyond_gap ?? false };
}

export function draw() {
  return html`<h1 tabindex="-1">Receive</h1>
    ${card(
      'To be paid',
      shown(addresses, ({ entries }) => {
        const one = current(entries);
        return one ? to_pay(one) : html`<p class="muted">No address waits for a payment: make one.</p>`;
      }),
    )}
    ${card('A new address', form())}
    ${card(
      'Addresses',
      shown(addresses, ({ entries }) => list(entries)),
    )}`;
}
