// Where one writes. What is written goes into the outbox at once, connection or not.
import { useEffect, useRef } from 'preact/hooks';
import { client } from './client.js';
import { draftOf, setDraft } from './drafts.js';
import { Editor } from './editor.js';
import { html } from './html.js';
import { Icon } from './icons.js';
import { EmojiButton } from './picker.js';
import { nameOf, usernameOf } from './people.js';
import { connection, me } from './state.js';
import { fromDraft, plain } from './text.js';
import { clock } from './time.js';
import { complain } from './toasts.js';
import { editing } from './message.js';

const MOST_CHARS = 4000;
const TELL_FROM = 3600;

export function Composer({ room, messages, thread }) {
  const draft = draftOf(room.id, thread);
  const field = useRef(null);
  const text = draft.text.value;
  const { members } = room.view.value;
  const refused = whyNot(room);

  useEffect(() => {
    if (!thread && matchMedia('(hover: hover)').matches) field.current?.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    const reply = () => field.current?.focus();
    return draft.reply.subscribe((answered) => answered && reply());
  }, [draft]);

  const write = (next) => {
    setDraft(draft, next);
    if (next.trim()) client.typing(room.id);
    else client.stopTyping(room.id);
  };
  const send = () => {
    const content = fromDraft(text, new Map([...usernames(members), ...draft.named]));
    if (!content || content.length > MOST_CHARS) return;
    try {
      client.send({ room: room.id, content, replyTo: draft.reply.value?.id, threadRoot: thread });
    } catch (error) {
      complain(error);
      return;
    }
    setDraft(draft, '');
    draft.reply.value = null;
    draft.named.clear();
    client.stopTyping(room.id);
    document.dispatchEvent(new CustomEvent('voxlog:sent', { detail: { room: room.id, thread } }));
  };
  const onKey = (event) => {
    if (event.key === 'ArrowUp' && !text) editLast(event, messages, thread);
    if (event.key === 'Escape' && draft.reply.value) {
      event.stopPropagation();
      draft.reply.value = null;
    }
  };
  const insert = (emoji) => {
    const { selectionStart, selectionEnd } = field.current;
    write(text.slice(0, selectionStart) + emoji + text.slice(selectionEnd));
    field.current.focus();
  };

  if (refused)
    return html`<p class="composer-refused" data-testid="composer-refused"><${Icon} name="lock" />${refused}</p>`;
  return html`<div class="composer" data-testid=${thread ? 'thread-composer' : 'composer-box'}>
    <${Reply} draft=${draft} />
    <div class="composer-row">
      <${EmojiButton} label="Put in an emoji" onPick=${insert} />
      <${Editor}
        field=${field}
        value=${text}
        onText=${write}
        onSend=${send}
        onKey=${onKey}
        members=${[...members.keys()]}
        named=${draft.named}
        label=${thread ? 'Reply in the thread' : `Message to ${room.view.value.name}`}
        placeholder=${thread ? 'Reply in the thread' : `Message to ${room.view.value.name}`}
        testid=${thread ? 'thread-input' : 'composer'}
        first=${thread ? true : undefined}
      />
      <button
        type="button"
        class="icon-button send"
        aria-label="Send"
        title="Send (Enter)"
        disabled=${!text.trim() || text.length > MOST_CHARS}
        data-testid=${thread ? 'thread-send' : 'send'}
        onClick=${send}
      >
        <${Icon} name="send" />
      </button>
    </div>
    <${Notes} room=${room} text=${text} />
  </div>`;
}

/** `@boris` means Boris as well when it was written out by hand. */
const usernames = (members) => [...members.keys()].map((id) => [usernameOf(id), id]).filter(([name]) => name);

function whyNot(room) {
  if (room.archived.value) return 'This room is closed. One can read on, and nothing more is written here.';
  const mine = room.view.value.members.get(me.value?.id);
  if (!mine?.muted) return null;
  if (mine.mutedUntil && new Date(mine.mutedUntil) < Date.now()) return null;
  return mine.mutedUntil ? `You are muted here until ${clock(mine.mutedUntil)}.` : 'You are muted here.';
}

function editLast(event, messages, thread) {
  const ours = (row) => row.authorId === me.value.id && !row.deletedAt && (thread || !row.threadRoot);
  const mine = messages.rows.value.findLast(ours);
  if (!mine) return;
  event.preventDefault();
  editing.value = mine.id;
}

function Reply({ draft }) {
  const row = draft.reply.value;
  if (!row) return null;
  return html`<div class="composer-reply" data-testid="composer-reply" data-reply-to=${row.id}>
    <${Icon} name="reply" />
    <span><strong>${nameOf(row.authorId)}</strong> ${plain(row.content)}</span>
    <button type="button" class="icon-button" aria-label="No answer" onClick=${() => (draft.reply.value = null)}>
      <${Icon} name="close" />
    </button>
  </div>`;
}

function Notes({ room, text }) {
  const { slowModeS } = room.view.value.settings;
  const offline = connection.value.state === 'offline';
  const left = MOST_CHARS - text.length;
  const notes = [
    offline &&
      html`<span data-testid="offline-note">No connection. What you send waits, and goes out when it is back.</span>`,
    slowModeS > 0 && html`<span>Slow mode: one message in ${slowModeS} s.</span>`,
    left < MOST_CHARS - TELL_FROM && html`<span class=${left < 0 ? 'wrong' : ''}>${left} characters left.</span>`,
  ].filter(Boolean);
  return notes.length > 0 && html`<p class="composer-notes" aria-live="polite">${notes}</p>`;
}
