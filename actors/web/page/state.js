// state.js - the node and the wallet as this tab sees them: facades, copies, the wallet that is looked at, and what a person is
// told. Events only say which copies have lapsed; so what was missed while a process or the connection was away needs no words here.
import { Node, node_network } from '../web/node.js';
import { E, TroupeError } from '../web/troupe.js';
import { Wallet } from '../web/wallet.js';
import { Wallets } from '../web/wallets.js';
import { Web } from '../web/web.js';
import { copy, draws_with, lapse, reset } from './copy.js';
import { btc } from './format.js';
import { connect, show_state } from './program.js';
import { passes, say, sentence, wallets_words } from './words.js';

const BEAT_MS = 1500;
const NOTICES_MAX = 4;
const ADDRESSES_MAX = 2000;
const COINS_MAX = 2000;
const PAGE = 50;
const AWAY = 'has ended and is started again by itself. What is shown may be old; nothing is lost.';

// ---- drawing --------------------------------------------------------------------------------------------------------------

let draw = () => {};
let waits = false;

// Something changed: drawn once, whatever else changes before the browser shows it.
export function changed() {
  if (!waits) {
    waits = true;
    queueMicrotask(() => {
      waits = false;
      draw();
    });
  }
}

export function draws(all) {
  draw = all;
  draws_with(changed);
}

// ---- what there is ---------------------------------------------------------------------------------------------------------

export const peer = connect(on_link);
export const node = new Node(peer.role('node'));
export const wallets = new Wallets(peer.role('wallet'));
export const web = new Web(peer.role('web'));

export const state = {
  up: false,
  name: sessionStorage.getItem('wallet') ?? 'default',
  wallet: null, // the facade of the one of that name, while it is open
  why: null, // why it is not
  notices: [],
  history_count: PAGE,
  pid: 0, // of the node's process
  away: new Set(), // roles without a process
};

export const is_regtest = () => node_info.read()?.network === node_network.regtest;

const of_wallet = (fetch) => async () => {
  if (state.wallet === null) {
    throw new TroupeError(E.DOWN, 'no wallet is open'); // until there is one, what is known stays
  }
  return fetch(state.wallet);
};

// All pages of a list, or the first of them up to `max` entries: { entries, more }.
async function pages(ask, name, max) {
  const entries = [];
  let cursor = 0n;
  do {
    const page = await ask({ cursor, max: 0 });
    entries.push(...page[name]);
    cursor = page.cursor;
  } while (cursor !== 0n && entries.length < max);
  return { entries: entries.slice(0, max), more: cursor !== 0n || entries.length > max };
}

export const node_info = copy(() => node.get_info(), 'link', 'node', 'tip');
export const chain_stats = copy(() => node.get_chain_stats(), 'link', 'node', 'tip');
export const peers = copy(() => node.list_peers(), 'link', 'node', 'peers');
export const pool = copy(read_pool, 'link', 'node', 'pool');
export const fees = copy(read_fees, 'link', 'node', 'pool', 'tip');
export const wallet_list = copy(read_wallets, 'link', 'wallets');
export const wallet_info = copy(
  of_wallet((wallet) => wallet.get_info()),
  'link',
  'wallet',
  'lock',
);
export const balance = copy(
  of_wallet((wallet) => wallet.get_balance()),
  'link',
  'wallet',
  'money',
);
export const addresses = copy(
  of_wallet((wallet) => pages((args) => wallet.list_addresses(args), 'addresses', ADDRESSES_MAX)),
  'link',
  'wallet',
  'money',
);
export const coins = copy(
  of_wallet((wallet) => pages((args) => wallet.list_coins(args), 'coins', COINS_MAX)),
  'link',
  'wallet',
  'money',
);
export const history = copy(
  of_wallet((wallet) => pages((args) => wallet.list_txs({ ...args, max: PAGE }), 'txs', state.history_count)),
  'link',
  'wallet',
  'money',
);
export const drafts = copy(
  of_wallet((wallet) => pages((args) => wallet.list_drafts(args), 'drafts', PAGE)),
  'link',
  'wallet',
  'money',
);

export function show_older() {
  state.history_count += PAGE;
  lapse('money');
}

async function read_pool() {
  const shown = [];
  let totals;
  for await (const item of node.get_mempool({ with_raw: false })) {
    shown.push(...item.txs);
    totals = item.totals;
  }
  return { totals, newest: shown.slice(-PAGE).reverse() };
}

export const FEE_TARGETS = [1, 6, 144];

async function read_fees() {
  return Promise.all(FEE_TARGETS.map((target_blocks) => node.estimate_fee({ target_blocks })));
}

async function read_wallets() {
  const found = [];
  let page;
  do {
    page = await wallets.list({ after: found.at(-1)?.name ?? '' });
    found.push(...page.wallets);
  } while (page.has_more && found.length < ADDRESSES_MAX);
  return found;
}

// ---- what a person is told -------------------------------------------------------------------------------------------------

let notice_id = 0;

export function notice(text, level = 'info') {
  const id = ++notice_id;
  state.notices = [...state.notices.slice(1 - NOTICES_MAX), { id, text, level }];
  changed();
}

export function dismiss(id) {
  state.notices = state.notices.filter((one) => one.id !== id);
  changed();
}

function show_parts() {
  const [who] = state.away;
  if (state.up) {
    const text = who === undefined ? 'connected' : `${who} is away`;
    show_state(who === undefined ? 'up' : 'part', text, who === undefined ? '' : `The ${who}’s process ${AWAY}`);
  }
}

// ---- the connection, and the processes behind it -----------------------------------------------------------------------------

function on_link(up) {
  state.up = up;
  state.wallet = null;
  if (up) {
    state.away.clear();
    lapse('link');
    find_wallet();
    beat();
  }
  changed();
}

function is_there(who, there) {
  if (there !== state.away.has(who)) {
    return;
  }
  state.away[there ? 'delete' : 'add'](who);
  show_parts();
  if (there) {
    lapse('link');
    find_wallet();
  }
}

// A process that died is noticed by nothing else while nobody asks it anything.
let beats = null;
async function beat() {
  clearTimeout(beats);
  await Promise.all([
    ask_if_there('node', async () => knows_process((await node.get_info()).pid)),
    ask_if_there('wallet', () => wallets.list()),
  ]);
  if (state.up && state.wallet === null && state.why === null) {
    find_wallet(); // it was asked for when nobody could answer
  }
  clearTimeout(beats);
  if (state.up) {
    beats = setTimeout(beat, BEAT_MS);
  }
}

async function ask_if_there(who, ask) {
  try {
    await ask();
    is_there(who, true);
  } catch (error) {
    if (state.up && passes(error)) {
      is_there(who, false);
    }
  }
}

function knows_process(pid) {
  if (state.pid !== 0 && state.pid !== pid) {
    notice('The node was started again. What is shown here is up to date with it.', 'warn');
    lapse('node');
  }
  state.pid = pid;
}

// ---- the wallet that is looked at ------------------------------------------------------------------------------------------

let finding = 0;

// Over each new link, and in each new process, its ref is another one.
export async function find_wallet() {
  const turn = ++finding;
  try {
    const { wallet } = await wallets.open({ name: state.name });
    if (turn === finding) {
      use(wallet);
    }
  } catch (error) {
    if (turn === finding) {
      state.wallet = null;
      state.why = passes(error) ? null : say(error, wallets_words);
      changed();
    }
  }
}

export function choose_wallet(name) {
  state.name = name;
  sessionStorage.setItem('wallet', name);
  state.history_count = PAGE;
  forget_wallet();
  return find_wallet();
}

let listening = [];

function forget_wallet() {
  listening.forEach((one) => one.close());
  listening = [];
  state.wallet = null;
  reset('wallet');
}

function use(ref) {
  listening.forEach((one) => one.close());
  const wallet = new Wallet(ref);
  state.wallet = wallet;
  state.why = null;
  const money = () => lapse('money');
  listening = [
    wallet.on_balance_changed(money),
    wallet.on_synced_to(money),
    wallet.on_address_used(money),
    wallet.on_lock_changed(() => lapse('lock')),
    wallet.on_tx_changed((fields) => {
      money();
      tell_tx(fields);
    }),
  ];
  listening.forEach((one) => one.ready.catch(() => {}));
  lapse('wallet', 'wallets');
}

function tell_tx(fields) {
  if (fields?.tx.is_pending && !fields.is_removed && fields.tx.net_sat > 0n) {
    notice(`${btc(fields.tx.net_sat)} BTC are on their way to this wallet: pending until a block has them.`, 'good');
  }
}

// ---- events -----------------------------------------------------------------------------------------------------------------

node.on_tip_changed(() => lapse('tip'));
node.on_block_connected(() => lapse('tip'));
node.on_block_disconnected(() => lapse('tip'));
node.on_tx_added(() => lapse('pool'));
node.on_tx_removed(() => lapse('pool'));
node.on_peers_changed(() => lapse('peers'));
node.on_sync_progress((fields) => {
  state.progress = fields;
  lapse('tip');
});
node.on_alert((fields) => fields && notice(sentence(fields.text), ['info', 'warn', 'bad'][fields.level] ?? 'warn'));
wallets.on_wallet_loaded((fields) => {
  lapse('wallets');
  if (fields?.name === state.name) {
    finding++;
    use(fields.wallet);
  } else if (fields === null) {
    find_wallet(); // its process is another one
  }
});
wallets.on_wallet_unloaded((fields) => {
  lapse('wallets');
  if (fields?.name === state.name) {
    forget_wallet();
    state.why = 'This wallet was closed. Open it again, or choose another one.';
  }
});
