// wire.js - transactions and blocks as they are on the wire, and the addresses of scripts. The bytes are the program's own node's and
// wallet's, which have checked them; what does not fit throws all the same.
import { sha256 } from '@noble/hashes/sha2.js';
import { bech32, bech32m, createBase58check } from '@scure/base';

import { node_network } from '../web/node.js';

const base58check = createBase58check(sha256);
const NETWORKS = {
  [node_network.main]: { hrp: 'bc', p2pkh: 0x00, p2sh: 0x05 },
  [node_network.signet]: { hrp: 'tb', p2pkh: 0x6f, p2sh: 0xc4 },
  [node_network.regtest]: { hrp: 'bcrt', p2pkh: 0x6f, p2sh: 0xc4 },
};
const HEADER_BYTES = 80;

export const double_sha256 = (bytes) => sha256(sha256(bytes));

class Reader {
  at = 0;
  #view;

  constructor(bytes) {
    this.data = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(size) {
    if (this.at + size > this.data.length) {
      throw new Error('it ends too early');
    }
    this.at += size;
    return this.data.subarray(this.at - size, this.at);
  }

  u32() {
    this.take(4);
    return this.#view.getUint32(this.at - 4, true);
  }

  i64() {
    this.take(8);
    return this.#view.getBigInt64(this.at - 8, true);
  }

  size() {
    const [first] = this.take(1);
    if (first < 0xfd) {
      return first;
    }
    const size = first === 0xfd ? 2 : first === 0xfe ? 4 : 8;
    this.take(size);
    return size === 2
      ? this.#view.getUint16(this.at - 2, true)
      : size === 4
        ? this.#view.getUint32(this.at - 4, true)
        : Number(this.#view.getBigUint64(this.at - 8, true));
  }

  list(read) {
    const all = [];
    for (let left = this.size(); left > 0; left--) {
      all.push(read());
    }
    return all;
  }
}

function read_tx(reader) {
  const start = reader.at;
  reader.u32();
  const has_witness = reader.data[reader.at] === 0;
  reader.take(has_witness ? 2 : 0);
  const body = reader.at;
  const inputs = reader.list(() => ({
    txid: reader.take(32),
    index: reader.u32(),
    script: reader.take(reader.size()),
    sequence: reader.u32(),
  }));
  const outputs = reader.list(() => ({ amount_sat: reader.i64(), script: reader.take(reader.size()) }));
  const body_end = reader.at;
  for (let each = 0; has_witness && each < inputs.length; each++) {
    reader.list(() => reader.take(reader.size()));
  }
  const lock_time = reader.take(4);
  const version = reader.data.subarray(start, start + 4);
  const stripped = Uint8Array.of(...version, ...reader.data.subarray(body, body_end), ...lock_time);
  const size = reader.at - start;
  return { txid: double_sha256(stripped), inputs, outputs, size, vsize: Math.ceil((3 * stripped.length + size) / 4) };
}

export const parse_tx = (bytes) => read_tx(new Reader(bytes));

// The header at `at` of many: { hash, prev_hash, time_s }.
export function parse_header(bytes, at = 0) {
  const header = bytes.subarray(at * HEADER_BYTES, (at + 1) * HEADER_BYTES);
  const reader = new Reader(header);
  reader.take(4);
  const prev_hash = reader.take(32);
  reader.take(32);
  return { hash: double_sha256(header), prev_hash, time_s: reader.u32() };
}

export const header_count = (bytes) => bytes.length / HEADER_BYTES;

// The first `max` of its transactions, and how many there are.
export function parse_block(bytes, max) {
  const reader = new Reader(bytes);
  const header = parse_header(reader.take(HEADER_BYTES));
  const count = reader.size();
  const txs = [];
  while (txs.length < Math.min(count, max)) {
    txs.push(read_tx(reader));
  }
  return { ...header, count, txs, size: bytes.length };
}

// ---- addresses ----------------------------------------------------------------------------------------------------------------

const starts = (script, ...bytes) => bytes.every((byte, at) => script[at] === byte);

function witness_address(script, hrp) {
  const version = script[0] === 0 ? 0 : script[0] - 0x50;
  const coder = version === 0 ? bech32 : bech32m;
  return coder.encode(hrp, [version, ...coder.toWords(script.subarray(2))]);
}

// The address that an output script has; undefined: it has none.
export function address_of(script, network) {
  const { hrp, p2pkh, p2sh } = NETWORKS[network];
  const is_program = (script[0] === 0 || (script[0] >= 0x51 && script[0] <= 0x60)) && script[1] === script.length - 2;
  if (is_program && script.length >= 4 && script.length <= 42) {
    return witness_address(script, hrp);
  }
  if (script.length === 25 && starts(script, 0x76, 0xa9, 20) && script[23] === 0x88 && script[24] === 0xac) {
    return base58check.encode(Uint8Array.of(p2pkh, ...script.subarray(3, 23)));
  }
  if (script.length === 23 && starts(script, 0xa9, 20) && script[22] === 0x87) {
    return base58check.encode(Uint8Array.of(p2sh, ...script.subarray(2, 22)));
  }
  return undefined;
}
