// wallets.js - which wallets there are: to choose one, make one, restore one.
import { html, nothing } from 'lit-html';

import { lapse } from './copy.js';
import { agreed, dialog, passphrase_input } from './dialogs.js';
import { act, busy, button, card, field, forget_doing, given, mark, outcome, shown, table } from './parts.js';
import { choose_wallet, notice, state, wallet_list, wallets } from './state.js';
import { wallets_words } from './words.js';

const PIECE_BYTES = 1 << 20;
const NAME = 'One to 32 of a-z, 0-9, _ and -.';

const name_field = (id) =>
  field(
    id,
    'Name',
    html`<input
      id=${id}
      name="name"
      required
      maxlength="32"
      pattern="[a-z0-9_\\-]+"
      autocomplete="off"
      autocapitalize="none"
      spellcheck="false"
      aria-describedby="${id}-hint"
    />`,
    NAME,
  );

function cancel_and(label, name, close) {
  return html`<div class="ends">
    <button type="button" @click=${() => close()}>Cancel</button><button class="main" aria-busy=${busy(name)}>${label}</button>
  </div>`;
}

async function make(event, close) {
  const { name, words = '', passphrase, again } = given(event);
  if (passphrase !== again) {
    throw new Error('The two passphrases differ: write the same twice, or none.');
  }
  await wallets.create({ name, words: words.trim().toLowerCase().split(/\s+/).join(' '), passphrase });
  close();
  await choose_wallet(name);
  lapse('wallets');
  notice(
    words === ''
      ? `The wallet “${name}” is ready. Write its words down before there is money in it: Settings, Show the words.`
      : `The wallet “${name}” is restored, and looks for its payments in the blocks that the node has.`,
    'good',
  );
}

// With words: its keys are restored.
function create(with_words) {
  forget_doing('create');
  return dialog(
    ({ close, title }) =>
      html`<form @submit=${act('create', (event) => make(event, close), wallets_words)}>
        <h2 id=${title}>${with_words ? 'Restore a wallet from words' : 'Create a wallet'}</h2>
        ${name_field('create-name')}
        ${
          with_words
            ? field(
                'create-words',
                'Words',
                html`<textarea
                  id="create-words"
                  name="words"
                  rows="3"
                  required
                  maxlength="256"
                  autocomplete="off"
                  autocapitalize="none"
                  spellcheck="false"
                ></textarea>`,
                'All of them, in their order, with spaces between.',
              )
            : nothing
        }
        ${field('create-passphrase', 'Passphrase', passphrase_input('create-passphrase', 'passphrase',
          { fresh: true, required: false }), 'It encrypts the keys. Empty: they are not encrypted.')}
        ${field('create-again', 'The same again', passphrase_input('create-again', 'again', { fresh: true, required: false }))}
        ${outcome('create')} ${cancel_and(with_words ? 'Restore' : 'Create', 'create', close)}
      </form>`,
  );
}

// A file of Wallet.backup, in pieces and in order.
async function send_file(name, file) {
  for (let offset = 0; offset === 0 || offset < file.size; offset += PIECE_BYTES) {
    const piece = new Uint8Array(await file.slice(offset, offset + PIECE_BYTES).arrayBuffer());
    await wallets.restore({ name, offset_bytes: BigInt(offset), is_last: offset + PIECE_BYTES >= file.size, piece });
  }
}

function restore_file() {
  forget_doing('restore');
  return dialog(
    ({ close, title }) =>
      html`<form
        @submit=${act(
          'restore',
          async (event) => {
            const { name, file } = given(event);
            await send_file(name, file);
            close();
            await choose_wallet(name);
            lapse('wallets');
          },
          wallets_words,
        )}
      >
        <h2 id=${title}>Restore a wallet from a file</h2>
        <p>From one that “Save a backup” made.</p>
        ${name_field('restore-name')} ${field('restore-file', 'File', html`<input id="restore-file" name="file" type="file" required />`)}
        ${outcome('restore')} ${cancel_and('Restore', 'restore', close)}
      </form>`,
  );
}

async function close_wallet(name) {
  await agreed({ heading: `Close “${name}”?`, text: 'It reads no blocks until it is opened again. Nothing is lost.', yes: 'Close it' });
  await wallets.close({ name });
  lapse('wallets');
}

function row({ name, is_open }) {
  const is_this = name === state.name;
  return [
    html`${name}${is_this ? html` <span class="tag">shown</span>` : nothing}`,
    is_open ? mark('done', 'open', 'good') : mark('lock', 'closed'),
    html`<span class="row"
        >${is_this && is_open ? nothing : button(`open ${name}`, is_open ? 'Show' : 'Open',
          () => choose_wallet(name), 'slim', wallets_words)}
        ${is_open ? button(`close ${name}`, html`Close<span class="unseen"> ${name}</span>`,
          () => close_wallet(name), 'slim', wallets_words) : nothing}</span
      >${outcome(`open ${name}`)}${outcome(`close ${name}`)}`,
  ];
}

export function wallets_card() {
  return card(
    'Wallets',
    html`${shown(wallet_list, (all) => table('Wallets', ['Name', 'State', ''], all.map(row)))}
      <div class="row">
        ${button('new wallet', 'Create a wallet', () => create(false))}${button('new words', 'Restore from words',
          () => create(true))}${button(
          'new file',
          'Restore from a file',
          restore_file,
        )}
      </div>`,
  );
}

// Of the header.
export function wallet_switcher() {
  const all = wallet_list.read() ?? [{ name: state.name }];
  const there = all.some(({ name }) => name === state.name) ? all : [...all, { name: state.name }];
  return html`<label class="unseen" for="wallet">Wallet</label>
    <select id="wallet" class="slim" @change=${({ target }) => choose_wallet(target.value)}>
      ${there.map(({ name }) => html`<option value=${name} .selected=${name === state.name}>${name}</option>`)}
    </select>`;
}

// In the place of what needs a wallet, while there is none.
export function without_wallet() {
  const all = wallet_list.read();
  return html`${card(
    `The wallet “${state.name}” is not open`,
    html`<p>${state.why}</p>
      <div class="row">${button('open this', 'Open it', () => choose_wallet(state.name))}</div>`,
  )}${all === undefined ? nothing : wallets_card()}`;
}
