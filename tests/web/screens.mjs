// Every screen of the client and the console, as the demo fills them: none complains, none breaks its policy, none asks
// another host. With VOXLOG_WRITE=1 they are also pictures for the documentation.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import { Seat, launch } from './lib/browser.mjs';
import { packed } from './lib/png.mjs';
import { until } from './lib/until.mjs';
import { demo } from './lib/world.mjs';

const PICTURES = path.resolve('../../docs/screenshots');
const MOST_BYTES = 150_000;
const WINDOW = { width: 1160, height: 725 };

const { origin, people, rooms } = await demo();
const [ada] = people;
const browser = await launch();
const seats = [];

async function sit(name, options) {
  const seat = await Seat.take(browser, origin, { name, reducedMotion: 'reduce', viewport: WINDOW, ...options });
  seats.push(seat);
  return seat;
}

/** The screen is done: nothing moves, and it has done nothing that it must not. */
async function show(seat, name) {
  await seat.page.evaluate(() => document.fonts.ready);
  await seat.page.mouse.move(2, 2);
  const picture = packed(await seat.page.screenshot({ animations: 'disabled', caret: 'hide' }));
  seat.check();
  assert.ok(picture.length <= MOST_BYTES, `${name} has ${picture.length} bytes`);
  if (process.env.VOXLOG_WRITE === '1') {
    fs.mkdirSync(PICTURES, { recursive: true });
    fs.writeFileSync(path.join(PICTURES, `${name}.png`), picture);
  }
}

async function comeIn(seat, person) {
  await seat.page.goto(origin);
  await seat.at(`signin-demo-${person.name}`).click();
  await seat.at('shell').waitFor();
}

const settled = (seat) =>
  until(
    `${seat.name} has read the room`,
    async () =>
      (await seat.read('[data-testid=pill]', 'data-state')) === 'online' &&
      (await seat.read('[data-testid=timeline]', 'data-loading')) === '' &&
      (await seat.at('timeline').getByTestId('message').count()) > 0 &&
      !(await seat.at('shell').locator('strong, .member-name').allTextContents()).some((name) => name.startsWith('…')),
  );

// ---- the client ----
const hers = await sit('ada', { colorScheme: 'light' });
await hers.page.goto(origin);
await hers.at(`signin-demo-${ada.name}`).waitFor();
await show(hers, 'sign-in');

await comeIn(hers, ada);
await hers.enter(rooms.get('Lobby'));
if (!(await hers.at('members').isVisible())) await hers.at('panel-members').click();
const his = await sit(people[1].name, { colorScheme: 'dark' });
await comeIn(his, people[1]);
await his.enter(rooms.get('Lobby'));
await until(
  'ada sees boris',
  async () => (await hers.read(`[data-testid=member][data-user="${people[1].id}"]`, 'data-status')) === 'online',
);
await Promise.all([settled(hers), settled(his)]);
await show(hers, 'room');

await his.at('timeline').getByTestId('open-thread').last().click();
await his.at('thread-panel').getByTestId('message').first().waitFor();
await show(his, 'thread-dark');

await his.at('panel-search').click();
await his.at('search-input').fill('the');
await until('something is found', async () => Number(await his.read('[data-testid=search-hits]', 'data-count')) > 0);
await show(his, 'search-dark');

for (const [open, name] of [
  ['panel-pins', 'pins'],
  ['panel-members', 'members'],
]) {
  await his.at(open).click();
  await his.page.locator(`[data-testid=panel][data-name=${name}]`).waitFor();
  his.check();
}
await his.at('room-menu').click();
await his.at('open-calls').click();
await his.page.locator('[data-testid=panel][data-name=calls]').waitFor();
await until('the finished call is there', async () => (await his.at('past-call').count()) > 0);
his.check();

await hers.at('call-start').click();
await his.at('call-join').click();
for (const seat of [hers, his]) {
  await until(`${seat.name} is well connected`, () =>
    seat
      .at('participant')
      .evaluateAll(
        (tiles) => tiles.length === 2 && tiles.every(({ dataset }) => ['good', ''].includes(dataset.quality)),
      ),
  );
}
await until('boris is seen to speak', () =>
  hers.at('participant').evaluateAll((tiles) => tiles.every(({ dataset }) => dataset.speaking === 'true')),
);
await show(hers, 'call');
await his.at('call-leave').click();
await hers.at('call-leave').click();

const small = await sit('a telephone', { colorScheme: 'dark', viewport: { width: 390, height: 844 }, hasTouch: true });
await comeIn(small, people[2]);
await small.page.goto(`${origin}/#/r/${rooms.get('Lobby')}`);
await settled(small);
await show(small, 'narrow-dark');

for (const open of ['open-switcher', 'add-room']) {
  await hers.at(open).click();
  await hers.page.getByRole('dialog').waitFor();
  hers.check();
  await hers.page.keyboard.press('Escape');
  await hers.page.getByRole('dialog').waitFor({ state: 'hidden' });
}
await hers.at('own-menu').click();
await hers.at('open-settings').click();
await hers.at('profile-form').waitFor();
hers.check();

// ---- the console ----
const desk = await sit('the console', { colorScheme: 'dark' });
await desk.page.goto(`${origin}/console`);
await desk.at(`console-demo-${ada.name}`).click();
await until('there are events', async () => (await desk.at('event-row').count()) > 20);
await show(desk, 'console-events');
// An address that names no tab, but something that every object has.
await desk.page.goto(`${origin}/console#/toString`);
await desk.page.reload();
await desk.at('console-events').waitFor();
await until('there are events again', async () => (await desk.at('event-row').count()) > 20);
await desk.at('event-row').first().click();
await desk.at('event-json').waitFor();
await show(desk, 'console-event');

await desk.page.goto(`${origin}/console#/replay/${rooms.get('Lobby')}`);
await desk.at('replay-slider').waitFor();
await desk.at('replay-slider').evaluate((slider) => {
  slider.value = Math.floor(slider.max * 0.7);
  slider.dispatchEvent(new Event('input', { bubbles: true }));
});
await until('the slider shows what changed', async () => (await desk.at('replay-diff').locator('li').count()) > 0);
await show(desk, 'console-replay');

await desk.at('console-tab-projections').click();
await until('lag was measured', async () => Number(await desk.read('[data-testid=lag-chart]', 'data-samples')) > 3);
await desk.at('parked-row').first().waitFor();
await show(desk, 'console-projections');

await desk.at('console-tab-nodes').click();
await desk.at('node-row').first().waitFor();
await show(desk, 'console-nodes');
await desk.at('console-tab-streams').click();
await desk.at('stream-row').first().waitFor();
await show(desk, 'console-streams');

// ---- the documents ----
const docs = await sit('the documents', { colorScheme: 'light' });
await docs.page.goto(`${origin}/docs`);
await docs.page.getByText('/rooms/{id}/call').first().waitFor();
await show(docs, 'docs');

seats.forEach((seat) => seat.check());
await browser.close();
