// payment.js - one transaction of the wallet: its state, who paid whom, and what can be done about it.
import { html, nothing } from 'lit-html';

import { copy, reset } from './copy.js';
import { confirm_payment, fee_fields, fee_of } from './send.js';
import { dialog } from './dialogs.js';
import { fee_rate, id_bytes, id_text, number } from './format.js';
import { kind, KINDS } from './history.js';
import { labelled } from './label.js';
import { act, button, busy, card, copies, facts, forget_doing, id_link, money, outcome, shown, time, tx_state } from './parts.js';
import { addresses, node, node_info, state } from './state.js';
import { address_of, parse_tx } from './wire.js';

const FINAL = 0xfffffffe; // BIP125: an input below it says that the payment may be replaced

let wanted = null; // as in the address of the page

async function raw_of(found) {
  if (found.raw !== undefined) {
    return found.raw;
  }
  const { tx } = found;
  const block = tx.is_pending ? undefined : (await node.get_block_hash({ height: tx.height })).hash;
  return (await node.get_tx({ txid: tx.txid, block })).tx;
}

// What an input spends, where that is the wallet's.
async function spent_by({ txid, index }) {
  try {
    const found = await state.wallet.get_tx({ txid });
    return parse_tx(await raw_of(found)).outputs[index];
  } catch {
    return undefined;
  }
}

const INPUTS_MAX = 100; // that are looked up

async function read() {
  const found = await state.wallet.get_tx({ txid: id_bytes(wanted) });
  const { network } = await node.get_info();
  const parsed = parse_tx(await raw_of(found));
  const known = (output) => output && { ...output, address: address_of(output.script, network) };
  const inputs = await Promise.all(
    parsed.inputs
      .slice(0, INPUTS_MAX)
      .map(async (input) => ({ ...input, spends: found.tx.is_coinbase ? undefined : known(await spent_by(input)) })),
  );
  return { ...found, ...parsed, inputs, input_count: parsed.inputs.length, outputs: parsed.outputs.map(known) };
}

const detail = copy(read, 'link', 'wallet', 'money', 'payment');

export function go(id) {
  wanted = id;
  reset('payment');
}

// ---- a higher fee ------------------------------------------------------------------------------------------------------------

// Asks for the rate, drafts anew, shows that, and sends it.
function bump(tx) {
  forget_doing('bump');
  return dialog(
    ({ close, title }) =>
      html`<form
        @submit=${act('bump', async (event) => {
          const fee_rate_sat = fee_of(event);
          const { draft } = await state.wallet.bump_fee({ txid: tx.txid, fee_rate_sat });
          close();
          await confirm_payment(draft, { replaces: true });
        })}
      >
        <h2 id=${title}>Raise the fee</h2>
        <p>The payment is made anew with a higher fee and takes the place of the one that waits. Who is paid stays the same.</p>
        ${fee_fields('bump')} ${outcome('bump')}
        <div class="ends">
          <button type="button" @click=${() => close()}>Cancel</button><button class="main" aria-busy=${busy('bump')}>Review</button>
        </div>
      </form>`,
  );
}

// ---- showing -----------------------------------------------------------------------------------------------------------------

function mine(address) {
  return address && addresses.read()?.entries.find((one) => one.text === address);
}

function side(entry, note) {
  const known = mine(entry?.address);
  return html`<li>
    <div class="side-text">
      <span class="mono">${entry?.address ?? note}</span>
      ${known === undefined ? nothing
        : html`<span class="row"><span class="tag">this wallet${known.owner === 2 ? ', change' : ''}</span>${labelled(known)}</span>`}
    </div>
    ${entry === undefined ? nothing : money(entry.amount_sat)}
  </li>`;
}

function input(one, is_coinbase) {
  const note = is_coinbase ? 'newly made by the block' : `output ${one.index} of ${id_text(one.txid)}`;
  return side(one.spends, note);
}

function can_be_bumped({ tx, draft_id, inputs }) {
  return tx.is_pending && draft_id !== undefined && inputs.some(({ sequence }) => sequence < FINAL);
}

function show(found) {
  const { tx } = found;
  const height = node_info.read()?.tip.height;
  return html` ${card(
      KINDS[kind(tx)],
      html` <p class="sum">${money(tx.net_sat, { signed: true })}</p>
        ${facts([
          ['State', tx_state(tx, height)],
          tx.is_pending
            ? ['First seen', time(tx.time_s)]
            : ['Block', html`<a href="#/block/${tx.height}">${number(tx.height)}</a>, ${time(tx.time_s)}`],
          tx.fee_sat === undefined
            ? null
            : ['Fee', html`${money(tx.fee_sat)}, <span class="num">${fee_rate(tx.fee_sat, found.vsize)}</span>`],
          ['Size', `${number(found.vsize)} vB`],
          found.replaces === undefined ? null : ['Takes the place of', id_link(found.replaces)],
          [
            'Transaction',
            html`<span class="row"><span class="mono">${id_text(tx.txid)}</span>${copies(id_text(tx.txid), 'The id')}</span>`,
          ],
        ])}
        ${outcome('raise')}
        ${can_be_bumped(found) ? html`<div class="row">${button('raise', 'Raise the fee', () => bump(tx))}</div>` : nothing}`,
    )}
    <div class="columns">
      ${card(
        'From',
        html`<ul class="sides">
            ${found.inputs.map((one) => input(one, tx.is_coinbase))}
          </ul>
          ${found.input_count > found.inputs.length
            ? html`<p class="muted">and ${number(found.input_count - found.inputs.length)} more</p>` : nothing}`,
      )}
      ${card(
        'To',
        html`<ul class="sides">
          ${found.outputs.map((one) => side(one, one.amount_sat === 0n ? 'no payment: data' : 'a script without an address'))}
        </ul>`,
      )}
    </div>`;
}

export function draw() {
  return html`<h1 tabindex="-1">Payment</h1>
    <p><a href="#/history">Back to the history</a></p>
    ${shown(detail, show)}`;
}
