// wallet.mjs - what a person does with a wallet.
import assert from 'node:assert/strict';

import { address, balance_is, create, mine, review, unlock, view } from './person.mjs';

// From nothing to a payment that is confirmed; keys under a passphrase are asked for on the way.
export async function wallet_is_made_and_pays(stage) {
  const page = await stage.enter();
  await create(page, 'first', 'correct horse');
  await mine(page, 101);
  await balance_is(page, '50.00000000');
  const to = await address(page, 'rent');
  await review(page, to, '1.5');
  await page.getByRole('button', { name: 'Pay now' }).click();
  await page.getByRole('heading', { name: 'Unlock the wallet “first”' }).waitFor();
  await unlock(page, 'wrong');
  await page.getByText('Check the keyboard’s layout').waitFor();
  await unlock(page, 'correct horse');
  await page.getByRole('heading', { name: 'Sent' }).waitFor();
  await view(page, 'history');
  await page.getByText('pending').first().waitFor();
  assert.equal(stage.ask('mempool').txs ?? stage.ask('mempool').length, 1);
  await mine(page, 1);
  await view(page, 'history');
  await page.getByText('confirmed, 1 of 6').waitFor();
}
