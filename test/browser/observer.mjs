// observer.mjs - the page that looks into the program: its picture, one call followed, a process that is killed and comes back.
import assert from 'node:assert/strict';

import { PHONE } from './person.mjs';

export async function whole_program_is_shown(stage) {
  const page = await stage.enter();
  await page.goto(`${stage.origin}/observer.html`);
  await page.locator('body[data-state="up"]').waitFor();
  for (const name of ['ui', 'node', 'wallet', 'web']) {
    await page.locator('.picture').getByRole('button', { name: new RegExp(`^${name} running pid \\d+, process$`) }).waitFor();
  }
  await page.locator('.picture').getByRole('button', { name: /^node .*, actor of node$/ }).click();
  await page.locator('#chosen').getByText('Node, P2p', { exact: true }).waitFor();
  await page.locator('.picture').getByRole('button', { name: /^wallet .*, process$/ }).press('Enter');
  await page.locator('#chosen').getByText(`${stage.pids.wallet}`, { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Ask what each peer may take' }).click();
  await page.getByRole('region', { name: 'What each peer takes of wallet' }).getByText('requests open').waitFor();
  await page.locator('.picture .link').nth(3).waitFor({ state: 'attached' }); // ui and web to node and wallet, wallet to node
  await stage.accessible(page);
  await stage.shot(page, 'observer-picture');
  await page.evaluate(() => scrollTo(0, 0));
  stage.ask('mine', '20');
  await page.locator('.picture').getByText(/^[1-9]\d\/s$/).first().waitFor(); // something passes
  await stage.shot(page, 'readme-observer', { fullPage: false, clip: { x: 0, y: 0, width: 1200, height: 640 } });
  await page.emulateMedia({ colorScheme: 'dark' });
  await stage.accessible(page, ['color-contrast']);
  await stage.shot(page, 'observer-picture-dark');
  await page.setViewportSize(PHONE);
  for (const name of ['picture', 'timeline']) {
    await page.goto(`${stage.origin}/observer.html#/${name}`);
    await page.locator(`#views a[href="#/${name}"][aria-current="page"]`).waitFor();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= PHONE.width, `${name} is ${width} wide on a phone`);
  }
}

export async function call_is_followed_through_three_processes(stage) {
  const page = await stage.enter();
  const other = await stage.tab(page.context());
  await page.goto(`${stage.origin}/observer.html#/timeline`);
  await page.getByText('4 of 4 are looked into').waitFor();
  await page.getByLabel('Only').fill('estimate_fee');
  const { address } = stage.ask('address');
  stage.ask('mine', '101');
  stage.ask('draft', address, '0.1');
  const call = page.getByRole('button', { name: 'Wallet.draft', exact: true }).first();
  await call.click();
  const steps = page.getByRole('region', { name: 'Steps of the call' });
  const rows = await steps.locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
  const said = rows.map(([, , process, , step, what]) => `${process} ${step} ${what}`);
  const chain = ['wallet handle Wallet.draft', 'wallet send Node.estimate_fee', 'node handle Node.estimate_fee', 'node answer Node.estimate_fee',
    'wallet done Node.estimate_fee', 'wallet answer Wallet.draft'];
  assert.deepEqual(said.filter((step) => chain.includes(step)), chain);
  const after = rows.map(([time]) => parseFloat(time));
  assert.deepEqual(after, [...after].sort((a, b) => a - b));
  await stage.accessible(page);
  await stage.shot(page, 'readme-timeline', { fullPage: false });
  assert.ok(rows.every(([, , , actor]) => !actor.startsWith('#')), 'actors have names');
  await other.goto(`${stage.origin}/`); // what that tab asks goes through the web's process
  await other.locator('body[data-state="up"]').waitFor();
  await page.bringToFront();
  await page.getByLabel('Only').fill('get_balance');
  await page.getByText('web → wallet', { exact: true }).first().waitFor();
  await other.close();
}

// Nobody looks into the processes any more once the timeline is off the screen.
export async function nobody_looks_behind_the_screen(stage) {
  const page = await stage.enter();
  await page.goto(`${stage.origin}/observer.html#/timeline`);
  await page.getByText('4 of 4 are looked into').waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('0 of 4 are looked into').waitFor();
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText('4 of 4 are looked into').waitFor();
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await page.getByRole('link', { name: 'Picture' }).click();
  await page.getByRole('link', { name: 'Timeline' }).click();
  await page.getByText('0 of 4 are looked into').waitFor();
}

export async function killed_process_is_seen_to_recover(stage) {
  const page = await stage.enter();
  await page.goto(`${stage.origin}/observer.html`);
  const wallet = (state) => page.locator('.picture').getByRole('button', { name: new RegExp(`^wallet ${state}, process$`) });
  await wallet('running pid \\d+').click();
  await page.getByRole('button', { name: 'Kill' }).click();
  await stage.accessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Leave it' }).click();
  await page.getByRole('button', { name: 'Kill' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Kill' }).click();
  await wallet('waiting no process').waitFor();
  await page.locator('#chosen').getByText(/killed by signal 9/).waitFor();
  assert.ok(await page.getByRole('button', { name: 'Kill' }).isDisabled());
  await stage.shot(page, 'observer-killed', { fullPage: false });
  for (const times of [1, 2]) { // at once, where it waited; then in order
    await page.getByRole('button', { name: 'Restart', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click();
    await wallet(`running pid \\d+, started again ${times}×`).waitFor();
  }
  await page.getByText(/^wallet was restarted: process \d+\.$/).waitFor();
  await page.locator('#chosen').getByText('exited with status 0').waitFor();
  await page.locator('.picture').getByRole('button', { name: /^ui .*, process$/ }).click();
  assert.equal(await page.getByRole('button', { name: 'Kill' }).count(), 0);
}
