// overview.js - what a person wants to know first: what there is, what came and went last, and whether all of it is up to date.
import { html, nothing } from 'lit-html';

import { count, number } from './format.js';
import { payments } from './history.js';
import { back_up, set_passphrase } from './keys.js';
import { button, card, icon, money, shown } from './parts.js';
import { addresses, balance, history, is_regtest, node_info, peers, state, wallet_info } from './state.js';

const NEWEST = 5;

// How far node and wallet are, in words; `share` is undefined where both are level.
export function sync_state() {
  const info = node_info.read();
  const synced = balance.read()?.synced;
  if (info === undefined) {
    return { text: 'asking the node' };
  }
  if (info.tip.height < info.header_height) {
    return {
      text: `the node has ${number(info.tip.height)} of ${count(info.header_height, 'block')}`,
      share: info.tip.height / info.header_height,
    };
  }
  if (synced !== undefined && synced.height < info.tip.height) {
    return {
      text: `the wallet has read ${number(synced.height)} of ${count(info.tip.height, 'block')}`,
      share: synced.height / info.tip.height,
    };
  }
  return { text: `up to date at block ${number(info.tip.height)}`, level: true };
}

export function sync_bar() {
  const { text, share, level } = sync_state();
  return html`<p class="row small">
      ${level ? html`<span class="good">${icon('done')}</span>` : icon('pending')}<span id="sync">${text}</span>
    </p>
    ${share === undefined ? nothing : html`<progress max="1" .value=${share} aria-labelledby="sync"></progress>`}`;
}

function part(label, sat, hint) {
  return html`<div>
    <dt>${label}</dt>
    <dd>${money(sat)}</dd>
    ${hint ? html`<dd class="hint">${hint}</dd>` : nothing}
  </div>`;
}

function hero({ balance: all }) {
  return html`<section class="card hero" aria-label="Balance">
    <div>
      <p class="muted">Balance of “${state.name}”</p>
      <p class="sum" id="confirmed">${money(all.confirmed_sat)}</p>
    </div>
    <dl class="parts">
      ${part('Pending', all.pending_sat, 'in no block yet')} ${part('Immature', all.immature_sat, 'mined, too young to spend')}
      ${all.watch_only_sat === 0n ? nothing : part('Watched', all.watch_only_sat, 'of these, without a key here')}
    </dl>
    <div class="row"><a class="button main" href="#/send">Send</a><a class="button" href="#/receive">Receive</a></div>
    ${sync_bar()}
  </section>`;
}

// A wallet that somebody relies on has words on paper and a passphrase.
function care() {
  const info = wallet_info.read();
  if (info === undefined || info.is_encrypted) {
    return nothing;
  }
  return card(
    'Protect this wallet',
    html` <p>
        Its keys are not encrypted, and perhaps nobody has written its words down. Do both before there is money in it that matters.
      </p>
      <div class="row">${button('words', 'Show the words', back_up)}${button('encrypt', 'Set a passphrase', set_passphrase)}</div>`,
  );
}

function first_steps() {
  return html`<p class="muted">
    Nothing has come yet.
    ${
      is_regtest()
        ? html`On regtest you make your own coins: <a href="#/mine">mine some blocks</a>.`
        : html`<a href="#/receive">Give somebody an address</a> to be paid.`
    }
  </p>`;
}

function node_card() {
  const info = node_info.read();
  const those = peers.read();
  const ready = those?.peers.filter((one) => one.state === 2).length;
  return card(
    'Node',
    html`<p>
      ${info === undefined ? '…' : html`Block <span class="num">${number(info.tip.height)}</span>`}${
        ready === undefined ? nothing : html`, ${ready === 0 ? 'no peers' : count(ready, 'peer')}`
      }
    </p>`,
    html`<a class="small" href="#/node">Look at it</a>`,
  );
}

export function draw() {
  addresses.read(); // for the labels
  return html` <h1 tabindex="-1">Overview</h1>
    ${shown(balance, hero)} ${care()}
    ${card(
      'Newest payments',
      shown(history, ({ entries }) => (entries.length === 0 ? first_steps() : payments(entries.slice(0, NEWEST)))),
      html`<a class="small" href="#/history">All of the history</a>`,
    )}
    ${node_card()}`;
}
