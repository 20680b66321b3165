// words.js - what went wrong, as a sentence that says what to do. Most of the program's own texts do; what they leave out is said here.
import { E, TroupeError } from '../web/troupe.js';
import { wallet_not_found, wallet_refused, wallet_uncertain, wallet_wrong_network, wallet_wrong_passphrase } from '../web/wallet.js';
import { node_bad_address, node_peers_full, node_refused, node_wrong_network } from '../web/node.js';
import { wallets_exists, wallets_not_found } from '../web/wallets.js';

// Each interface has its own numbers: a caller says whose errors it may get.
export const wallet_words = new Map([
  [wallet_not_found.code, 'Load the page again to see what is there.'],
  [wallet_wrong_network.code, 'Ask for an address of the network that is shown above.'],
  [wallet_wrong_passphrase.code, 'Check the keyboard’s layout and capitals, then try again.'],
  [wallet_refused.code, 'Nothing was paid. Draft the payment again, perhaps with a higher fee.'],
  [wallet_uncertain.code, 'Send the same draft again: it can’t pay twice. A new payment would.'],
]);
export const wallets_words = new Map([
  [wallets_not_found.code, 'Choose another wallet, or create one.'],
  [wallets_exists.code, 'Choose another name.'],
]);
export const node_words = new Map([
  [node_refused.code, 'The node keeps what it has.'],
  [node_wrong_network.code, 'Only regtest has this.'],
  [node_bad_address.code, 'A peer is an IP address and a port: 127.0.0.1:18444, [::1]:18444.'],
  [node_peers_full.code, 'Drop a peer first.'],
]);

const bus_words = new Map([
  [E.DOWN, 'Its process has ended and is started again: try again in a moment. Nothing was done.'],
  [E.LOST, 'Its process ended meanwhile: see whether it was done before you try again.'],
  [E.NOENT, 'It is not there now: try again in a moment.'],
  [E.REF, 'It was closed or started again: try again in a moment.'],
  [E.TIMEOUT, 'It is busy: see whether it was done, and try again later.'],
  [E.BUSY, 'It is busy: try again later.'],
  [E.UNANSWERED, 'Try again.'],
]);

// What passes by itself when a process or a connection is there again.
const passing = new Set([E.DOWN, E.LOST, E.NOENT, E.REF, E.TIMEOUT, E.BUSY, E.CLOSED, E.UNANSWERED]);
export const passes = (error) => error instanceof TroupeError && passing.has(error.code);

export const is = (error, failure) => error instanceof TroupeError && error.code === failure.code;

// The program's texts are parts of lines; here they stand alone.
export function sentence(text) {
  const trimmed = text.trim();
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? '' : '.'}`;
}

export function say(error, words = wallet_words) {
  const to_do = bus_words.get(error.code) ?? words.get(error.code) ?? '';
  return `${sentence(error.message)} ${to_do}`.trim();
}
