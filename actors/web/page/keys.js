// keys.js - what opens the wallet to who has it: words and passphrase. Both are shown or asked for in a dialog only, and forgotten with it.
import { html } from 'lit-html';

import { lapse } from './copy.js';
import { agreed, dialog, passphrase_input, show, unlock, unlocked } from './dialogs.js';
import { act, busy, button, Cancelled, field, forget_doing, given, mark, outcome } from './parts.js';
import { notice, state, wallet_info } from './state.js';

export async function back_up() {
  await agreed({
    heading: 'Show the words of this wallet?',
    text: 'Whoever reads them has its money. Look around you first; then write them on paper, in their order, and hide that well.',
    yes: 'Show the words',
  });
  const { words } = await unlocked(() => state.wallet.get_words());
  await show(
    'The words of this wallet',
    html`<ol class="words">
        ${words.split(' ').map((word) => html`<li>${word}</li>`)}
      </ol>
      <p class="muted small">
        They restore the keys here and in other wallets (BIP39), without labels. There is no copy button: a clipboard is read by others.
      </p>`,
  );
}

function same_twice({ fresh, again }) {
  if (fresh !== again) {
    throw new Error('The two passphrases differ: write the same twice.');
  }
}

// Sets it, or changes it.
export async function set_passphrase() {
  const wallet = state.wallet;
  const has_one = (await wallet.get_info()).is_encrypted;
  forget_doing('passphrase');
  const done = await dialog(
    ({ close, title }) =>
      html`<form
        @submit=${act('passphrase', async (event) => {
          const { old = '', fresh, again } = given(event);
          same_twice({ fresh, again });
          await wallet.change_passphrase({ old, fresh });
          lapse('lock');
          close(true);
        })}
      >
        <h2 id=${title}>${has_one ? 'Change the passphrase' : 'Set a passphrase'}</h2>
        <p>It encrypts the keys in the wallet’s file. Nobody can recover it; the words can restore the keys without it.</p>
        ${has_one ? field('old', 'Passphrase until now', passphrase_input('old', 'old')) : ''}
        ${field('fresh', 'New passphrase', passphrase_input('fresh', 'fresh', { fresh: true }), 'Several words that nobody would guess.')}
        ${field('again', 'The same again', passphrase_input('again', 'again', { fresh: true }))} ${outcome('passphrase')}
        <div class="ends">
          <button type="button" @click=${() => close(false)}>Cancel</button>
          <button class="main" aria-busy=${busy('passphrase')}>${has_one ? 'Change it' : 'Encrypt the keys'}</button>
        </div>
      </form>`,
  );
  if (done) {
    notice('The keys are encrypted, and locked now. They are asked for when you pay.', 'good');
  }
}

export async function remove_passphrase() {
  const wallet = state.wallet;
  forget_doing('passphrase');
  await dialog(
    ({ close, title }) =>
      html`<form
        @submit=${act('passphrase', async (event) => {
          await wallet.change_passphrase({ old: given(event).old, fresh: '' });
          lapse('lock');
          close(true);
        })}
      >
        <h2 id=${title}>Take the passphrase away?</h2>
        <p>Then whoever reads the wallet’s file has its keys.</p>
        ${field('old', 'Passphrase', passphrase_input('old', 'old'))} ${outcome('passphrase')}
        <div class="ends">
          <button type="button" @click=${() => close(false)}>Cancel</button>
          <button class="danger" aria-busy=${busy('passphrase')}>Take it away</button>
        </div>
      </form>`,
  );
}

// Of the header: whether the keys are open, and the other way round.
export function lock_button() {
  const info = wallet_info.read();
  if (state.wallet === null || info === undefined || !info.is_encrypted) {
    return '';
  }
  return info.is_locked
    ? button(
        'lock',
        html`${mark('lock', 'locked')}<span class="unseen">: unlock</span>`,
        async () => {
          if (!(await unlock())) {
            throw new Cancelled();
          }
        },
        'bare',
      )
    : button('lock', html`${mark('open', 'unlocked', 'warn')}<span class="unseen">: lock now</span>`, () => state.wallet.lock(), 'bare');
}
