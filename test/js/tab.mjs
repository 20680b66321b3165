// tab.mjs - a tab as a browser has it, for test_web.py: asks for a path with the cookie, opens the WebSocket, calls node and wallet.
//   node tab.mjs BASE COOKIE
import { node_network, Node } from '../../web/node.js';
import { Peer } from '../../web/troupe.js';
import { Wallet } from '../../web/wallet.js';
import { Wallets } from '../../web/wallets.js';
import { dial_tab, until } from './dial.mjs';

const [base, cookie] = process.argv.slice(2);
const peer = new Peer(dial_tab(base, cookie), (up, error) => console.log(up ? 'up' : `down: ${error.message}`));
const node = new Node(peer.role('node'));
const wallets = new Wallets(peer.role('wallet'));

await until(() => peer.up);
const { network } = await node.get_info();
console.log(`network ${Object.keys(node_network).find((name) => node_network[name] === network)}`);

const blocks = [];
node.on_block_connected((fields, event) => blocks.push(fields ?? event));
const tips = [];
const tip = node.on_tip_changed(({ tip: newest }) => tips.push(newest.height));
await tip.ready;

const hashes = [];
const script = Uint8Array.from(Buffer.from('0014751e76e8199196d454941c45d1b3a323f1433bd6', 'hex'));
for await (const { hash } of node.mine({ count: 5, script })) {
  hashes.push(hash);
}
await until(() => tips.at(-1) === 5 && blocks.length === 5);
console.log(`mined ${hashes.length}, told of ${blocks.length}, tip ${tips.at(-1)}`);
const { block } = await node.get_block({ hash: hashes[0] });
console.log(`block of ${block.length} bytes: ${block.length > 80}`);

const { wallet } = await wallets.open({ name: 'default' });
const { balance } = await new Wallet(wallet).get_balance();
console.log(`balance of ${typeof balance.confirmed_sat}`);
try {
  await wallets.open({ name: 'nobody' });
} catch (error) {
  console.log(`refused ${error.code}`);
}
peer.close();
