// pictures.mjs - every view as it looks: kept as pictures, light, dark and on a phone, and readable for everybody in each.
import assert from 'node:assert/strict';

import { address, balance_is_shown, create, mine, PHONE, review, unlock, view, VIEWS } from './person.mjs';

const DESK = { width: 1200, height: 800 };
const SAID = {
  overview: /confirmed/,
  receive: /Addresses/,
  send: /Normal/,
  history: /confirmed/,
  coins: /spendable/,
  node: /Newest blocks/,
  mine: /Blocks cost nothing/,
  settings: /Show the words/,
};

// A wallet that has seen something of life.
export async function furnish(stage, page) {
  await create(page, 'savings', 'correct horse');
  await mine(page, 3);
  await mine(page, 100, stage.ask('address').address);
  await balance_is_shown(stage, page, 'savings');
  const rent = await address(page, 'Rent, flat 12');
  await review(page, rent, '1.25');
  await page.getByRole('button', { name: 'Pay now' }).click();
  await unlock(page, 'correct horse');
  await page.getByRole('heading', { name: 'Sent' }).waitFor();
  await mine(page, 1);
  const other = stage.ask('address').address;
  await review(page, other, '0.75');
  await page.getByRole('button', { name: 'Pay now' }).click();
  await page.getByRole('heading', { name: 'Sent' }).waitFor();
  stage.ask('--wallet=savings', 'draft', other, '2');
  await address(page, 'Anna, for the bicycle');
}

async function picture(stage, page, name) {
  await page.locator('#view').getByText(SAID[name]).first().waitFor();
  await stage.accessible(page);
  await stage.shot(page, `wallet-${name}`);
  await page.emulateMedia({ colorScheme: 'dark' });
  await stage.accessible(page, ['color-contrast']);
  await stage.shot(page, `wallet-${name}-dark`);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(PHONE);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= PHONE.width, `${name} is ${width} wide on a phone`);
  await stage.shot(page, `wallet-${name}-phone`);
  await page.setViewportSize(DESK);
}

// README's: small, and without what a person has to do first.
async function for_readme(stage, page) {
  const small = { width: 960, height: 600 };
  const keep = async (name, size, colorScheme) => {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme });
    await stage.shot(page, `readme-${name}`, { fullPage: false });
  };
  await view(page, 'overview');
  await page.getByText('Newest payments').waitFor();
  await keep('wallet', small, 'light');
  await keep('wallet-phone', PHONE, 'light');
  await view(page, 'receive');
  await page.locator('.qr').first().waitFor();
  await keep('wallet-dark', small, 'dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(DESK);
}

export async function every_view_is_readable_by_all(stage) {
  const page = await stage.enter();
  await furnish(stage, page);
  for (const name of VIEWS) {
    await view(page, name);
    await picture(stage, page, name);
  }
  await for_readme(stage, page);
  await view(page, 'history');
  await page.locator('.payments a').first().click();
  await page.getByRole('heading', { name: 'To', exact: true }).waitFor();
  await stage.accessible(page);
  await stage.shot(page, 'wallet-payment');
  await page.goto(`${stage.origin}/#/block/${stage.ask('status').height}`);
  await page.getByText('Confirmations').waitFor();
  await stage.accessible(page);
  await stage.shot(page, 'wallet-block');
  await review(page, stage.ask('address').address, '3');
  await stage.accessible(page);
  await stage.shot(page, 'wallet-confirm');
}
