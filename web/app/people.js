// Who is behind an id. Names come with members, authors and search hits; what is still unknown is asked for, once.
import { signal } from '@preact/signals';
import { client } from './client.js';

/** By id: `{ username?, displayName?, guest?, lastSeenAt? }`. */
export const people = signal(new Map());

/** After a failure, how long to leave it be. */
const AGAIN_MS = 5000;

const asked = new Set();
let wanted = new Set();
let scheduled = false;

export function learn(rows, id = 'userId') {
  const known = new Map(people.value);
  for (const row of rows) {
    const { username, displayName, guest, lastSeenAt } = row;
    const told = Object.entries({ username, displayName, guest, lastSeenAt }).filter(([, value]) => value != null);
    if (told.length) known.set(row[id], { ...known.get(row[id]), ...Object.fromEntries(told) });
  }
  people.value = known;
}

/** Messages and hits tell one name, whichever of the two it is. */
export function learnAuthors(rows) {
  const news = rows.filter(({ authorId, authorName }) => authorName && !people.value.has(authorId));
  if (news.length) learn(news.map(({ authorId, authorName }) => ({ userId: authorId, displayName: authorName })));
}

export function nameOf(id) {
  const name = toldName(id);
  if (!name) want(id);
  return name || '…';
}

function toldName(id) {
  const person = people.value.get(id);
  return person?.displayName || person?.username;
}

export const usernameOf = (id) => people.value.get(id)?.username;

/** One or two letters for a round picture. */
export function initials(name) {
  const words = name.split(/[\s_.-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters
    .map((word) => [...word][0])
    .join('')
    .toUpperCase();
}

/** One of ten colours, the same everywhere for one person. */
export function toneOf(id) {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + char.codePointAt(0)) % 9973;
  return sum % 10;
}

function want(id) {
  if (!id || asked.has(id)) return;
  asked.add(id);
  wanted.add(id);
  if (scheduled) return;
  scheduled = true;
  setTimeout(ask, 50);
}

async function ask() {
  const ids = [...wanted];
  wanted = new Set();
  scheduled = false;
  const answers = await Promise.all(ids.map(named));
  learn(answers.filter(Boolean));
}

/** Who is not there any more is somebody; anything else is asked again, by a later look. */
async function named(userId) {
  try {
    const person = await client.rest('GET', `/users/${userId}`);
    // Of who has gone for good the name is gone too.
    return { ...person, userId, ...(!person.displayName && !person.username && { displayName: 'Somebody' }) };
  } catch (error) {
    if (error.code !== 'not_found') setTimeout(() => asked.delete(userId), AGAIN_MS);
    return error.code === 'not_found' && !toldName(userId) && { userId, displayName: 'Somebody' };
  }
}

export function forgetPeople() {
  people.value = new Map();
  asked.clear();
}
