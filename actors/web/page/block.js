// block.js - one block of the active chain, and what is in it.
import { html, nothing } from 'lit-html';

import { copy, reset } from './copy.js';
import { btc, bytes, count, id_text, number } from './format.js';
import { card, copies, facts, money, shown, table, time } from './parts.js';
import { node, node_info } from './state.js';
import { address_of, parse_block } from './wire.js';

const TXS_MAX = 100;
const OUTPUTS_MAX = 4; // shown of one transaction

let wanted = 0;

async function read() {
  const height = wanted;
  const { hash } = await node.get_block_hash({ height });
  const { network } = await node.get_info();
  return { height, network, ...parse_block((await node.get_block({ hash })).block, TXS_MAX) };
}

const block = copy(read, 'link', 'node', 'block');

export function go(height) {
  wanted = Number(height);
  reset('block');
}

function outputs(tx, network) {
  const shown_ones = tx.outputs.slice(0, OUTPUTS_MAX).filter((one) => one.amount_sat > 0n || tx.outputs.length === 1);
  return html`<ul class="plain-list">
    ${shown_ones.map((one) => html`<li><span class="mono">${address_of(one.script, network) ?? 'a script'}</span>
          <span class="num muted">${btc(one.amount_sat)}</span></li>`)}
    ${tx.outputs.length > OUTPUTS_MAX ? html`<li class="muted">and ${number(tx.outputs.length - OUTPUTS_MAX)} more</li>` : nothing}
  </ul>`;
}

function show(found) {
  const tip = node_info.read()?.tip.height ?? found.height;
  const row = (tx) => [
    html`<span class="mono">${id_text(tx.txid).slice(0, 16)}…</span>`,
    outputs(tx, found.network),
    money(tx.outputs.reduce((sum, one) => sum + one.amount_sat, 0n)),
    html`<span class="num">${number(tx.vsize)} vB</span>`,
  ];
  return html`${card(
    `Block ${number(found.height)}`,
    facts([
      ['Hash', html`<span class="row"><span class="mono">${id_text(found.hash)}</span>${copies(id_text(found.hash), 'The hash')}</span>`],
      [
        'Before it',
        found.height === 0
          ? 'nothing: it is the first'
          : html`<a class="mono" href="#/block/${found.height - 1}">${id_text(found.prev_hash)}</a>`,
      ],
      ['Time', time(found.time_s)],
      ['Confirmations', number(tip - found.height + 1)],
      ['Size', bytes(found.size)],
      ['Transactions', number(found.count)],
    ]),
    found.height < tip ? html`<a class="small" href="#/block/${found.height + 1}">Next block</a>` : nothing,
  )}
  ${card(
    count(found.count, 'transaction'),
    html`${table('Transactions', ['Transaction', 'Pays', '>Amount', '>Size'], found.txs.map(row))}
    ${found.count > found.txs.length ? html`<p class="muted">and ${number(found.count - found.txs.length)} more</p>` : nothing}`,
  )}`;
}

export function draw() {
  return html`<h1 tabindex="-1">Block</h1>
    <p><a href="#/node">Back to the node</a></p>
    ${shown(block, show)}`;
}
