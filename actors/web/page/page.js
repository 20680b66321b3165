// page.js - the wallet of the program that serves this page, and its node, as a person sees them. Everything shown is set as text:
// nothing that comes from elsewhere is ever markup.
import { node_network, Node } from '../web/node.js';
import { Wallet } from '../web/wallet.js';
import { Wallets } from '../web/wallets.js';
import { connect, show_state } from './program.js';

const COIN = 100000000n;
const HISTORY_MAX = 50;
const WALLET = 'default';

// ---- what is shown --------------------------------------------------------------------------------------------------------

const by_id = (id) => document.getElementById(id);
const show = (id, text) => (by_id(id).textContent = text);
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
// Bitcoin shows hashes with their last byte first.
const id_of = (hash) => hex(Uint8Array.from(hash).reverse());

function coins(sat) {
  const size = sat < 0n ? -sat : sat;
  return `${sat < 0n ? '-' : ''}${size / COIN}.${String(size % COIN).padStart(8, '0')} BTC`;
}

// The other way round; undefined: it is no amount.
function satoshi(text) {
  const [, whole, part = ''] = /^(\d{1,8})(?:\.(\d{1,8}))?$/.exec(text.trim()) ?? [];
  return whole === undefined ? undefined : BigInt(whole) * COIN + BigInt(part.padEnd(8, '0'));
}

function fill(id, rows) {
  by_id(id).replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement('tr');
      row.replaceChildren(...cells.map((text) => Object.assign(document.createElement('td'), { textContent: text })));
      return row;
    }),
  );
}

// What a button does; what went wrong is said beside it.
function on(id, said, does) {
  by_id(id).addEventListener('submit', async (submitted) => {
    submitted.preventDefault();
    const button = by_id(id).querySelector('button');
    button.disabled = true;
    try {
      await does();
    } catch (error) {
      show(said, error.message);
    }
    button.disabled = false;
  });
}

// ---- the program ------------------------------------------------------------------------------------------------------------

const peer = connect((up) => up && begin().catch(trouble));
const trouble = (error) => show_state('part', 'connected', error.message);
const node = new Node(peer.role('node'));
const wallets = new Wallets(peer.role('wallet'));
let wallet = null;

async function show_history() {
  const { txs } = await wallet.list_txs({ max: HISTORY_MAX });
  fill('history', txs.map((tx) => [new Date(Number(tx.time_s) * 1000).toLocaleString(), tx.height === 0 ? 'pending' : `block ${tx.height}`,
    coins(tx.net_sat), id_of(tx.txid)]));
}

function show_balance(balance) {
  show('balance', coins(balance.confirmed_sat));
  show('pending', coins(balance.pending_sat));
  show('immature', coins(balance.immature_sat));
}

async function show_peers() {
  const { peers } = await node.list_peers();
  fill('peers', peers.map((one) => [one.address, one.agent, `block ${one.height}`]));
}

// Over each new link: the wallet's ref is another one. Roles' subscriptions go on by themselves.
async function begin() {
  const info = await node.get_info();
  show('network', Object.keys(node_network).find((name) => node_network[name] === info.network));
  by_id('network').hidden = false;
  by_id('mine').hidden = info.network !== node_network.regtest;
  await use((await wallets.open({ name: WALLET })).wallet);
  await show_peers();
}

async function use(ref) {
  wallet = new Wallet(ref);
  wallet.on_balance_changed((fields) => fields && show_balance(fields.balance));
  wallet.on_tx_changed((fields, { gone }) => gone || show_history()); // what was missed is in it, too
  show_balance((await wallet.get_balance()).balance);
  await show_history();
}

node.on_tip_changed(({ tip }) => show('tip', `block ${tip.height}, ${id_of(tip.hash)}`));
node.on_peers_changed(() => show_peers());
// A wallet's process that came back has another ref for it.
wallets.on_wallet_loaded((loaded) => {
  if (loaded?.name === WALLET) {
    use(loaded.wallet).catch(trouble);
  }
});

on('receive', 'address', async () => {
  const { address } = await wallet.new_address();
  show('address', address.text);
});

on('mine', 'mined', async () => {
  const { address } = await wallet.new_address();
  const { script } = await wallet.validate_address({ address: address.text });
  let count = 0;
  for await (const each of node.mine({ count: 1, script })) {
    show('mined', `block ${each.height}`);
    count++;
  }
  if (count === 0) {
    show('mined', 'none');
  }
});

// A payment is drafted and shown; the second press sends that draft.
let draft = null;

function forget_draft() {
  draft = null;
  by_id('pay').textContent = 'Draft';
}

on('send', 'paid', async () => {
  if (draft !== null) {
    const sent = (await wallet.send({ id: draft.id })).draft;
    forget_draft();
    show('paid', `sent: ${id_of(sent.txid)}`);
    return;
  }
  const amount_sat = satoshi(by_id('amount').value);
  if (amount_sat === undefined) {
    throw new Error('an amount in BTC, as 0.5');
  }
  draft = (await wallet.draft({ recipients: [{ address: by_id('to').value.trim(), amount_sat }], coins: [] })).draft;
  by_id('pay').textContent = 'Send';
  show('paid', `pays ${coins(draft.paid_sat)}, fee ${coins(draft.fee_sat)}: press again to send it`);
});

for (const id of ['to', 'amount']) {
  by_id(id).addEventListener('input', forget_draft);
}
