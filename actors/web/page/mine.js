// mine.js - blocks of one's own, on regtest: money and confirmations to try things with.
import { html, nothing } from 'lit-html';

import { count, number } from './format.js';
import { act, busy, card, field, given, outcome } from './parts.js';
import { changed, is_regtest, node, node_info, state } from './state.js';
import { node_words } from './words.js';

const BLOCKS_MAX = 1000;

let mined = null; // { done, of } while it mines
let mines_to = null; // { name, script }: an address of the wallet for all blocks, instead of one each time

async function script_for(address) {
  if (address !== '') {
    const { is_valid, reason, script } = await state.wallet.validate_address({ address });
    if (!is_valid) {
      throw new Error(`This is no address to mine to: ${reason}.`);
    }
    return script;
  }
  if (mines_to?.name !== state.name) {
    const made = await state.wallet.new_address({ label: 'mined' });
    mines_to = { name: state.name, script: (await state.wallet.validate_address({ address: made.address.text })).script };
  }
  return mines_to.script;
}

async function mine(event) {
  const { blocks, address } = given(event);
  const wanted = Number(blocks);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > BLOCKS_MAX) {
    throw new Error(`Write how many blocks: 1 to ${BLOCKS_MAX}.`);
  }
  const script = await script_for(address.trim());
  mined = { done: 0, of: wanted };
  try {
    for await (const { height } of node.mine({ count: wanted, script })) {
      mined = { done: mined.done + 1, of: wanted, height };
      changed();
    }
    return `${count(mined.done, 'block')} mined: the chain is at block ${number(mined.height)}.`;
  } finally {
    mined = null;
  }
}

function form() {
  return html`<p>Blocks cost nothing here. A mined coin can be spent after 100 more blocks: the first 101 make 50 BTC spendable.</p>
    <form class="stack" novalidate @submit=${act('mine', mine, node_words)}>
      <div class="columns">
        ${field('blocks', 'Blocks', html`<input id="blocks" name="blocks" value="1" inputmode="numeric"
          autocomplete="off" maxlength="4" />`)}
        ${field('mine-to', 'Pay to', html`<input id="mine-to" name="address" class="mono" maxlength="160" autocomplete="off"
          placeholder="this wallet" aria-describedby="mine-to-hint" />`, 'Empty: an address of this wallet.')}
      </div>
      ${mined ? html`<progress max=${mined.of} .value=${mined.done} aria-label="Blocks mined"></progress>` : nothing} ${outcome('mine')}
      <div class="row"><button class="main" aria-busy=${busy('mine')}>Mine</button></div>
    </form>`;
}

export function draw() {
  return html`<h1 tabindex="-1">Mine</h1>
    ${card(
      'Blocks of your own',
      node_info.read() === undefined
        ? '…'
        : is_regtest()
          ? form()
          : html`<p class="muted">Only on regtest: start the program with --network=regtest, and a data directory of its own.</p>`,
    )}`;
}
