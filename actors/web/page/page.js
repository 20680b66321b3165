// page.js - the wallet's page: which view is shown, and all around it. A view is drawn whole whenever something changed; lit-html touches
// what differs.
import { html, nothing, render } from 'lit-html';

import { node_network } from '../web/node.js';
import * as block from './block.js';
import * as coins from './coins.js';
import { lapse } from './copy.js';
import { draw_dialogs } from './dialogs.js';
import { name_of } from './format.js';
import * as history from './history.js';
import { lock_button } from './keys.js';
import * as mine from './mine.js';
import * as node_page from './node_page.js';
import * as overview from './overview.js';
import { forget_doings } from './parts.js';
import * as payment from './payment.js';
import * as questions from './questions.js';
import * as receive from './receive.js';
import * as send from './send.js';
import * as settings from './settings.js';
import { dismiss, draws, is_regtest, node_info, state } from './state.js';
import { wallet_switcher, without_wallet } from './wallets.js';

// By the name in the address; `free` of them need no wallet, `under` is what the navigation shows. Mine is last: it comes once the
// network is known, and nothing moves then.
const VIEWS = {
  overview: { title: 'Overview', view: overview },
  receive: { title: 'Receive', view: receive },
  send: { title: 'Send', view: send },
  history: { title: 'History', view: history },
  coins: { title: 'Coins', view: coins },
  node: { title: 'Node', view: node_page, free: true },
  settings: { title: 'Settings', view: settings, free: true },
  mine: { title: 'Mine', view: mine },
  tx: { title: 'Payment', view: payment, under: 'history' },
  block: { title: 'Block', view: block, free: true, under: 'node' },
};

let shown = null; // the name
let wallet = state.name;

function place() {
  const [, name, what] = location.hash.split('/');
  return { name: Object.hasOwn(VIEWS, name) ? name : (shown ?? 'overview'), what };
}

function link(name) {
  const current = (VIEWS[shown].under ?? shown) === name;
  return html`<a href="#/${name}" aria-current=${current ? 'page' : nothing}>${VIEWS[name].title}</a>`;
}

function notices() {
  return state.notices.map(
    ({ id, text, level }) =>
      html`<p class="note ${level} row">
        <span>${text}</span> <button type="button" class="plain slim" @click=${() => dismiss(id)}>Dismiss</button>
      </p>`,
  );
}

function draw() {
  const { view, free } = VIEWS[shown];
  if (wallet !== state.name) {
    wallet = state.name; // what was filled in was for the other one
    Object.values(VIEWS).forEach((one) => one.view.leave?.());
    send.forget();
  }
  const info = node_info.read();
  const names = Object.keys(VIEWS).filter((name) => !VIEWS[name].under && name !== 'mine');
  render(
    html`${info
      ? html`<span class="tag ${info.network === node_network.main ? '' : 'warn'}">${name_of(node_network, info.network)}</span>`
      : nothing}${wallet_switcher()}${lock_button()}`,
    document.getElementById('tools'),
  );
  render(
    [names.map(link), html`<a href="/observer.html">Observer</a>`, is_regtest() ? link('mine') : nothing],
    document.getElementById('views'),
  );
  render([questions.waiting(), notices()], document.getElementById('notices'));
  render(state.wallet === null && state.why !== null && !free ? without_wallet() : view.draw(), document.getElementById('view'));
  draw_dialogs();
}

// The heading of what came takes the focus, so that who listens hears it; not at the start.
function go() {
  const { name, what } = place();
  const before = shown;
  VIEWS[name].view.go?.(what);
  if (before !== null && before !== name) {
    VIEWS[before].view.leave?.();
  }
  shown = name;
  forget_doings();
  lapse('money', 'lock', 'wallets');
  document.title = `${VIEWS[name].title} - troupe-bitcoin`;
  draw();
  document.querySelector('#views [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  if (before !== null) {
    scrollTo(0, 0);
    document.querySelector('#view h1')?.focus();
  }
}

document.getElementById('view').replaceChildren();
draws(() => shown !== null && draw());
addEventListener('hashchange', go);
// Labels and addresses that another tab made are told by no event.
document.addEventListener('visibilitychange', () => document.hidden || lapse('money', 'wallets'));
go();
questions.begin();
