// The console's slider against the API: at ten places of a room's history, chosen at random, both show the same room.
import assert from 'node:assert/strict';

import { Seat, launch } from './lib/browser.mjs';
import { until } from './lib/until.mjs';
import { demo } from './lib/world.mjs';

const PLACES = 10;

const { origin, people, rooms } = await demo();
const [ada] = people;
const lobby = rooms.get('Lobby');

const browser = await launch();
const seat = await Seat.take(browser, origin, { name: 'ada' });
await seat.page.goto(`${origin}/console`);
await seat.at(`console-demo-${ada.name}`).click();
await seat.at('console-tab-replay').click();
await seat.page.locator(`[data-testid=replay-room][data-room="${lobby}"]`).click();
await seat.at('replay-slider').waitFor();
while (await seat.at('replay-older').isVisible()) {
  const before = await seat.read('[data-testid=replay-slider]', 'data-seqs');
  await seat.at('replay-older').click();
  await until(
    'the history grows',
    async () => (await seat.read('[data-testid=replay-slider]', 'data-seqs')) !== before,
  );
}
const seqs = (await seat.read('[data-testid=replay-slider]', 'data-seqs')).split(' ').map(Number);
assert.ok(seqs.length > 2 * PLACES, `a history of ${seqs.length} events`);

/** Drags the slider to a place, as its keys and a mouse do: by its value. */
const drag = (index) =>
  seat.at('replay-slider').evaluate((slider, value) => {
    slider.value = value;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  }, index);

const shown = () =>
  seat.at('replay-state').evaluate(({ dataset, textContent }) => ({ seq: Number(dataset.seq), text: textContent }));

const told = [];
for (let place = 0; place < PLACES; place += 1) {
  const index = Math.floor(Math.random() * seqs.length);
  const seq = seqs[index];
  told.push(seq);
  await drag(index);
  const state = await until(`the slider shows the room at ${seq} (of ${told})`, async () => {
    const now = await shown();
    return now.seq === seq && JSON.parse(now.text);
  });
  const answer = await ada.rest('GET', `/rooms/${lobby}/state?at=${seq}&messages=20`);
  assert.deepEqual(state, answer, `at ${seq}`);
  // What people see is made of the same.
  assert.equal(await seat.at('replay-members').locator('li').count(), answer.state.members.length, `members at ${seq}`);
  const said = await seat.at('replay-messages').locator('li').allTextContents();
  assert.equal(said.length, answer.messages.length, `messages at ${seq}`);
  for (const [row, { content, deletedAt }] of answer.messages.entries()) {
    assert.ok(said[row].includes(deletedAt ? 'deleted' : content), `${said[row]} shows ${content} at ${seq}`);
  }
}
seat.check();
await browser.close();
