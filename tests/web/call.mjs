// Three people in a call, each with a tone of their own for a voice: who hears whom is seen in the spectrum of what comes.
import assert from 'node:assert/strict';

import { Seat, launch } from './lib/browser.mjs';
import { Proxy } from './lib/proxy.mjs';
import { until } from './lib/until.mjs';
import { writeTone } from './lib/wav.mjs';
import { Somebody, gateways, kill, scratch } from './lib/world.mjs';

const NAMES = ['ada', 'bob', 'eve'];
const TONES = [440, 880, 1760];
/** Two of them are served by the gateway that will be killed. */
const GATEWAYS = [gateways[0], gateways[0], gateways[1]];

const people = await Promise.all(NAMES.map((name) => Somebody.register(name)));
const { id: room, code } = await people[0].room('Engine room');
for (const person of people.slice(1))
  await until('they are let in', () => person.rest('POST', `/rooms/${code}/join`).then(() => true));

const ways = await Promise.all(GATEWAYS.map((gateway) => Proxy.to(gateway)));
const browsers = await Promise.all(
  TONES.map((hertz, index) => {
    const file = scratch(`${NAMES[index]}.wav`);
    writeTone(file, hertz);
    return launch(file);
  }),
);
const seats = await Promise.all(
  browsers.map((browser, index) => Seat.take(browser, ways[index].origin, { name: NAMES[index] })),
);
for (const seat of seats) {
  // What makes speech clear takes a tone for noise.
  await seat.page.addInitScript(() => localStorage.setItem('voxlog.voice', JSON.stringify({ processing: false })));
}
await Promise.all(seats.map((seat, index) => seat.signIn(people[index])));
await Promise.all(seats.map((seat) => seat.enter(room)));

/** The loudest tone that comes from somebody, in hertz and decibels. */
const heard = (seat, person) =>
  seat.inside(({ voice }, userId) => {
    const { session } = voice.participants.find((one) => one.userId === userId);
    const analyser = voice.remoteAnalyser(session);
    if (!analyser) return null;
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.reduce((best, value, at) => (value > bins[best] ? at : best), 0);
    const width = analyser.context.sampleRate / analyser.fftSize;
    return { hertz: loudest * width, decibels: bins[loudest], width };
  }, person.id);

async function hears(seat, index) {
  const found = await heard(seat, people[index]);
  return found && found.decibels > -60 && Math.abs(found.hertz - TONES[index]) <= 2 * found.width && found;
}

async function everybodyHears(when) {
  for (const [listener, seat] of seats.entries()) {
    for (const speaker of people.keys()) {
      if (speaker === listener) continue;
      await until(`${NAMES[listener]} hears ${NAMES[speaker]} ${when}`, () => hears(seat, speaker));
    }
  }
}

// ---- they talk ----
await seats[0].at('call-start').click();
await seats[0].at('call').and(seats[0].page.locator('[data-state=joined]')).waitFor();
for (const seat of seats.slice(1)) {
  await seat.at('call-join').click();
  await seat.at('call').and(seat.page.locator('[data-state=joined]')).waitFor();
}
for (const seat of seats) {
  await until(`${seat.name} sees all three`, async () => (await seat.at('participant').count()) === 3);
}
await everybodyHears('at first');
for (const seat of seats) {
  await until(`${seat.name} sees that all are well connected and speak`, () =>
    seat
      .at('participant')
      .evaluateAll(
        (tiles) =>
          tiles.length === 3 &&
          tiles.every(({ dataset }) => dataset.speaking === 'true' && ['good', 'fair', ''].includes(dataset.quality)),
      ),
  );
}

// ---- one says nonsense to the others' machines ----
await seats[2].inside(
  async ({ client, voice }, ids) => {
    const { room } = voice;
    const others = voice.participants.filter(({ userId }) => ids.includes(userId));
    const nonsense = [null, 7, 'offer', [], {}, { candidates: 5 }, { description: { type: 'answer', sdp: 'v=0' } }];
    for (const data of nonsense) {
      for (const { session } of others) await client.command('voice.signal', { room, to: session, data });
    }
  },
  [people[0].id, people[1].id],
);

// ---- one is mute ----
await seats[1].at('call-mute').click();
for (const seat of [seats[0], seats[2]]) {
  await until(`${seat.name} hears nothing of bob`, async () => (await heard(seat, people[1])).decibels < -90);
  await until(
    `${seat.name} sees that bob is mute`,
    async () => (await seat.read(`[data-testid=participant][data-user="${people[1].id}"]`, 'data-muted')) === 'true',
  );
}
assert.ok(await hears(seats[0], 2), 'the others go on');
await seats[1].at('call-mute').click();
await everybodyHears('after bob was mute');

// ---- a gateway dies ----
const before = await seats[2].inside(({ voice }) => ({
  call: voice.call.callId,
  sessions: voice.participants.map((one) => one.session),
}));
await seats[2].inside(
  ({ voice }, ids) => {
    globalThis.silences = [];
    globalThis.listening = setInterval(() => {
      for (const { userId, session } of voice.participants) {
        if (ids.includes(userId) && voice.level(session) < 0.02) globalThis.silences.push(userId);
      }
    }, 100);
  },
  [people[0].id, people[1].id],
);
for (const seat of seats.slice(0, 2)) seat.cutOff = true;
kill(0);
for (const seat of seats.slice(0, 2)) {
  await until(
    `${seat.name} sees that the gateway is gone`,
    async () => (await seat.at('call').getAttribute('data-state')) === 'reconnecting',
  );
}
for (const way of ways) way.leadTo(gateways[1]);
for (const seat of seats.slice(0, 2)) {
  await until(
    `${seat.name} is back`,
    async () =>
      (await seat.read('[data-testid=pill]', 'data-state')) === 'online' &&
      (await seat.at('call').getAttribute('data-state')) === 'joined',
  );
  seat.cutOff = false;
}
await everybodyHears('after the gateway has gone');
const after = await seats[2].inside(({ voice }) => {
  clearInterval(globalThis.listening);
  return {
    call: voice.call.callId,
    sessions: voice.participants.map((one) => one.session),
    silences: globalThis.silences,
  };
});
assert.deepEqual(after, { ...before, silences: [] }, 'the same call, the same devices, and not a moment of silence');

await seats[0].at('call-mute').click();
await until('eve hears nothing of ada', async () => (await heard(seats[2], people[0])).decibels < -90);

// ---- who leaves the room's call is gone for the others ----
await seats[0].at('call-leave').click();
for (const seat of seats.slice(1))
  await until(`${seat.name} sees two`, async () => (await seat.at('participant').count()) === 2);

for (const seat of seats) seat.check();
await Promise.all(browsers.map((browser) => browser.close()));
ways.forEach((way) => way.close());
