// settings.mjs - what is done rarely: keys, backups, other wallets, a fee that is raised, drafts, coins that are kept back, peers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { address, balance_is_shown, create, mine, unlock, view } from './person.mjs';

const dialog = (page) => page.getByRole('dialog');
const press = (where, name) => where.getByRole('button', { name, exact: true }).click();

// The words, behind a passphrase and on purpose, make the same wallet again; so does the file.
export async function wallet_is_backed_up_and_restored(stage) {
  const page = await stage.enter({ acceptDownloads: true });
  await create(page, 'origin');
  const text = await address(page, 'kept by the file');
  await view(page, 'settings');
  await press(page, 'Set a passphrase');
  await page.getByLabel('New passphrase').fill('one');
  await page.getByLabel('The same again').fill('another');
  await press(dialog(page), 'Encrypt the keys');
  await page.getByText('The two passphrases differ').waitFor();
  await page.getByLabel('The same again').fill('one');
  await press(dialog(page), 'Encrypt the keys');
  await page.getByText('encrypted, locked').waitFor();
  await press(page, 'Show the words');
  await press(dialog(page), 'Show the words');
  await unlock(page, 'one');
  await page.locator('.words').waitFor();
  await stage.accessible(page);
  const words = await page.locator('.words li').allTextContents();
  assert.ok(words.length >= 12);
  await press(dialog(page), 'Close');
  const download = page.waitForEvent('download');
  await press(page, 'Save a backup');
  const file = stage.path('backup');
  await (await download).saveAs(file);
  assert.match(readFileSync(file).subarray(0, 15).toString(), /SQLite format 3/);
  await press(page, 'Restore from words');
  await page.getByLabel('Name').fill('from-words');
  await page.getByRole('textbox', { name: 'Words' }).fill(words.join('  '));
  await press(dialog(page), 'Restore');
  await page.getByText('The wallet “from-words” is restored').waitFor();
  assert.equal(await address(page), text, 'the same keys make the same address first');
  await view(page, 'settings');
  await press(page, 'Restore from a file');
  await page.getByLabel('Name').fill('from-file');
  await page.getByLabel('File', { exact: true }).setInputFiles(file);
  await press(dialog(page), 'Restore');
  await dialog(page).waitFor({ state: 'detached' });
  await view(page, 'receive');
  await page.locator('td').getByText('kept by the file').waitFor();
  await view(page, 'settings');
  await page.getByText('encrypted, locked').waitFor();
  await page
    .getByRole('row', { name: /^from-file/ })
    .getByRole('button', { name: 'Close' })
    .click();
  await press(dialog(page), 'Close it');
  await page.getByText('This wallet was closed.').waitFor();
  await press(page, 'Open it');
  await page.getByText('encrypted, locked').waitFor();
}

// Coins by hand, a draft that waits, and a fee that is raised while the payment is pending.
export async function payment_is_drafted_kept_and_raised(stage) {
  const page = await stage.enter();
  await create(page, 'careful');
  await mine(page, 2);
  await mine(page, 100, stage.ask('address').address);
  const to = stage.ask('address').address;
  await view(page, 'coins');
  await page.locator('td input').nth(1).waitFor();
  await page.locator('td input').first().check();
  await press(page, 'Keep back');
  await page.getByText('kept back', { exact: true }).waitFor();
  await page.locator('td input').last().check();
  await press(page, 'Spend these');
  await page.getByText('It spends the coin that you chose').waitFor();
  await page.getByLabel('Pay to').fill(`bitcoin:${to}?amount=1`);
  assert.equal(await page.getByLabel('Pay to').inputValue(), to);
  assert.equal(await page.getByLabel('Amount in BTC').inputValue(), '1');
  await page.getByLabel('Amount in BTC').fill('nothing');
  await press(page, 'Review');
  await page.getByText('Write an amount in BTC').waitFor();
  await page.getByLabel('Amount in BTC').fill('1');
  await page.getByLabel('My own', { exact: true }).fill('3');
  await press(page, 'Review');
  await page.getByText('3.00 sat/vB').waitFor();
  await press(dialog(page), 'Keep as a draft');
  await view(page, 'history');
  await page
    .getByRole('row', { name: /drafted/ })
    .getByRole('button', { name: 'Review' })
    .click();
  await dialog(page).getByText(to).waitFor();
  await press(dialog(page), 'Pay now');
  await page.getByText('drafted').waitFor({ state: 'detached' });
  await page.locator('.payments a').first().click();
  await press(page, 'Raise the fee');
  await page.getByLabel('My own', { exact: true }).fill('20');
  await press(dialog(page), 'Review');
  await page.getByText('It takes the place of the payment that waits').waitFor();
  await press(dialog(page), 'Pay now');
  await dialog(page).waitFor({ state: 'detached' });
  await view(page, 'history');
  await page.locator('.payments a').first().click();
  await page.getByText('Takes the place of').waitFor();
  await page.getByText('20.00 sat/vB').waitFor();
}

// Two are paid by one payment, of which one bears the fee; then all that is left goes to a third.
export async function several_are_paid_at_once(stage) {
  const page = await stage.enter();
  await create(page, 'several');
  await mine(page, 1);
  await mine(page, 100, stage.ask('address').address);
  const to = [1, 2, 3].map(() => stage.ask('address').address);
  await view(page, 'send');
  await press(page, 'Add a recipient');
  await press(page, 'Add a recipient');
  await press(page.getByRole('group', { name: 'Recipient 2' }), 'Remove');
  for (const [at, amount] of ['0.3', '0.2'].entries()) {
    const fields = page.getByRole('group', { name: `Recipient ${at + 1}` });
    await fields.getByLabel('Pay to').fill(to[at]);
    await fields.getByLabel('Amount in BTC').fill(amount);
  }
  await page.getByRole('group', { name: 'Recipient 1' }).getByLabel('Take the fee off this amount').check();
  await press(page, 'Review');
  await dialog(page).getByText(to[1]).waitFor();
  await press(dialog(page), 'Pay now');
  await page.getByRole('heading', { name: 'Sent' }).waitFor();
  const [paid] = stage.ask('--wallet=several', 'history');
  assert.equal(paid.net_sat, -50000000, 'the fee is within what is paid');
  await mine(page, 1, stage.ask('address').address);
  await view(page, 'send');
  await page.getByLabel('Pay to').fill(to[2]);
  await page.getByLabel('All that is left').check();
  await press(page, 'Review');
  await dialog(page).getByText('nothing', { exact: true }).waitFor(); // comes back
  await press(dialog(page), 'Pay now');
  await page.getByRole('heading', { name: 'Sent' }).waitFor();
  await mine(page, 1, stage.ask('address').address);
  await balance_is_shown(stage, page, 'several').then((sat) => assert.equal(sat, 0));
}

export async function wallet_works_with_other_programs(stage) {
  const page = await stage.enter();
  await create(page, 'sharing');
  const text = await address(page);
  const watched = stage.ask('address').address;
  await view(page, 'settings');
  await press(page, 'Show the descriptors');
  await dialog(page)
    .getByText(/^wpkh\(/)
    .first()
    .waitFor();
  await press(dialog(page), 'Close');
  await page.getByLabel('With the key of').fill(text);
  await page.getByLabel('Message').fill('it is me');
  await press(page, 'Sign');
  await dialog(page).getByRole('heading', { name: 'Signature' }).waitFor();
  await press(dialog(page), 'Close');
  await page.getByLabel('Address, public key or descriptor').fill('nonsense');
  await press(page, 'Watch');
  await page.getByRole('alert').filter({ hasText: /\w/ }).waitFor();
  await page.getByLabel('Address, public key or descriptor').fill(watched);
  await press(page, 'Watch');
  await page.getByText('It is watched.').waitFor();
  await press(page, 'Look again');
  await page.getByText('All blocks were looked at').waitFor();
  await view(page, 'receive');
  await page.locator('td .mono').getByText(watched).waitFor();
}

export async function peers_are_added_dropped_and_banned(stage) {
  const page = await stage.enter();
  await view(page, 'node');
  await page.getByLabel('Another node').fill('nowhere');
  await press(page, 'Add');
  await page.getByText('A peer is an IP address and a port').waitFor();
  await page.getByLabel('Another node').fill('127.0.0.1:1');
  await press(page, 'Add');
  const row = page.getByRole('row', { name: /127\.0\.0\.1:1 / });
  await row.getByText(/waiting/).waitFor();
  await row.getByRole('button', { name: /^Ban/ }).click();
  await press(dialog(page), 'Ban it');
  await press(page, 'Lift');
  await page.getByRole('heading', { name: 'Banned' }).waitFor({ state: 'detached' });
  await press(page, 'Switch the network off');
  await page.getByText('The network is off').waitFor();
  await press(page, 'Switch the network on');
  await page.getByText('The network is off').waitFor({ state: 'detached' });
}
