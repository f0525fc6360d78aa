// One message: who, when, what, what it answers, how people reacted, and what one can do with it.
import { signal } from '@preact/signals';
import { useRef, useState } from 'preact/hooks';
import { copy, deleteMessage, editMessage, toggleReaction, togglePin } from './actions.js';
import { Avatar } from './avatar.js';
import { client } from './client.js';
import { draftOf } from './drafts.js';
import { Editor } from './editor.js';
import { QUICK, emojiName } from './emoji.js';
import { cls, html } from './html.js';
import { Icon } from './icons.js';
import { MenuButton } from './overlay.js';
import { nameOf } from './people.js';
import { EmojiButton } from './picker.js';
import { quoted } from './quotes.js';
import { gotoMessage } from './route.js';
import { dialogOpen, me, panel } from './state.js';
import { fromDraft, onlyEmoji, plain, rich, toDraft } from './text.js';
import { ago, clock, clockFace, whole } from './time.js';
import { told } from './toasts.js';

/** The message that is being edited, and the one that a jump has just led to. */
export const editing = signal(null);
export const flashed = signal(null);

/** `state` is `pending`, `sent` or `failed`; `head` tells whether it begins a group of one author's messages. */
export function Message({ row, room, head, state, error, replies, thread }) {
  const [hovered, setHovered] = useState(false);
  const [focused, setFocused] = useState(false);
  const mine = row.authorId === me.value?.id;
  const changing = editing.value === row.id;
  const mentioned = row.mentions?.includes(me.value?.id);
  const flash = flashed.value === row.id && 'message-flash';
  const blurred = (event) => setFocused(event.currentTarget.contains(event.relatedTarget));
  const usable = state === 'sent' && !row.deletedAt && !room.archived.value;
  const tools = (hovered || focused) && usable && !changing;
  return html`<article
    class=${cls('message', `message-${state}`, head && 'message-head', mentioned && 'message-mention', flash)}
    tabindex="-1"
    aria-label="${nameOf(row.authorId)}, ${clock(row.postedAt)}"
    data-testid="message"
    data-id=${row.id}
    data-seq=${row.seq ?? ''}
    data-state=${state}
    data-author=${row.authorId}
    data-edited=${Boolean(row.editedAt)}
    data-deleted=${Boolean(row.deletedAt)}
    data-pinned=${row.pinned}
    onMouseEnter=${() => setHovered(true)}
    onMouseLeave=${() => setHovered(false)}
    onFocusIn=${() => setFocused(true)}
    onFocusOut=${blurred}
  >
    <div class="message-side">
      ${head ? html`<${Avatar} id=${row.authorId} />` : html`<${When} at=${row.postedAt} />`}
    </div>
    <div class="message-body">
      ${head && html`<${Byline} row=${row} />`} ${row.replyTo && html`<${Quote} room=${room} id=${row.replyTo} />`}
      ${changing ? html`<${EditForm} row=${row} room=${room} />` : html`<${Content} row=${row} />`}
      <${Reactions} row=${row} usable=${usable} />
      ${replies && !thread && html`<${Replies} replies=${replies} root=${row.id} />`}
      <${Sending} row=${row} state=${state} error=${error} />
    </div>
    ${tools && html`<${Tools} row=${row} room=${room} mine=${mine} thread=${thread} />`}
  </article>`;
}

const When = ({ at }) => html`<time class="message-when" datetime=${at}>${clockFace(at)}</time>`;

function Byline({ row }) {
  return html`<header class="byline">
    <strong>${nameOf(row.authorId)}</strong>
    <time datetime=${row.postedAt} title=${whole(row.postedAt)}>${clock(row.postedAt)}</time>
    ${row.pinned && !row.deletedAt && html`<span class="byline-mark"><${Icon} name="pin" />pinned</span>`}
  </header>`;
}

function Content({ row }) {
  if (row.deletedAt) return html`<p class="message-gone">This message was deleted.</p>`;
  if (row.recorded === false && !row.content) return html`<p class="message-gone">This room keeps no messages.</p>`;
  return html`<div class=${cls('message-text', onlyEmoji(row.content) && 'message-emoji')} data-testid="message-text">
    ${rich(row.content)}${
      row.editedAt &&
      html` <span class="message-edited" title=${whole(row.editedAt)} data-testid="message-edited">(edited)</span>`
    }
  </div>`;
}

function Quote({ room, id }) {
  const row = quoted(room, id);
  if (!row) return html`<div class="quote">…</div>`;
  const jump = () => gotoMessage(room.id, row.seq, row.id);
  return html`<button type="button" class="quote" data-testid="quote" data-reply-to=${id} onClick=${jump}>
    <strong>${nameOf(row.authorId)}</strong> ${row.deletedAt ? 'deleted' : plain(row.content)}
  </button>`;
}

function Reactions({ row, usable }) {
  if (!row.reactions?.length) return null;
  return html`<ul class="reactions" aria-label="Reactions">
    ${row.reactions.map(({ emoji, count, userIds }) => {
      const mine = userIds.includes(me.value?.id);
      const who = userIds.map(nameOf).join(', ');
      return html`<li key=${emoji}>
        <button
          type="button"
          class=${cls('reaction', mine && 'reaction-mine')}
          aria-pressed=${mine}
          aria-label="${emojiName(emoji)}, ${count}: ${who}"
          title=${who}
          disabled=${!usable}
          data-testid="reaction"
          data-emoji=${emoji}
          data-count=${count}
          data-mine=${mine}
          onClick=${() => toggleReaction(row, emoji, mine)}
        >
          <span class="emoji">${emoji}</span><span class="reaction-count">${count}</span>
        </button>
      </li>`;
    })}
  </ul>`;
}

function Replies({ replies, root }) {
  const { count, lastAt, authors } = replies;
  return html`<button
    type="button"
    class="replies"
    data-testid="open-thread"
    data-count=${count}
    onClick=${() => (panel.value = { name: 'thread', root })}
  >
    <span class="faces">${authors.slice(0, 3).map((id) => html`<${Avatar} key=${id} id=${id} size="s" />`)}</span>
    <strong>${count === 1 ? '1 reply' : `${count} replies`}</strong>
    <span class="quiet">${ago(lastAt)}</span>
  </button>`;
}

function Sending({ row, state, error }) {
  if (state === 'pending') {
    return html`<p class="sending">
      <${Icon} name="clock" /><span>Waiting to be sent${error && `: ${told(error)}`}</span>
    </p>`;
  }
  if (state !== 'failed') return null;
  return html`<p class="sending sending-failed" role="alert">
    <${Icon} name="warn" /><span>Not sent: ${told(error)}</span>
    <button type="button" class="link" data-testid="retry" onClick=${() => client.retry(row.id)}>Try again</button>
    <button type="button" class="link" data-testid="discard" onClick=${() => client.discard(row.id)}>Discard</button>
  </p>`;
}

function Tools({ row, room, mine, thread }) {
  const react = (emoji) => {
    const before = row.reactions.find((reaction) => reaction.emoji === emoji);
    return toggleReaction(row, emoji, before?.userIds.includes(me.value.id) ?? false);
  };
  const more = [
    mine && { label: 'Edit', icon: 'pencil', testid: 'edit', onSelect: () => (editing.value = row.id) },
    { label: row.pinned ? 'Unpin' : 'Pin', icon: 'pin', testid: 'pin', onSelect: () => togglePin(row) },
    { label: 'Copy the text', icon: 'copy', onSelect: () => copy(plain(row.content), 'The text') },
    (mine || room.moderates.value) && {
      label: 'Delete',
      icon: 'trash',
      danger: true,
      testid: 'delete',
      onSelect: () =>
        dialogOpen('confirm', {
          title: 'Delete this message?',
          text: plain(row.content).slice(0, 140),
          action: 'Delete',
          run: () => deleteMessage(row),
        }),
    },
  ];
  const answer = () => (draftOf(room.id, thread).reply.value = row);
  return html`<div class="tools" role="toolbar" aria-label="This message" data-testid="message-tools">
    ${QUICK.slice(0, 2).map(
      (emoji) =>
        html`<button
          key=${emoji}
          type="button"
          class="icon-button emoji"
          aria-label="React with ${emojiName(emoji)}"
          data-emoji=${emoji}
          onClick=${() => react(emoji)}
        >
          ${emoji}
        </button>`,
    )}
    <${EmojiButton} label="React" onPick=${react} testid="react" />
    <button type="button" class="icon-button" aria-label="Answer" title="Answer" data-testid="reply" onClick=${answer}>
      <${Icon} name="reply" />
    </button>
    ${
      !thread &&
      html`<button
        type="button"
        class="icon-button"
        aria-label="Thread"
        title="Thread"
        data-testid="thread"
        onClick=${() => (panel.value = { name: 'thread', root: row.id })}
      >
        <${Icon} name="thread" />
      </button>`
    }
    <${MenuButton} label="More" icon="more" items=${more} testid="message-more" />
  </div>`;
}

/** A failed edit keeps the text where it is. */
function EditForm({ row, room }) {
  const named = useRef(new Map());
  const [text, setText] = useState(() => toDraft(row.content, named.current));
  const stop = () => {
    editing.value = null;
    document.querySelector('[data-testid="composer"]')?.focus();
  };
  const save = async () => {
    const content = fromDraft(text, named.current);
    if (!content) return;
    if (content === row.content || (await editMessage(row, content))) stop();
  };
  const onKey = (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    stop();
  };
  return html`<div class="edit">
    <${Editor}
      value=${text}
      onText=${setText}
      onSend=${save}
      onKey=${onKey}
      members=${[...room.view.value.members.keys()]}
      named=${named.current}
      label="Edit the message"
      focus
      testid="edit-input"
    />
    <p class="quiet">
      <button type="button" class="link" data-testid="edit-save" onClick=${save}>Save</button> with Enter,${' '}
      <button type="button" class="link" data-testid="edit-cancel" onClick=${stop}>cancel</button> with Escape
    </p>
  </div>`;
}
