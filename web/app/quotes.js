// Messages that others answer, when they stand outside of the window: read once, one by one.
import { signal } from '@preact/signals';
import { client } from './client.js';
import { learnAuthors } from './people.js';

const known = signal(new Map());
const asked = new Set();

/** The row of a message of the room, or undefined until it is known. */
export function quoted(room, id) {
  const row = room.messages.rows.value.find((other) => other.id === id) ?? known.value.get(id);
  if (!row && !asked.has(id)) void ask(room, id);
  return row;
}

async function ask(room, id) {
  asked.add(id);
  let row = { id, authorId: '', content: 'a message that is not there any more', deletedAt: null };
  try {
    row = await client.rest('GET', `/messages/${id}`);
    learnAuthors([row]);
  } catch (error) {
    // Anything but "not there" may be asked again, by the next look.
    if (error.code !== 'not_found') return void setTimeout(() => asked.delete(id), 5000);
  }
  known.value = new Map(known.value).set(id, row);
  return undefined;
}
