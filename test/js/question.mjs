// question.mjs - a person before a tab, for test_web.py: gives the node a branch with more work, answers what it asks.
//   node question.mjs BASE COOKIE BLOCKS     BLOCKS: a file of one block in hexadecimal a line
import { readFileSync } from 'node:fs';

import { Node } from '../../web/node.js';
import { Peer } from '../../web/troupe.js';
import { Web } from '../../web/web.js';
import { dial_tab, until } from './dial.mjs';

const [base, cookie, file] = process.argv.slice(2);
const peer = new Peer(dial_tab(base, cookie), () => {});
await until(() => peer.up);
const node = new Node(peer.role('node'));
const web = new Web(peer.role('web'));

let asked = [];
let height = 0;
await web.on_asked((fields) => (asked = fields?.questions ?? [])).ready;
await node.on_tip_changed(({ tip }) => (height = tip.height)).ready;
const refused = (call) => call.then(() => 'taken', (error) => error.code);

// The role tells the node that a person is here before it answers this.
console.log(await refused(web.answer({ id: 1n, choice: 0 })));
for (const line of readFileSync(file, 'ascii').trim().split('\n')) {
  await node.submit_block({ block: Uint8Array.from(Buffer.from(line, 'hex')) });
}
await until(() => asked.length === 1);
const [{ id, text, choices, default_choice, until_ms }] = asked;
const left_ms = Number(until_ms) - Date.now();
console.log(text);
console.log(`${choices.length} choices, ${default_choice} by default, in time: ${left_ms > 0 && left_ms <= 60000}, at block ${height}`);
console.log(await refused(web.answer({ id, choice: 7 })));
console.log(await refused(web.answer({ id, choice: 0 })));
console.log(await refused(web.answer({ id, choice: 0 })));
await until(() => height === 22 && asked.length === 0);
console.log('followed');
peer.close();
