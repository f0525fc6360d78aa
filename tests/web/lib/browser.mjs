import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

import { PASSWORD } from './world.mjs';

/** What a browser says itself of a network that is away; a page can't keep it from that. */
const NETWORK = /net::ERR_|WebSocket connection to|the server responded with a status of 50[234]/;

/** @param {string} [microphone] a WAV file that is what the microphone hears */
export function launch(microphone) {
  const args = [
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    '--autoplay-policy=no-user-gesture-required',
    '--disable-lcd-text',
  ];
  if (microphone) args.push(`--use-file-for-fake-audio-capture=${microphone}`);
  return chromium.launch({ executablePath: process.env.VOXLOG_CHROMIUM ?? '/usr/bin/chromium', args });
}

/** A page that somebody looks at, with everything that it must not do. */
export class Seat {
  /** What the page has done that it must not. */
  faults = [];
  /** Whether the test keeps the network away. */
  cutOff = false;

  /** @param {import('playwright-core').Browser} browser @param {string} origin */
  static async take(browser, origin, { name = 'somebody', ...options } = {}) {
    const seat = new Seat();
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    Object.assign(seat, { context, page, origin, name });
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
        console.error(`content security policy: ${violatedDirective} ${blockedURI}`);
      });
    });
    page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return;
      if (seat.cutOff && NETWORK.test(message.text())) return;
      seat.faults.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => seat.faults.push(`uncaught: ${error.stack}`));
    context.on('request', (request) => {
      const { host, protocol } = new URL(request.url());
      const own = host === new URL(origin).host || protocol === 'data:' || protocol === 'blob:';
      if (!own) seat.faults.push(`a request to ${request.url()}`);
    });
    return seat;
  }

  /** Fails when the page has done what it must not. */
  check() {
    assert.deepEqual(this.faults, [], `what ${this.name}'s page did`);
  }

  at(id) {
    return this.page.getByTestId(id);
  }

  /** Runs in the page, with its client and its voice. */
  async inside(work, given) {
    const parts = await this.page.evaluateHandle(() => import('/app/client.js'));
    return parts.evaluate(work, given);
  }

  /** Signs in as a person does. */
  async signIn({ email }) {
    await this.page.goto(this.origin);
    await this.page.locator('input[name=email]').fill(email);
    await this.page.locator('input[name=password]').fill(PASSWORD);
    await this.at('signin-submit').click();
    await this.at('shell').waitFor();
  }

  async enter(room) {
    await this.page.locator(`[data-testid=room-link][data-room="${room}"]`).click();
    await this.at('composer').waitFor();
  }

  async write(text) {
    await this.at('composer').fill(text);
    await this.at('composer').press('Enter');
  }

  /** The timeline as it is shown. @returns {Promise<{id: string, text: string, state: string}[]>} */
  messages() {
    return this.at('timeline')
      .getByTestId('message')
      .evaluateAll((rows) =>
        rows.map((row) => ({
          id: row.dataset.id,
          state: row.dataset.state,
          text: row.querySelector('[data-testid=message-text]')?.textContent ?? '',
        })),
      );
  }

  /** An attribute of the first such element, or null while there is none. */
  async read(selector, attribute) {
    return this.page.evaluate(
      ([found, name]) => document.querySelector(found)?.getAttribute(name) ?? null,
      [selector, attribute],
    );
  }

  /** The network is away for this page: for new connections as well as for the open ones. */
  async cut(proxy) {
    this.cutOff = true;
    await this.context.setOffline(true);
    proxy.cut();
  }

  async heal(proxy) {
    proxy.heal();
    await this.context.setOffline(false);
  }
}
