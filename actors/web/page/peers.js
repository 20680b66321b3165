// peers.js - other nodes: who this one talks to, and who it refuses.
import { html, nothing } from 'lit-html';

import { node_peer_state } from '../web/node.js';
import { lapse } from './copy.js';
import { agreed } from './dialogs.js';
import { duration, number } from './format.js';
import { act, busy, button, card, field, given, mark, outcome, shown, table } from './parts.js';
import { node, peers } from './state.js';
import { node_words } from './words.js';

const STATES = {
  [node_peer_state.connecting]: mark('pending', 'connecting', 'warn'),
  [node_peer_state.handshake]: mark('pending', 'greeting', 'warn'),
  [node_peer_state.ready]: mark('done', 'connected', 'good'),
  [node_peer_state.waiting]: mark('pending', 'waiting', 'warn'),
};

const done = () => lapse('peers');

async function ban(address) {
  await agreed({
    heading: `Ban ${address}?`,
    text: 'It is disconnected and refused for a day. You can lift the ban before that.',
    yes: 'Ban it',
    danger: true,
  });
  await node.ban({ address });
  done();
}

function state_of(peer) {
  const retry = peer.retry_s === undefined ? '' : `, tried again in ${duration(peer.retry_s)}`;
  return html`${STATES[peer.state] ?? 'unknown'}${peer.reason ? html`<span class="small muted">${peer.reason}${retry}</span>` : nothing}`;
}

function row(peer) {
  const { address } = peer;
  return [
    html`<span class="mono">${address}</span> <span class="muted small">${peer.is_inbound ? 'came to us' : ''}</span>`,
    html`<span class="stack tight">${state_of(peer)}</span>`,
    html`<span class="small">${peer.agent}</span>`,
    html`<span class="num">${number(peer.height)}</span>`,
    html`<span class="num">${peer.ping_ms === undefined ? '' : `${peer.ping_ms} ms`}</span>`,
    html`<span class="row"
        >${button(`drop ${address}`, html`Drop<span class="unseen"> ${address}</span>`,
          () => node.drop_peer({ address }).then(done), 'slim', node_words)}
        ${button(`ban ${address}`, html`Ban<span class="unseen"> ${address}</span>`, () => ban(address), 'slim danger', node_words)}</span
      >${outcome(`drop ${address}`)}${outcome(`ban ${address}`)}`,
  ];
}

function ban_row({ address, left_s, reason }) {
  return [
    html`<span class="mono">${address}</span>`,
    reason,
    `for ${duration(left_s)} more`,
    button(`lift ${address}`, 'Lift', () => node.ban({ address, seconds: 0 }).then(done), 'slim', node_words),
  ];
}

async function add(event) {
  const form = event.target;
  await node.add_peer({ address: given(event).address.trim() });
  form.reset();
  done();
}

function list({ peers: all, bans, is_active, listens_on }) {
  return html` ${is_active ? nothing : html`<p class="note warn">The network is off: no peer is talked to.</p>`}
    ${
      all.length === 0
        ? html`<p class="muted">There is no peer: the node looks for none by itself. Add one to follow its chain.</p>`
        : table('Peers', ['Address', 'State', 'Program', '>Block', '>Ping', ''], all.map(row))
    }
    ${
      bans.length === 0
        ? nothing
        : html`<h3>Banned</h3>
            ${table('Banned', ['Address', 'Why', 'How long', ''], bans.map(ban_row))}`
    }
    <p class="muted small">
      ${listens_on ? html`Others reach this node at <span class="mono">${listens_on}</span>.`
        : 'Nobody reaches this node: it does not listen (--listen).'}
    </p>
    <form class="row end-row" @submit=${act('add peer', add, node_words)}>
      ${field('peer', 'Another node', html`<input id="peer" name="address" class="mono" required maxlength="64" autocomplete="off"
        placeholder="127.0.0.1:18444" />`)}
      <button aria-busy=${busy('add peer')}>Add</button>
      ${button('network', is_active ? 'Switch the network off' : 'Switch the network on',
        () => node.set_network_active({ is_active: !is_active }).then(done), '', node_words)}
    </form>
    ${outcome('add peer')}${outcome('network')}`;
}

export const peers_card = () => card('Peers', shown(peers, list));
