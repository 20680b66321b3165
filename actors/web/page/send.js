// send.js - to pay: who gets how much, at what fee; then a draft to look at; then the payment.
import { html, nothing } from 'lit-html';
import { live } from 'lit-html/directives/live.js';

import { wallet_draft_state } from '../web/wallet.js';
import { lapse } from './copy.js';
import { agreed, dialog, unlocked } from './dialogs.js';
import { btc, count, fee_rate, id_text, name_of, number, rate, rate_sat, satoshi } from './format.js';
import { act, busy, button, copies, facts, field, forget_doing, id_link, money, outcome, time } from './parts.js';
import { balance, changed, fees, state } from './state.js';

const RECIPIENTS_MAX = 200;
const ADDRESS_MAX = 160;
const AMOUNT = 'Write an amount in BTC with at most eight digits behind the point: 0.5.';
const FEES = [
  ['fast', 'Fast', 'in the next block'],
  ['normal', 'Normal', 'within 6 blocks, an hour or so'],
  ['slow', 'Slow', 'within a day'],
];

// ---- what is filled in, kept while a person looks elsewhere -------------------------------------------------------------------

const blank = () => ({ address: '', amount: '', pays_fee: false, takes_rest: false });
let recipients = [blank()];
let chosen = []; // coins that must all be spent
let sent = null; // what was sent last
// Who a draft pays is known to the tab that made it.
const made_here = new Map(); // by id

export function spend(coins) {
  chosen = coins;
  sent = null;
}

export function forget() {
  recipients = [blank()];
  chosen = [];
  sent = null;
  made_here.clear();
}

function set(recipient, name, value) {
  recipient[name] = value;
  changed();
}

// ---- the fee ------------------------------------------------------------------------------------------------------------------

export function fee_fields(id) {
  const known = fees.read();
  return html`<fieldset class="fees">
    <legend>Fee</legend>
    ${FEES.map(
      ([value, label, hint], at) =>
        html`<label class="choice"
          ><input type="radio" name="fee" value=${value} ?checked=${value === 'normal'} />
          <span><b>${label}</b> <span class="muted">${hint}</span></span
          ><span class="num muted">${known ? rate(known[at].rate_sat) : ''}</span></label
        >`,
    )}
    <div class="choice">
      <input type="radio" name="fee" value="own" id="${id}-own" aria-label="A rate of my own" />
      <label for="${id}-rate">My own</label>
      <span class="own"
        ><input
          id="${id}-rate"
          name="rate"
          inputmode="decimal"
          autocomplete="off"
          maxlength="9"
          @input=${(event) => (event.target.form.elements[`${id}-own`].checked = true)}
        />
        sat/vB</span
      >
    </div>
  </fieldset>`;
}

// What was chosen, in satoshi for 1,000 virtual bytes.
export function fee_of(event) {
  const { fee, rate: own } = Object.fromEntries(new FormData(event.target));
  if (fee === 'own') {
    const sat = rate_sat(own);
    if (sat === undefined) {
      throw new Error('Write the fee rate in satoshi for a virtual byte, up to 10000: 2.5.');
    }
    return sat;
  }
  const estimate = fees.value?.[FEES.findIndex(([value]) => value === fee)];
  return estimate === undefined ? 0n : estimate.rate_sat > estimate.floor_sat ? estimate.rate_sat : estimate.floor_sat;
}

// ---- drafting ------------------------------------------------------------------------------------------------------------------

function recipient_of(one, at) {
  const address = one.address.trim();
  const amount_sat = one.takes_rest ? 0n : satoshi(one.amount);
  const who = recipients.length === 1 ? '' : `Recipient ${at + 1}: `;
  if (address === '') {
    throw new Error(`${who}Paste the address that is to be paid.`);
  }
  if (address.length > ADDRESS_MAX) {
    throw new Error(`${who}That is too long for an address.`);
  }
  if (amount_sat === undefined || (amount_sat === 0n && !one.takes_rest)) {
    throw new Error(`${who}${AMOUNT}`);
  }
  return { address, amount_sat, pays_fee: one.pays_fee && !one.takes_rest, takes_rest: one.takes_rest };
}

async function review(event) {
  const fee_rate_sat = fee_of(event);
  const is_final = new FormData(event.target).has('final');
  const to = recipients.map(recipient_of);
  const made = await state.wallet.draft({ recipients: to, fee_rate_sat, coins: chosen, is_final });
  made_here.set(made.draft.id, to);
  lapse('money');
  const done = await confirm_payment(made.draft, { recipients: to, left_count: made.left_count, left_sat: made.left_sat });
  if (done !== null) {
    recipients = [blank()];
    chosen = [];
    sent = done;
    document.getElementById('main').scrollTo(0, 0);
    changed();
  }
}

// ---- the draft, before it is sent -----------------------------------------------------------------------------------------------

function sides_of(draft, to) {
  return to === undefined
    ? html`<p class="note warn">This draft was made elsewhere, or before the page was loaded: look there for whom it pays.</p>`
    : html`<ul class="sides">
        ${to.map(
          (one) =>
            html`<li>
              <span class="mono side-text">${one.address}</span>${
                one.takes_rest && to.length > 1
                  ? html`<span class="num">the rest</span>`
                  : money(to.length === 1 ? draft.paid_sat : one.amount_sat)
              }
            </li>`,
        )}
      </ul>`;
}

function left(count_left, sat) {
  return count_left > 0
    ? html`<p class="note warn">
        Not all: ${btc(sat)} BTC in ${count(count_left, 'coin')} stay in the wallet. One payment takes 1,000 coins at most, and none that
        costs more than it is worth.
      </p>`
    : nothing;
}

function preview(draft, { recipients: to, left_count = 0, left_sat = 0n, replaces = false }) {
  return html` ${replaces ? html`<p>It takes the place of the payment that waits, and pays the same.</p>` : sides_of(draft, to)}
  ${facts([
    ['They get', money(draft.paid_sat)],
    ['Fee', html`${money(draft.fee_sat)}, <span class="num">${fee_rate(draft.fee_sat, draft.vsize_vbytes)}</span>`],
    ['Together', html`<b>${money(draft.paid_sat + draft.fee_sat)}</b>`],
    ['Comes back', draft.change_sat === 0n ? 'nothing' : html`${money(draft.change_sat)} as change`],
    ['Size', `${number(draft.vsize_vbytes)} vB, ${count(draft.input_count, 'input')}, ${count(draft.output_count, 'output')}`],
  ])}
  ${draft.fee_sat * 10n > draft.paid_sat ? html`<p class="note warn">The fee is more than a tenth of what is paid.</p>` : nothing}
  ${left(left_count, left_sat)}`;
}

// The draft as it was sent; null: it was given up, or is kept for later. Closed otherwise, one that was kept before stays.
export async function confirm_payment(draft, about = {}) {
  const wallet = state.wallet;
  forget_doing('pay');
  const end = await dialog(
    ({ close, title }) =>
      html`<div class="stack">
        <h2 id=${title}>Pay ${btc(draft.paid_sat)} BTC?</h2>
        ${preview(draft, about)}
        <p class="small muted">A payment can’t be taken back once it is sent.</p>
        ${outcome('pay')}
        <div class="ends">
          <button type="button" @click=${() => close('drop')}>Discard</button>
          <button type="button" @click=${() => close('keep')}>Keep as a draft</button>
          <button type="button" class="main" aria-busy=${busy('pay')} @click=${act('pay', async () => close(await pay(wallet, draft.id)))}>
            Pay now
          </button>
        </div>
      </div>`,
  );
  if (end === 'drop' || (end === undefined && !about.is_kept)) {
    await wallet.drop_draft({ id: draft.id }).catch(() => {}); // it lets go of its coins in ten minutes
  }
  lapse('money');
  return typeof end === 'object' ? end : null;
}

async function pay(wallet, id) {
  return (await unlocked(() => wallet.send({ id }))).draft;
}

// ---- drafts that wait -----------------------------------------------------------------------------------------------------------

async function send_draft(draft) {
  sent = await confirm_payment(draft, { recipients: made_here.get(draft.id), replaces: draft.replaces !== undefined, is_kept: true });
}

async function drop(draft) {
  await agreed({
    heading: 'Discard this draft?',
    text: 'Nothing was paid. Its coins can be spent otherwise.',
    yes: 'Discard',
    danger: true,
  });
  await state.wallet.drop_draft({ id: draft.id });
  lapse('money');
}

export function draft_row(draft) {
  return [
    time(draft.made_s),
    money(draft.paid_sat),
    money(draft.fee_sat),
    html`${name_of(wallet_draft_state, draft.state)}${draft.is_given_out ? ', others have it' : ''}`,
    html`<span class="row"
        >${button(`send ${draft.id}`, 'Review', () => send_draft(draft), 'slim')}${button(`drop ${draft.id}`, 'Discard',
          () => drop(draft), 'slim danger')}</span
      >
      ${outcome(`send ${draft.id}`)}${outcome(`drop ${draft.id}`)}`,
  ];
}

// ---- the form -------------------------------------------------------------------------------------------------------------------

// An address, or what a QR code or a link had: bitcoin:ADDRESS?amount=0.5.
function set_address(one, text) {
  const [, address, query] = /^bitcoin:([^?]*)(?:\?(.*))?$/i.exec(text.trim()) ?? [];
  const amount = new URLSearchParams(query).get('amount');
  one.amount = amount ?? one.amount;
  set(one, 'address', address ?? text);
}

function address_input(one, id) {
  return html`<input
    id=${id}
    class="mono"
    .value=${live(one.address)}
    maxlength="400"
    autocomplete="off"
    autocapitalize="none"
    spellcheck="false"
    placeholder="address"
    @input=${(event) => set_address(one, event.target.value)}
  />`;
}

function amount_input(one, id) {
  return html`<input
    id=${id}
    class="amount"
    .value=${live(one.takes_rest ? '' : one.amount)}
    ?disabled=${one.takes_rest}
    maxlength="17"
    inputmode="decimal"
    autocomplete="off"
    placeholder=${one.takes_rest ? 'all that is left' : '0.00000000'}
    @input=${(event) => set(one, 'amount', event.target.value)}
  />`;
}

function check(id, label, is_checked, is_disabled, does) {
  return html`<label class="check">
    <input
      type="checkbox"
      id=${id}
      .checked=${live(is_checked)}
      ?disabled=${is_disabled}
      @change=${(event) => does(event.target.checked)}
    />
    ${label}</label
  >`;
}

function remove(one) {
  recipients = recipients.filter((other) => other !== one);
  changed();
}

function recipient_fields(one, at) {
  const id = (name) => `${name}-${at}`;
  const several = recipients.length > 1;
  const other_takes_rest = recipients.some((other) => other !== one && other.takes_rest);
  return html`<fieldset class="recipient">
    ${several ? html`<legend>Recipient ${at + 1}</legend>` : nothing}
    ${field(id('to'), 'Pay to', address_input(one, id('to')))}
    ${field(id('amount'), 'Amount in BTC', amount_input(one, id('amount')))}
    <div class="row wide-row">
      ${check(id('all'), 'All that is left', one.takes_rest, other_takes_rest, (is_on) => set(one, 'takes_rest', is_on))}
      ${check(id('less'), 'Take the fee off this amount', one.pays_fee && !one.takes_rest, one.takes_rest, (is_on) =>
        set(one, 'pays_fee', is_on),
      )}
      ${several ? html`<button type="button" class="plain slim" @click=${() => remove(one)}>Remove</button>` : nothing}
    </div>
  </fieldset>`;
}

function add() {
  recipients = [...recipients, blank()];
  changed();
  queueMicrotask(() => document.getElementById(`to-${recipients.length - 1}`)?.focus());
}

function chosen_coins() {
  return chosen.length === 0
    ? nothing
    : html`<p class="note">
        It spends ${chosen.length === 1 ? 'the coin' : `the ${chosen.length} coins`} that you chose, and no others.
        <button
          type="button"
          class="plain slim"
          @click=${() => {
            chosen = [];
            changed();
          }}
        >
          Let the wallet choose
        </button>
      </p>`;
}

function said() {
  return sent === null
    ? nothing
    : html`<section class="card" role="status">
        <h2>Sent</h2>
        <p>${money(sent.paid_sat)} are on their way: pending until a block has them, a few minutes to an hour.</p>
        <div class="row">${id_link(sent.txid)}${copies(id_text(sent.txid), 'The id')}</div>
      </section>`;
}

export function draw() {
  const all = balance.read()?.balance;
  return html`<h1 tabindex="-1">Send</h1>
    ${said()}
    <form class="card" id="send" novalidate @submit=${act('review', review)}>
      <div class="card-head">
        <h2>A payment</h2>
        ${all ? html`<p class="muted small">Available: ${money(all.confirmed_sat)}</p>` : nothing}
      </div>
      ${chosen_coins()} ${recipients.map(recipient_fields)}
      <div>
        ${recipients.length < RECIPIENTS_MAX ? html`<button type="button" class="plain slim" @click=${add}>Add a recipient</button>`
          : nothing}
      </div>
      ${fee_fields('send')}
      <label class="check"><input type="checkbox" name="final" /> Never replace it: its fee can’t be raised later</label>
      ${outcome('review')}
      <div class="row"><button class="main" aria-busy=${busy('review')}>Review</button></div>
    </form>`;
}
