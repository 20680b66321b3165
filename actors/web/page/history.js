// history.js - what came and went, newest first.
import { html, nothing } from 'lit-html';

import { draft_row } from './send.js';
import { date, id_text, when, when_shortly } from './format.js';
import { card, icon, money, shown, table, tx_state } from './parts.js';
import { drafts, history, node_info, show_older } from './state.js';

// What became of the wallet by it.
export function kind(tx) {
  const stays = tx.fee_sat !== undefined && tx.net_sat === -tx.fee_sat;
  return tx.is_coinbase ? 'mined' : stays ? 'within' : tx.net_sat < 0n ? 'out' : 'in';
}
export const KINDS = { mined: 'Mined', within: 'Within the wallet', out: 'Sent', in: 'Received' };

function row(tx) {
  const height = node_info.read()?.tip.height;
  return html`<li>
    <a href="#/tx/${id_text(tx.txid)}">
      <span class="kind ${kind(tx)}">${icon(kind(tx))}</span>
      <span class="what"
        ><b>${KINDS[kind(tx)]}</b
        ><span class="small muted"
          ><time datetime=${date(tx.time_s).toISOString()} title=${when(tx.time_s)}>${when_shortly(tx.time_s)}</time></span
        ></span
      >
      <span class="sum-state"><b>${money(tx.net_sat, { signed: true })}</b>${tx_state(tx, height)}</span></a
    >
  </li>`;
}

export const payments = (txs) =>
  html`<ol class="payments">
    ${txs.map(row)}
  </ol>`;

function list({ entries, more }) {
  return entries.length === 0
    ? html`<p class="muted">Nothing has come or gone yet.</p>`
    : html`${payments(entries)}${more ? html`<div class="row"><button type="button" @click=${show_older}>Show older ones</button></div>`
      : nothing}`;
}

function waiting() {
  const found = drafts.read()?.entries ?? [];
  return found.length === 0
    ? nothing
    : card(
        'Drafts',
        html`<p class="muted">Not sent. Each keeps its coins from other payments for ten minutes.</p>
          ${table('Drafts', ['Made', '>Pays', '>Fee', 'State', ''], found.map(draft_row))}`,
      );
}

export function draw() {
  return html`<h1 tabindex="-1">History</h1>
    ${waiting()}${card('Payments', shown(history, list))}`;
}
