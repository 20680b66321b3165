// wallet.mjs - what a person does with a wallet.
import assert from 'node:assert/strict';

import { address, balance_is_shown, create, mine, review, unlock, view } from './person.mjs';

// From nothing to a payment that is confirmed; keys under a passphrase are asked for on the way.
export async function wallet_is_made_and_pays(stage) {
  const page = await stage.enter();
  await create(page, 'first', 'correct horse');
  await mine(page, 101);
  assert.ok((await balance_is_shown(stage, page, 'first')) > 0);
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

// A label is whatever a person, or another program, wrote.
export async function script_in_a_label_stays_text(stage) {
  const page = await stage.enter();
  const label = '<img src=x onerror="document.title=1"><script>document.title=1</script>';
  await create(page, 'labels');
  const text = await address(page, label);
  await page.locator('td').getByText(label).waitFor();
  await mine(page, 1, text);
  for (const name of ['coins', 'history', 'receive']) {
    await view(page, name);
    await page.locator('main td, .payments').first().waitFor();
    assert.equal(await page.locator('main img, main script').count(), 0);
  }
  assert.match(await page.title(), /^Receive/);
}

// What one tab does, the other shows, and the command line's doings, too.
export async function two_tabs_stay_in_step(stage) {
  const one = await stage.enter();
  const other = await stage.tab(one.context());
  await create(one, 'twins');
  await other.goto(`${stage.origin}/#/overview`);
  await other.locator('body[data-state="up"]').waitFor();
  await other.getByLabel('Wallet', { exact: true }).selectOption('twins');
  assert.equal(await balance_is_shown(stage, other, 'twins'), 0);
  await mine(one, 101);
  assert.ok((await balance_is_shown(stage, other, 'twins')) > 0);
  const to = await address(one, 'from the other tab');
  await view(other, 'receive');
  await other.locator('td').getByText('from the other tab').waitFor();
  stage.ask('--wallet=twins', 'send', to, '1');
  await view(one, 'overview');
  await Promise.all(
    [one, other].map(async (page) => {
      await view(page, 'overview');
      await page.getByText('pending', { exact: true }).first().waitFor();
    }),
  );
  await mine(one, 1);
  await other.getByText('confirmed, 1 of 6').first().waitFor();
}

// Without a mouse: from the start of the page to the review of a payment and back, with the focus where it was.
export async function keyboard_is_enough(stage) {
  const page = await stage.enter();
  await create(page, 'keys');
  await mine(page, 101);
  const to = await address(page);
  await page.goto(`${stage.origin}/#/send`);
  await page.reload();
  await page.getByLabel('Pay to').waitFor();
  await page.locator('body[data-state="up"]').waitFor();
  const at = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
  const tab_to = async (name) => {
    for (let presses = 0; (await at()) !== name; presses++) {
      assert.ok(presses < 40, `${name} is not reached by Tab`);
      await page.keyboard.press('Tab');
    }
  };
  await page.keyboard.press('Tab');
  assert.equal(await at(), 'Skip to the content');
  await tab_to('to-0');
  await page.keyboard.type(to);
  await tab_to('amount-0');
  await page.keyboard.type('0.25');
  await tab_to('Review');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Pay 0.25000000 BTC?' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await at(), 'Review');
  await view(page, 'history');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'History');
}
