// processes.mjs - what the page says when processes die, and when the node asks something.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { balance_is_shown, create, mine, unlock, view } from './person.mjs';

const RESTARTED = 'The node was started again. What is shown here is up to date with it.';

export async function page_outlives_its_processes(stage) {
  const page = await stage.enter();
  await create(page, 'lasting', 'correct horse');
  await mine(page, 101);
  await view(page, 'overview');
  process.kill(stage.pids.node, 'SIGKILL');
  await page.getByText(RESTARTED).waitFor();
  await page.locator('body[data-state="up"]').waitFor();
  await stage.shot(page, 'wallet-node-restarted');
  await mine(page, 1);
  const before = await balance_is_shown(stage, page, 'lasting');
  await page.getByRole('button', { name: /unlock/ }).click();
  await unlock(page, 'correct horse');
  await page.getByRole('button', { name: /lock now/ }).waitFor();
  process.kill(stage.pids.wallet, 'SIGKILL');
  await page.getByRole('button', { name: /: unlock/ }).waitFor(); // its next process has keys that are locked
  await page.locator('body[data-state="up"]').waitFor();
  assert.equal(await balance_is_shown(stage, page, 'lasting'), before);
  await mine(page, 1);
  stage.expects(/ERR_CONNECTION_REFUSED|WebSocket/);
  process.kill(stage.pids.launcher, 'SIGTERM');
  await page.getByText('The program does not answer.').waitFor();
  assert.equal(await page.locator('body').getAttribute('data-state'), 'down');
  await stage.accessible(page);
  await stage.shot(page, 'wallet-program-ended');
}

// A branch with more work that would undo more than a person wants: shown in every tab, answered in one.
export async function node_asks_in_every_tab(stage) {
  const one = await stage.enter();
  const other = await stage.tab(one.context());
  await other.goto(`${stage.origin}/#/node`);
  await other.locator('body[data-state="up"]').waitFor();
  readFileSync(stage.blocks, 'ascii')
    .trim()
    .split('\n')
    .forEach((block) => stage.ask('submit-block', block));
  for (const page of [other, one]) {
    await page.getByRole('heading', { name: 'The node asks' }).waitFor();
  }
  await stage.accessible(one);
  await stage.shot(one, 'wallet-question', { fullPage: false });
  await one.keyboard.press('Escape'); // to look around first
  await one.getByText('The node asks.').waitFor();
  await one.getByRole('button', { name: 'Answer' }).click();
  await one.getByRole('dialog').getByRole('button').first().click();
  await other.getByRole('dialog').waitFor({ state: 'detached' });
  await view(other, 'node');
  await other.locator('td a').getByText('22', { exact: true }).waitFor();
}
