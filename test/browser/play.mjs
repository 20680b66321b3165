// play.mjs - plays scenes in one browser: node play.mjs CHROMIUM. Each line of the input is a scene, in JSON; each line of the output
// is what it ended with, { error }, missing where all was well. A scene is an exported function that is given a stage, and throws where
// something is not as it should be. What it needs to know:
//
//   file, name  which scene
//   address     what the program has printed
//   command     the program with its options, for commands of the same data directory
//   pids        of its processes, by name
//   folder      for screenshots
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const WAIT_MS = 30000;
const SCENE_MS = 120000;
const DESK = { width: 1200, height: 800 };
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

class Stage {
  constructor(browser, given) {
    Object.assign(this, given, { playwright: browser });
    this.origin = new URL(this.address).origin;
    this.errors = [];
  }

  // What the browser says of it is no error of the page's.
  expects(said) {
    this.expected = said;
  }

  // A browser of its own: no cookies, nothing seen before.
  async visitor(options = {}) {
    const context = await this.playwright.newContext({ viewport: DESK, reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(WAIT_MS);
    return context;
  }

  // A tab; what its page does wrong is an error of the scene.
  async tab(context) {
    const page = await context.newPage();
    page.on('pageerror', (error) => this.errors.push(`${page.url()}: ${error.stack}`));
    page.on(
      'console',
      (said) => said.type() === 'error' && !this.expected?.test(said.text()) && this.errors.push(`${said.location().url}: ${said.text()}`),
    );
    return page;
  }

  // The first tab of a browser that came with the printed address.
  async enter(options) {
    const page = await this.tab(await this.visitor(options));
    await page.goto(this.address);
    await page.locator('body[data-state="up"]').waitFor();
    return page;
  }

  // What the command line of the same program says.
  ask(...words) {
    return JSON.parse(execFileSync(this.command[0], [...this.command.slice(1), ...words, '--json'], { encoding: 'utf8' }));
  }

  // A file that goes with the scene.
  path(name) {
    this.files ??= mkdtempSync(path.join(tmpdir(), 'troupe-test-'));
    return path.join(this.files, name);
  }

  async shot(page, name, options = {}) {
    await page.screenshot({ path: path.join(this.folder, `${name}.png`), fullPage: true, ...options });
  }

  // No finding of axe-core's that would keep somebody out; `rules`: of those alone.
  async accessible(page, rules) {
    await page.evaluate(`if (window.axe === undefined) { (() => { const module = undefined, define = undefined; ${axe} })(); }`);
    const found = await page.evaluate(
      (only) => window.axe.run(document, { resultTypes: ['violations'], ...(only ? { runOnly: only } : {}) }),
      rules,
    );
    const grave = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    if (grave.length > 0) {
      throw new Error(
        `${page.url()}: ${grave.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html }) => html).join('\n')}`).join('\n')}`,
      );
    }
  }
}

async function played(scene, stage) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('it takes too long')), SCENE_MS)));
  try {
    await Promise.race([scene(stage), late]);
  } finally {
    clearTimeout(timer);
  }
  if (stage.errors.length > 0) {
    throw new Error(`the page's own errors:\n${stage.errors.join('\n')}`);
  }
}

async function play(browser, given) {
  const stage = new Stage(browser, given);
  try {
    await played((await import(path.resolve(import.meta.dirname, given.file)))[given.name], stage);
    return {};
  } catch (error) {
    const pages = browser.contexts().flatMap((context) => context.pages());
    await Promise.all(pages.map((page, at) => stage.shot(page, `failed-${given.name}-${at}`).catch(() => {})));
    return { error: error.stack };
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()));
    if (stage.files !== undefined) {
      rmSync(stage.files, { recursive: true });
    }
  }
}

async function main(executablePath) {
  const browser = await chromium.launch({
    executablePath,
    chromiumSandbox: process.getuid() !== 0, // Chromium has none for root
    args: ['--host-resolver-rules=MAP rebind.test 127.0.0.1', '--disable-gpu'],
  });
  process.on('unhandledRejection', () => {}); // of a scene that was late, when its browser is closed
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await play(browser, JSON.parse(line))));
  }
  await browser.close();
}

await main(process.argv[2]);
