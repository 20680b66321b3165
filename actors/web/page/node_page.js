// node_page.js - the node: how far it is, its newest blocks, its pool and its peers.
import { html, nothing } from 'lit-html';

import { node_fee_basis, node_network, node_validation } from '../web/node.js';
import { copy } from './copy.js';
import { bytes, count, fee_rate, id_text, name_of, number, rate } from './format.js';
import { card, facts, money, shown, table, time } from './parts.js';
import { peers_card } from './peers.js';
import { chain_stats, fees, FEE_TARGETS, node, node_info, pool } from './state.js';
import { header_count, parse_header } from './wire.js';
import { sync_bar } from './overview.js';

const BLOCKS = 10;
const POOL_SHOWN = 10;

// ---- blocks ----------------------------------------------------------------------------------------------------------------------

// The newest, from their headers.
async function read_blocks() {
  const { tip } = await node.get_tip();
  const from = tip.height - BLOCKS;
  const locator = from < 0 ? [] : [(await node.get_block_hash({ height: from })).hash];
  const found = [];
  for await (const { height, headers } of node.get_headers({ locator, max: BLOCKS })) {
    for (let at = 0; at < header_count(headers); at++) {
      found.push({ height: height + at, ...parse_header(headers, at) });
    }
  }
  return found.reverse();
}

const blocks = copy(read_blocks, 'link', 'node', 'tip');

function block_row(block) {
  return [
    html`<a class="num" href="#/block/${block.height}">${number(block.height)}</a>`,
    time(block.time_s),
    html`<span class="mono">${id_text(block.hash)}</span>`,
  ];
}

// ---- the pool --------------------------------------------------------------------------------------------------------------------

function pool_row(tx) {
  return [
    html`<span class="mono">${id_text(tx.txid).slice(0, 16)}…</span>`,
    money(tx.fee_sat),
    html`<span class="num">${fee_rate(tx.fee_sat, tx.vsize_vbytes)}</span>`,
    html`<span class="num">${number(tx.vsize_vbytes)} vB</span>`,
    time(tx.time_s),
  ];
}

function pool_facts({ totals, newest }) {
  const known = fees.read();
  return html`${facts([
    ['Transactions', number(totals.txs)],
    ['Size', `${number(totals.vsize_vbytes)} vB`],
    ['Fees', money(totals.fees_sat)],
    ['Memory', `${bytes(totals.usage_bytes)} of ${bytes(totals.usage_bytes_max)}`],
    known && [
      'Estimated fees',
      known.map((one, at) => html`<span class="pair">${rate(one.rate_sat)} <span class="muted">in ${count(FEE_TARGETS[at], 'block')}</span></span>`),
    ],
    known && known[0].basis === node_fee_basis.floor
      ? ['', html`<span class="muted small">All that waits fits into the next block.</span>`]
      : null,
  ])}
  ${newest.length === 0 ? nothing : table('Newest transactions', ['Transaction', '>Fee', '>Rate', '>Size', 'Came'],
    newest.slice(0, POOL_SHOWN).map(pool_row))}`;
}

// ---- all of it -------------------------------------------------------------------------------------------------------------------

function info_facts(info) {
  const stats = chain_stats.read();
  return html`${sync_bar()}${facts([
    ['Network', name_of(node_network, info.network)],
    ['Tip', html`<a class="num" href="#/block/${info.tip.height}">${number(info.tip.height)}</a>, ${time(info.tip.time_s)}`],
    ['Hash', html`<span class="mono">${id_text(info.tip.hash)}</span>`],
    ['Headers', number(info.header_height)],
    [
      'Last block',
      { full: 'checked whole', partial: 'checked but for some inputs', unchecked: 'header only' }[
        name_of(node_validation, info.validation)
      ] ?? '',
    ],
    stats && ['Chain', `${count(stats.txs, 'transaction')}, ${count(stats.coins, 'unspent output')}`],
    stats && ['Coins made', money(stats.amount_sat)],
    stats && stats.partial_blocks > 0n
      ? ['Partial blocks', `${number(stats.partial_blocks)}: they hold scripts that this node can’t run`]
      : null,
    ['Program', `troupe-bitcoin ${info.version}, node process ${info.pid}`],
    ['Data', html`<span class="mono">${info.datadir}</span>`],
  ])}`;
}

export function draw() {
  return html`<h1 tabindex="-1">Node</h1>
    ${card('Chain', shown(node_info, info_facts))}
    ${card(
      'Newest blocks',
      shown(blocks, (found) => table('Newest blocks', ['Height', 'Time', 'Hash'], found.map(block_row))),
    )}
    ${card('Transactions that wait', shown(pool, pool_facts))} ${peers_card()}`;
}
