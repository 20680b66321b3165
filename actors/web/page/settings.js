// settings.js - what is done rarely: keys, backups, other wallets, the program itself.
import { html, nothing } from 'lit-html';

import { lapse } from './copy.js';
import { agreed, show, unlock, unlocked } from './dialogs.js';
import { count } from './format.js';
import { back_up, remove_passphrase, set_passphrase } from './keys.js';
import { act, button, busy, Cancelled, card, copies, facts, field, given, mark, outcome, shown } from './parts.js';
import { changed, node, state, wallet_info } from './state.js';
import { wallets_card, without_wallet } from './wallets.js';
import { node_words } from './words.js';

// ---- keys ------------------------------------------------------------------------------------------------------------------------

async function unlock_now() {
  if (!(await unlock())) {
    throw new Cancelled();
  }
}

function keys(info) {
  const state_of_keys = !info.is_encrypted
    ? mark('warn', 'not encrypted', 'warn')
    : info.is_locked
      ? mark('lock', 'encrypted, locked', 'good')
      : mark('open', 'encrypted, unlocked', 'warn');
  return html`<p class="row">
      ${state_of_keys}${info.is_encrypted ? nothing : html`<span class="muted">Whoever reads the wallet’s file has its keys.</span>`}
    </p>
    <div class="row">
      ${info.is_encrypted ? (info.is_locked ? button('keys unlock', 'Unlock', unlock_now) : button('keys lock', 'Lock now',
        () => state.wallet.lock().then(() => 'The keys are locked.'))) : nothing}
      ${button('keys set', info.is_encrypted ? 'Change the passphrase' : 'Set a passphrase', set_passphrase)}
      ${info.is_encrypted ? button('keys remove', 'Take it away', remove_passphrase, 'danger') : nothing}
      ${button('keys words', 'Show the words', back_up)}
    </div>
    ${['keys unlock', 'keys lock', 'keys set', 'keys remove', 'keys words'].map(outcome)}`;
}

// ---- backup ----------------------------------------------------------------------------------------------------------------------

async function save() {
  const pieces = [];
  for await (const { piece } of state.wallet.backup()) {
    pieces.push(piece);
  }
  const url = URL.createObjectURL(new Blob(pieces, { type: 'application/octet-stream' }));
  Object.assign(document.createElement('a'), { href: url, download: `${state.name}.troupe-wallet` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  return 'Saved where your browser keeps what it loads down.';
}

function backup(info) {
  return html`<p>
      The file has labels, history and
      keys${info.is_encrypted ? ', encrypted under your passphrase' : html`: <b>keys that are not encrypted</b>`}. The words have the keys
      alone.
    </p>
    <div class="row">${button('save', 'Save a backup', save)}</div>
    ${outcome('save')}`;
}

// ---- blocks, read again ------------------------------------------------------------------------------------------------------------

let rescan = null; // { height, to_height, stop }

async function look_again(event) {
  const from_height = Number(given(event).from);
  if (!Number.isInteger(from_height) || from_height < 0) {
    throw new Error('Write the height of a block: 0 is the first.');
  }
  const giving_up = new AbortController();
  let found = 0n;
  rescan = { height: from_height, stop: () => giving_up.abort() };
  try {
    for await (const { height, to_height, txs } of state.wallet.rescan({ from_height }, { signal: giving_up.signal })) {
      found = txs;
      rescan = { ...rescan, height, to_height };
      changed();
    }
    return `All blocks were looked at: ${count(found, 'transaction')} found.`;
  } finally {
    rescan = null;
    lapse('money');
  }
}

function rescan_form() {
  return html`<p>If a payment is missing, let the wallet look at the blocks again.</p>
    <form class="row end-row" novalidate @submit=${act('rescan', look_again)}>
      ${field('from', 'From block', html`<input id="from" name="from" value="0" inputmode="numeric" maxlength="8" autocomplete="off" />`)}
      <button aria-busy=${busy('rescan')}>Look again</button>
      ${rescan ? html`<button type="button" @click=${rescan.stop}>Stop</button>` : nothing}
    </form>
    ${rescan?.to_height ? html`<progress max=${rescan.to_height} .value=${rescan.height} aria-label="Blocks looked at"></progress>`
      : nothing}
    ${outcome('rescan')}`;
}

// ---- for others ------------------------------------------------------------------------------------------------------------------

async function descriptors() {
  const found = (await state.wallet.export_descriptors()).descriptors;
  await show(
    'Descriptors',
    html`<p>Another program that has them sees all that this wallet does, and can’t spend.</p>
      ${found.map(
        ({ text }) =>
          html`<div class="note stack">
            <span class="mono">${text}</span>
            <div>${copies(text, 'The descriptor')}</div>
          </div>`,
      )}`,
  );
}

async function watch(event) {
  const form = event.target;
  const { descriptor, watched_label } = given(event);
  const { is_known } = await state.wallet.import_watch_only({ descriptor: descriptor.trim(), label: watched_label.trim(), from_height: 0 });
  form.reset();
  lapse('money');
  return is_known ? 'It was watched already.' : 'It is watched. The blocks are looked at again for it.';
}

async function sign(event) {
  const { address, message } = given(event);
  const { signature } = await unlocked(() => state.wallet.sign_message({ address: address.trim(), message }));
  await show(
    'Signature',
    html`<p class="note mono">${signature}</p>
      <div>${copies(signature, 'The signature')}</div>`,
  );
}

function others() {
  return html` <div class="row">${button('descriptors', 'Show the descriptors', descriptors)}</div>
    ${outcome('descriptors')}
    <form class="stack" @submit=${act('watch', watch)}>
      <h3>Watch without a key</h3>
      <div class="columns">
        ${field('descriptor', 'Address, public key or descriptor',
          html`<input id="descriptor" name="descriptor" class="mono" required maxlength="2048" autocomplete="off" spellcheck="false" />`)}
        ${field('watched-label', 'Label', html`<input id="watched-label" name="watched_label" maxlength="100" autocomplete="off" />`)}
      </div>
      ${outcome('watch')}
      <div class="row"><button aria-busy=${busy('watch')}>Watch</button></div>
    </form>
    <form class="stack" @submit=${act('sign', sign)}>
      <h3>Sign a message</h3>
      <div class="columns">
        ${field('sign-address', 'With the key of', html`<input id="sign-address" name="address" class="mono" required maxlength="160"
          autocomplete="off" placeholder="an address of this wallet" />`)}
        ${field('message', 'Message', html`<textarea id="message" name="message" rows="2" required></textarea>`)}
      </div>
      ${outcome('sign')}
      <div class="row"><button aria-busy=${busy('sign')}>Sign</button></div>
    </form>`;
}

// ---- the program -------------------------------------------------------------------------------------------------------------------

async function end() {
  await agreed({
    heading: 'End the program?',
    text: 'Node and wallet close in order. Start it again where you started it; this page then needs the address that it prints.',
    yes: 'End it',
    danger: true,
  });
  await node.shutdown({ reason: 'asked for by the page' });
  return 'It ends.';
}

function program(info) {
  return html`${facts([
      ['Program', `troupe-bitcoin ${info.version}`],
      ['Wallet’s process', info.pid],
      ['Data', html`<span class="mono">${info.datadir}</span>`],
    ])}
    <div class="row">${button('end', 'End the program', end, 'danger', node_words)}</div>
    ${outcome('end')}`;
}

export function draw() {
  return html`<h1 tabindex="-1">Settings</h1>
    ${
      state.wallet === null && state.why !== null
        ? without_wallet()
        : html` ${card(`Keys of “${state.name}”`, shown(wallet_info, keys))} ${card('Backup', shown(wallet_info, backup))}
          ${wallets_card()}
          ${card('History', rescan_form())} ${card('For other programs', others())} ${card('Program', shown(wallet_info, program))}`
    }`;
}
