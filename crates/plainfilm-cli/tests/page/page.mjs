// The page in a real browser: films in, answers out, at a desk and on a phone, light and dark.
// usage: node page.mjs ADDRESS CHROMIUM FOLDER-WITH-NODE_MODULES PICTURES FILM…
// The last film is one that cannot be read. Ends with 1 and a line for each thing that is wrong, and with 3 where the
// browser does not start.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const [address, browserPath, modules, pictures, ...films] = process.argv.slice(2);
const require = createRequire(path.join(modules, 'package.json'));
const { chromium } = require('playwright-core');
const axeSource = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
fs.mkdirSync(pictures, { recursive: true });

const wrong = [];
const check = (holds, what) => { if (!holds) wrong.push(what); };
let browser;
try {
  browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
} catch (error) {
  console.log(`the browser does not start here: ${error.message}`);
  process.exit(3);
}

for (const [width, height, scheme] of [[1280, 900, 'light'], [1280, 900, 'dark'], [360, 740, 'light']]) {
  const name = `${width}-${scheme}`;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  // A film that cannot be read cannot be shown either, which the browser logs.
  page.on('console', (said) => { if (said.type() === 'error' && !/422/.test(said.text())) wrong.push(`${name}: ${said.text()}`); });
  page.on('pageerror', (error) => wrong.push(`${name}: ${error.message}`));
  page.on('request', (one) => { if (!one.url().startsWith(address) && !/^(data|blob):/.test(one.url())) wrong.push(`${name}: asks ${one.url()}`); });

  // What a screen reader, a keyboard or weak eyes would stumble over, and what sticks out of the window.
  const look = async (view) => {
    await page.evaluate(axeSource);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    for (const one of violations) wrong.push(`${name} ${view}: ${one.id}: ${one.nodes[0].html.slice(0, 120)}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    check(over <= 0, `${name} ${view}: ${over} pixels too wide`);
    const cut = await page.evaluate(() => { const side = document.querySelector('dialog[open] .side'); return side ? side.getBoundingClientRect().right - window.innerWidth : 0; });
    check(cut <= 0, `${name} ${view}: ${cut} pixels are cut off`);
    check(await page.getByText('not a medical device').first().isVisible(), `${name} ${view}: no notice in view`);
    await page.screenshot({ path: path.join(pictures, `${name}-${view}.png`), fullPage: view !== 'film' });
  };

  await page.goto(`${address}/`);
  await page.waitForSelector('.drop');
  await look('empty');

  await page.setInputFiles('#files', films);
  await page.waitForFunction((count) => document.querySelectorAll('tbody tr').length === count && !document.querySelector('tr.is-waiting'), films.length);
  await look('films');
  const rows = await page.$$eval('tbody tr', (all) => all.map((row) => row.textContent));
  check(rows.filter((text) => /set aside|cannot be read/i.test(text)).length === 1, `${name}: one film is set aside: ${rows}`);

  await page.click('th.c-number .sort');
  check(/descending/.test(await page.getAttribute('th.c-number', 'aria-sort')), `${name}: sorted`);
  const numbers = (await page.$$eval('tbody tr .number', (all) => all.map((one) => Number(one.textContent)))).filter(Number.isFinite);
  const sorted = numbers.every((one, at) => at === 0 || one >= numbers[at - 1]) || numbers.every((one, at) => at === 0 || one <= numbers[at - 1]);
  check(numbers.length === films.length - 1 && sorted, `${name}: probabilities in order: ${numbers}`);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Save as CSV')]);
  const table = fs.readFileSync(await download.path(), 'utf8').trim().split(/\r?\n/);
  check(table.length === films.length + 1 && table[0].startsWith('path,status,label,'), `${name}: CSV: ${table}`);

  await page.locator('tbody tr:not(.is-aside) .name').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog.detail[open]');
  await page.waitForFunction(() => /lungs/.test(document.querySelector('.map-message')?.textContent ?? ''));
  const before = await page.evaluate(() => document.querySelector('dialog canvas').toDataURL());
  await page.locator('.side .slider', { hasText: 'Opacity' }).locator('input').fill('90');
  // Ends with an error where the picture stays as it was.
  await page.waitForFunction((was) => document.querySelector('dialog canvas').toDataURL() !== was, before);
  await look('film');
  await page.keyboard.press('Escape');

  await page.goto(`${address}/#/model`);
  await page.waitForSelector('.model-view');
  await look('model');

  await page.goto(`${address}/#/learn`);
  await page.waitForSelector('.learn-view');
  if (await page.locator('.control input').count() > 0) {
    const said = () => page.textContent('.learn-view');
    const first = await said();
    await page.locator('.control input').first().fill('0.9');
    check(await said() !== first, `${name}: the threshold slider changes the figures`);
  } else {
    check(/holds no predictions/i.test(await page.textContent('.learn-view')), `${name}: says that nothing is stored`);
  }
  await look('learn');

  await page.goto(`${address}/docs`);
  await page.waitForSelector('.operation');
  await look('api');
  await context.close();
}
await browser.close();
for (const one of wrong) console.log(one);
process.exit(wrong.length > 0 ? 1 : 0);
