// What is being written, room by room and thread by thread. It outlives switching rooms and a reload.
import { signal } from '@preact/signals';

const KEY = 'voxlog.drafts';
const drafts = new Map();
const kept = read();

/** A draft: its text, the message that it answers, and which `@name` in it stands for whom. */
export function draftOf(room, thread) {
  const key = thread ?? room;
  if (!drafts.has(key)) {
    const { text = '', named = [] } = kept[key] ?? {};
    drafts.set(key, { key, text: signal(text), reply: signal(null), named: new Map(named) });
  }
  return drafts.get(key);
}

export function setDraft(draft, text) {
  draft.text.value = text;
  if (text) kept[draft.key] = { text, named: [...draft.named] };
  else delete kept[draft.key];
  sessionStorage.setItem(KEY, JSON.stringify(kept));
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}
