// A thread beside the room: the message that it began with, and what was answered to it.
import { Composer } from './composer.js';
import { html } from './html.js';
import { Message } from './message.js';
import { quoted } from './quotes.js';
import { Timeline } from './timeline.js';

export function Thread({ room, root }) {
  const row = quoted(room, root);
  const messages = room.thread(root);
  const count = messages.rows.value.filter(({ deletedAt }) => !deletedAt).length;
  return html`<div class="thread" data-testid="thread-panel" data-root=${root}>
    ${row && html`<${Message} row=${row} room=${room} head state="sent" thread=${root} />`}
    <p class="thread-count"><span>${count === 1 ? '1 reply' : `${count} replies`}</span></p>
    <${Timeline} room=${room} messages=${messages} thread=${root} />
    <${Composer} room=${room} messages=${messages} thread=${root} />
  </div>`;
}
