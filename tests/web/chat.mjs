// Two people on two gateways: one invites the other, they chat, see each other type, come and change; one reloads; one loses
// the network.
import assert from 'node:assert/strict';

import { Seat, launch } from './lib/browser.mjs';
import { Proxy } from './lib/proxy.mjs';
import { until } from './lib/until.mjs';
import { PASSWORD, Somebody, gateways } from './lib/world.mjs';

const texts = async (seat) => (await seat.messages()).map(({ text }) => text);
const status = (seat, somebody) => seat.read(`[data-testid=member][data-user="${somebody.id}"]`, 'data-status');
const pill = (seat, name) => seat.read('[data-testid=pill]', `data-${name}`);

const ada = await Somebody.register('ada', gateways[0]);
const bob = await Somebody.register('bob', gateways[1]);
const eve = await Somebody.register('eve', gateways[1]);
const { id: room } = await ada.room('Lobby');
await ada.say(room, 'was there before');

const browser = await launch();
const ways = [await Proxy.to(gateways[0]), await Proxy.to(gateways[1])];
const seats = await Promise.all(
  ways.map((way, index) => Seat.take(browser, way.origin, { name: ['ada', 'bob'][index] })),
);
const [hers, his] = seats;

// ---- one invites the other ----
await hers.signIn(ada);
await hers.enter(room);
const showMembers = async (seat) => (await seat.at('members').isVisible()) || seat.at('panel-members').click();
await showMembers(hers);
await hers.at('room-menu').click();
await hers.at('open-room-settings').click();
await hers.at('room-tab-invites').click();
await hers.at('invite-create').click();
const code = (await hers.at('invite-code').textContent()).trim();
await until('the invite is listed', async () => (await hers.at('invite').count()) === 1);
await his.signIn(bob);
await bob.rest('POST', `/rooms/${code}/join`);
await until('ada sees bob among the members', async () => (await status(hers, bob)) !== null);
await hers.at('invite-take-back').click();
await until('the invite is gone', async () => (await hers.at('invite').count()) === 0);
await assert.rejects(eve.rest('POST', `/rooms/${code}/join`), /not_found/);
await hers.page.keyboard.press('Escape');

await his.enter(room);
await Promise.all(
  seats.map((seat) => until(`${seat.name} is online`, async () => (await pill(seat, 'state')) === 'online')),
);

// ---- they see each other ----
await showMembers(his);
await until('ada sees bob', async () => (await status(hers, bob)) === 'online');
await until('bob sees ada', async () => (await status(his, ada)) === 'online');

await hers.at('composer').pressSequentially('hello', { delay: 20 });
await until('bob sees ada type', async () => (await his.read('[data-testid=typing]', 'data-users'))?.includes(ada.id));
await hers.at('composer').press('Enter');
await until('bob reads it', async () => (await texts(his)).includes('hello'));
await until(
  'bob sees that ada has stopped',
  async () => !(await his.read('[data-testid=typing]', 'data-users'))?.includes(ada.id),
);
await his.write('hello yourself');
await until('ada reads it', async () => (await texts(hers)).includes('hello yourself'));

await his.at('own-menu').click();
await his.at('status-dnd').click();
await until('ada sees that bob wants to be left alone', async () => (await status(hers, bob)) === 'dnd');

// ---- one reloads ----
await his.page.reload();
await his.at('composer').waitFor();
await until('bob has everything again', async () => (await texts(his)).length === 3);
assert.deepEqual(await texts(his), ['was there before', 'hello', 'hello yourself']);
await until('ada sees bob', async () => (await status(hers, bob)) !== 'offline');

// ---- the network is away, and comes back ----
await until('bob is online', async () => (await pill(his, 'state')) === 'online');
await his.cut(ways[1]);
await until('bob is offline', async () => (await pill(his, 'state')) === 'offline');
const missed = Array.from({ length: 12 }, (_, index) => `missed ${index + 1}`);
for (const text of missed) await hers.write(text);
await until(
  'ada has said it all',
  async () => (await hers.messages()).filter(({ state }) => state === 'sent').length === 15,
);
for (const text of ['while away', 'still away']) await his.write(text);
const waiting = await until('bob has said two things', async () => {
  const pending = (await his.messages()).filter(({ state }) => state === 'pending');
  return pending.length === 2 && pending;
});
assert.deepEqual(
  (await texts(hers)).filter((text) => text.includes('away')),
  [],
);

await his.heal(ways[1]);
await until(
  'the pill says how many were recovered',
  async () => (await pill(his, 'state')) === 'online' && (await pill(his, 'recovered')) === '12',
);
await until('it says so to people', async () => (await his.at('pill').textContent()).includes('recovered 12'));
his.cutOff = false;
const whole = ['was there before', 'hello', 'hello yourself', ...missed, 'while away', 'still away'];
for (const seat of seats) {
  await until(
    `${seat.name} has it all`,
    async () => (await seat.messages()).filter(({ state }) => state === 'sent').length === whole.length,
  );
  assert.deepEqual(await texts(seat), whole, `nothing twice and nothing out of order at ${seat.name}'s`);
}
const arrived = (await hers.messages()).slice(-2).map(({ id }) => id);
assert.deepEqual(
  arrived,
  waiting.map(({ id }) => id),
  'a message keeps its name',
);

// ---- who has gone for good has no name ----
await ada.rest('POST', `/rooms/${room}/ban`, { userId: eve.id });
const theirs = await Seat.take(browser, ways[1].origin, { name: 'eve' });
await theirs.signIn(eve);
await theirs.at('own-menu').click();
await theirs.at('open-settings').click();
await theirs.at('open-farewell').click();
await theirs.at('farewell').locator('input[name=password]').fill(PASSWORD);
await theirs.at('farewell-yes').click();
await theirs.at('signin-form').waitFor();
theirs.check();
await until('eve is erased', async () => (await ada.rest('GET', `/users/${eve.id}`)).username === null);
await hers.at('room-menu').click();
await hers.at('open-room-settings').click();
await hers.at('room-tab-bans').click();
await until('ada sees that somebody is banned', async () =>
  (await hers.at('banned').textContent()).includes('Somebody'),
);
await hers.page.keyboard.press('Escape');

// ---- whatever is written stays text ----
const markup = '<img src=x onerror="globalThis.broken = true"><b>bold</b>';
await ada.rest('PATCH', `/users/${ada.id}`, { displayName: markup });
await ada.rest('PATCH', `/rooms/${room}`, { name: markup, description: markup });
const link = 'javascript:alert(1)';
await ada.say(room, `${markup} ${link} [here](${link}) \`${markup}\` **${markup}** <@${ada.id}>`);
await his.page.reload();
await until('bob reads it', async () => (await texts(his)).at(-1)?.startsWith(markup));
await until('bob sees the room’s name', async () => (await his.at('room-name').textContent()).includes(markup));
await showMembers(his);
await until('bob sees ada’s name', async () => (await his.at('members').textContent()).includes(markup));
const elements = his.page.locator('img[src=x], b, [onerror], a[href^=javascript]');
assert.equal(await elements.count(), 0, 'markup became elements');
assert.equal(await his.page.evaluate(() => globalThis.broken), undefined);

for (const seat of seats) seat.check();
await browser.close();
ways.forEach((way) => way.close());
