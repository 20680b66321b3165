// person.mjs - what a person does on the wallet's page, for scenes.
import assert from 'node:assert/strict';

export const PHONE = { width: 390, height: 844 };
export const VIEWS = ['overview', 'receive', 'send', 'history', 'coins', 'node', 'mine', 'settings'];

export async function view(page, name) {
  await page.bringToFront(); // what is behind is drawn once a second only
  await page
    .locator('#views')
    .getByRole('link', { name: new RegExp(`^${name}$`, 'i') })
    .click();
  await page.locator(`#views a[href="#/${name.toLowerCase()}"][aria-current="page"]`).waitFor();
}

// A wallet of one's own, which is then the one that is shown.
export async function create(page, name, passphrase = '') {
  await view(page, 'settings');
  await page.getByRole('button', { name: 'Create a wallet' }).click();
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Passphrase').fill(passphrase);
  await page.getByLabel('The same again').fill(passphrase);
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText(`The wallet “${name}” is ready.`).waitFor();
  await page.getByRole('button', { name: 'Dismiss' }).last().click();
  assert.equal(await page.getByLabel('Wallet', { exact: true }).inputValue(), name);
}

export async function mine(page, blocks, address = '') {
  await view(page, 'mine');
  await page.getByLabel('Blocks').fill(String(blocks));
  await page.getByLabel('Pay to').fill(address);
  await page.getByRole('button', { name: 'Mine' }).click();
  await page.getByText(`${blocks} block${blocks === 1 ? '' : 's'} mined`).waitFor();
}

// An address made on the page.
export async function address(page, label = '') {
  await view(page, 'receive');
  const before = await page
    .locator('#address')
    .textContent({ timeout: 1 })
    .catch(() => '');
  await page.getByLabel('Label', { exact: true }).fill(label);
  await page.getByRole('button', { name: 'New address' }).click();
  await page.waitForFunction((old) => (document.getElementById('address')?.textContent ?? old) !== old, before);
  return page.locator('#address').textContent();
}

// Fills in a payment and asks for the draft; the dialog is open then.
export async function review(page, to, amount) {
  await view(page, 'send');
  await page.getByLabel('Pay to').fill(to);
  await page.getByLabel('Amount in BTC').fill(amount);
  await page.getByRole('button', { name: 'Review' }).click();
  await page.getByRole('heading', { name: /^Pay / }).waitFor();
}

// The page shows what the command line says: how much a block pays depends on the height of the chain, which scenes share.
export async function balance_is_shown(stage, page, wallet) {
  const { confirmed_sat } = stage.ask(`--wallet=${wallet}`, 'balance');
  const text = `${Math.floor(confirmed_sat / 1e8)}.${String(confirmed_sat % 1e8).padStart(8, '0')} BTC`;
  await view(page, 'overview');
  await page.waitForFunction((sum) => document.getElementById('confirmed')?.textContent.trim() === sum, text);
  return confirmed_sat;
}

// In the dialog that asks for it.
export async function unlock(page, passphrase) {
  await page.getByLabel('Passphrase').fill(passphrase);
  await page.getByRole('dialog').getByRole('button', { name: 'Unlock' }).click();
}
