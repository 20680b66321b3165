// coins.js - what the wallet can spend, coin by coin: which are kept back, and which a payment is to spend.
import { html, nothing } from 'lit-html';

import { lapse } from './copy.js';
import { btc, count, id_text } from './format.js';
import { labelled } from './label.js';
import { button, card, id_link, mark, money, outcome, shown, table } from './parts.js';
import { changed, coins, state } from './state.js';
import { spend } from './send.js';

const SPENT_MAX = 200; // by one payment that names its coins
const SHOWN = 100;

const picked = new Set(); // keys
let shown_count = SHOWN;

const key = (coin) => `${id_text(coin.txid)}:${coin.index}`;
const outpoint = ({ txid, index }) => ({ txid, index });

export function leave() {
  picked.clear();
  shown_count = SHOWN;
}

function marks(coin) {
  return html`<span class="row"
    >${coin.is_pending ? mark('pending', 'pending', 'warn') : coin.is_mature ? mark('done', 'spendable', 'good')
      : mark('pending', 'immature', 'warn')}
    ${coin.is_locked ? mark('lock', 'kept back') : nothing}${coin.is_held ? mark('lock', 'in a draft') : nothing}</span
  >`;
}

function row(coin) {
  return [
    html`<label class="check"
      ><input
        type="checkbox"
        aria-label="Choose the coin ${key(coin)} of ${btc(coin.amount_sat)} BTC"
        .checked=${picked.has(key(coin))}
        @change=${(event) => {
          picked[event.target.checked ? 'add' : 'delete'](key(coin));
          changed();
        }}
      />${money(coin.amount_sat)}</label
    >`,
    marks(coin),
    html`<span class="mono">${coin.address.text}</span>${labelled(coin.address)}`,
    html`${id_link(coin.txid)}<span class="muted">:${coin.index}</span>`,
  ];
}

async function keep_back(chosen, is_locked) {
  await state.wallet.lock_coins({ coins: chosen.map(outpoint), is_locked });
  picked.clear();
  lapse('money');
}

function actions(entries) {
  const chosen = entries.filter((coin) => picked.has(key(coin)));
  const sum = chosen.reduce((all, coin) => all + coin.amount_sat, 0n);
  const none = chosen.length === 0;
  return html`<div class="row">
      <span role="status"
        >${none ? html`<span class="muted">Choose coins to keep them back, or to spend them.</span>`
          : html`${count(chosen.length, 'coin')}, ${money(sum)}`}</span
      >
      ${
        none
          ? nothing
          : html` ${button('keep', 'Keep back', () => keep_back(chosen, true), 'slim')}
            ${button('free', 'Free', () => keep_back(chosen, false), 'slim')}
            ${button(
              'spend',
              'Spend these',
              () => {
                if (chosen.length > SPENT_MAX) {
                  throw new Error(`Choose ${SPENT_MAX} coins at most for one payment.`);
                }
                spend(chosen.map(outpoint));
                location.hash = '#/send';
              },
              'slim',
            )}`
      }
    </div>
    ${['keep', 'free', 'spend'].map(outcome)}`;
}

function list({ entries, more }) {
  if (entries.length === 0) {
    return html`<p class="muted">There is none.</p>`;
  }
  return html`${actions(entries)} ${table('Coins', ['Amount', 'State', 'Address', 'Output'], entries.slice(0, shown_count).map(row))}
  ${
    entries.length > shown_count
      ? html`<div>
          <button
            type="button"
            @click=${() => {
              shown_count += SHOWN;
              changed();
            }}
          >
            Show more
          </button>
        </div>`
      : more
        ? html`<p class="muted">There are more: the command coins lists all.</p>`
        : nothing
  }`;
}

export function draw() {
  return html`<h1 tabindex="-1">Coins</h1>
    ${card('Unspent outputs', shown(coins, list))}`;
}
