// test_page.mjs - what the page's views stand on, without a browser: amounts, what is on the wire, copies that lapse, words.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { copy, draws_with, lapse, reset } from '../../page/copy.js';
import { btc, bytes, duration, id_bytes, id_text, rate, rate_sat, satoshi } from '../../page/format.js';
import { address_of, parse_block, parse_tx } from '../../page/wire.js';
import { passes, say, wallet_words } from '../../page/words.js';
import { node_network } from '../../web/node.js';
import { E, TroupeError } from '../../web/troupe.js';
import { wallet_wrong_passphrase } from '../../web/wallet.js';
import { until } from './dial.mjs';

const bytes_of = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));

test('amounts have all of their digits, both ways', () => {
  for (const [sat, text] of [
    [0n, '0.00000000'],
    [1n, '0.00000001'],
    [150000000n, '1.50000000'],
    [2100000000000000n, '21000000.00000000'],
  ]) {
    assert.equal(btc(sat), text);
    assert.equal(satoshi(text), sat);
  }
  assert.equal(btc(-5n), '−0.00000005');
  assert.equal(btc(5n, true), '+0.00000005');
  assert.equal(satoshi(' 0,5 '), 50000000n);
  for (const text of ['', '.5', '1.', '-1', '1e3', '0.123456789', '123456789', '1 000', '0x10', '١']) {
    assert.equal(satoshi(text), undefined, text);
  }
});

test('fee rates are those that the wallet takes', () => {
  assert.equal(rate_sat('2.5'), 2500n);
  assert.equal(rate(2500n), '2.50 sat/vB');
  assert.equal(rate(1000n), '1 sat/vB');
  assert.equal(rate_sat('10000'), 10000000n);
  for (const text of ['0', '10000.001', '', 'fast', '-1']) {
    assert.equal(rate_sat(text), undefined, text);
  }
});

test('ids are shown with their last byte first', () => {
  const text = '00'.repeat(31) + '0a';
  assert.equal(id_bytes(text)[0], 10);
  assert.equal(id_text(id_bytes(text)), text);
  assert.deepEqual([bytes(0n), bytes(1536n), duration(59), duration(61)], ['0 B', '1.5 KiB', '59 s', '2 min']);
});

// BIP173, BIP350, and what Bitcoin Core says of the rest.
test('scripts have the addresses that others give them', () => {
  for (const [script, network, address] of [
    ['0014751e76e8199196d454941c45d1b3a323f1433bd6', 'main', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'],
    [
      '00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262',
      'signet',
      'tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7',
    ],
    [
      '512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
      'main',
      'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
    ],
    ['0014751e76e8199196d454941c45d1b3a323f1433bd6', 'regtest', 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'],
    ['76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac', 'main', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'],
    ['a914b472a266d0bd89c13706a4132ccfb16f7c3b9fcb87', 'main', '3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy'],
    ['6a0548656c6c6f', 'main', undefined],
    ['', 'main', undefined],
  ]) {
    assert.equal(address_of(bytes_of(script), node_network[network]), address);
  }
});

const GENESIS =
  '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa' +
  '4b1e5e4a29ab5f49ffff001d1dac2b7c0101000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d' +
  '0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f75742066' +
  '6f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4' +
  'f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000';

test('a block is read, and cut anywhere refused', () => {
  const block = parse_block(bytes_of(GENESIS), 10);
  assert.equal(id_text(block.hash), '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f');
  assert.deepEqual([block.count, block.time_s, block.size], [1, 1231006505, 285]);
  assert.equal(id_text(block.txs[0].txid), '4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b');
  assert.equal(block.txs[0].outputs[0].amount_sat, 5000000000n);
  for (let size = 0; size < block.size; size++) {
    assert.throws(() => parse_block(bytes_of(GENESIS).subarray(0, size), 10), Error);
  }
});

// BIP143, native P2WPKH, signed.
test('a transaction with witnesses has its id without them', () => {
  const tx = parse_tx(
    bytes_of(
      '01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000494830450221008b9d1dc26ba6a9cb62127b02742fa9' +
        'd754cd3bebf337f7a55d114c8e5cdd30be022040529b194ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4cc618ef3ed01eeffffffef51e1b804cc89d1' +
        '82d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a' +
        '6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac000247304402203609e17b84f6a7d30c80bfa610b5b4542f32a8' +
        'a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee0121025476c2e83188368da1ff3e292e7a' +
        'cafcdb3566bb0ad253f62fc70f07aeee635711000000',
    ),
  );
  assert.equal(id_text(tx.txid), 'e8151a2af31c368a35053ddd4bdb285a8595c769a3ad83e0fa02314a602d4609');
  assert.deepEqual([tx.inputs.length, tx.outputs.length, tx.outputs[0].amount_sat, tx.size, tx.vsize], [2, 2, 112340000n, 343, 261]);
});

test('a copy is fetched when it is read, and again once it has lapsed', async () => {
  let held = 1;
  let fetched = 0;
  let drawn = 0;
  draws_with(() => drawn++);
  const one = copy(async () => (fetched++, held), 'some', 'others');
  assert.equal(fetched, 0, 'nobody has read it');
  assert.equal(one.read(), undefined);
  await until(() => one.read() === 1);
  assert.equal(fetched, 1);
  held = 2;
  lapse('unknown');
  assert.equal(one.read(), 1);
  lapse('others');
  assert.equal(one.read(), 1, 'the last value stays meanwhile');
  await until(() => one.read() === 2);
  const before = drawn;
  for (held = 3; held < 100; held++) {
    lapse('some');
    one.read();
  }
  await until(() => one.read() === 100);
  assert.ok(fetched < 10, `${fetched} fetches for a flood of events`);
  assert.ok(drawn > before);
});

test('what fails for a while is fetched again, what fails for good is said', async () => {
  let fails = new TroupeError(E.DOWN, 'away');
  const one = copy(async () => {
    if (fails !== null) {
      throw fails;
    }
    return 'here';
  }, 'failing');
  one.read();
  await until(() => one.read() === undefined && one.error === null);
  fails = null;
  await until(() => one.read() === 'here');
  fails = new TroupeError(E.INVAL, 'wrong');
  lapse('failing');
  await until(() => one.read() && one.error === fails);
  fails = null;
  lapse('failing');
  await until(() => one.read() && one.error === null);
});

test('what was fetched for another wallet does not arrive', async () => {
  const answers = [];
  const one = copy(() => new Promise((resolve) => answers.push(resolve)), 'wallet');
  one.read();
  reset('wallet');
  one.read();
  answers[1]('second');
  answers[0]('first');
  await until(() => one.read() !== undefined);
  assert.equal(one.read(), 'second');
});

test('an error says what to do', () => {
  const sentence = say(new TroupeError(wallet_wrong_passphrase.code, "that is not the wallet's passphrase"), wallet_words);
  assert.equal(sentence, "That is not the wallet's passphrase. Check the keyboard’s layout and capitals, then try again.");
  assert.match(say(new TroupeError(E.LOST, 'the link is gone')), /^The link is gone\. .*see whether it was done/);
  assert.ok(passes(new TroupeError(E.DOWN, '')) && !passes(new TroupeError(E.INVAL, '')) && !passes(new Error('')));
});
