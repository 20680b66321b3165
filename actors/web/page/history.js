// history.js - what came and went, newest first.
import { html, nothing } from 'lit-html';

import { draft_row } from './send.js';
import { card, icon, id_link, money, shown, table, time, tx_state } from './parts.js';
import { drafts, history, node_info, show_older } from './state.js';

const kind = (tx) => (tx.is_coinbase ? 'mined' : tx.net_sat < 0n ? 'out' : 'in');
const KINDS = { mined: 'Mined', out: 'Sent', in: 'Received' };

function row(tx) {
  const height = node_info.read()?.tip.height;
  return [
    html`<span class="kind ${kind(tx)}">${icon(kind(tx))}<span>${KINDS[kind(tx)]}</span></span>`,
    money(tx.net_sat, { signed: true }),
    tx_state(tx, height),
    time(tx.time_s),
    id_link(tx.txid),
  ];
}

export function history_table(txs) {
  return table('Payments', ['What', '>Amount', 'State', 'Time', 'Transaction'], txs.map(row));
}

function list({ entries, more }) {
  return entries.length === 0
    ? html`<p class="muted">Nothing has come or gone yet.</p>`
    : html`${history_table(entries)}${more ? html`<div class="row"><button type="button" @click=${show_older}>Show older ones</button></div>` : nothing}`;
}

function waiting() {
  const found = drafts.read()?.entries ?? [];
  return found.length === 0 ? nothing : card('Drafts', html`<p class="muted">Not sent. Each keeps its coins from other payments for ten minutes.</p>
    ${table('Drafts', ['Made', '>Pays', '>Fee', 'State', ''], found.map(draft_row))}`);
}

export function draw() {
  return html`<h1 tabindex="-1">History</h1>${waiting()}${card('Payments', shown(history, list))}`;
}
