// What this page knows of one room: as signals, so that only what changed is drawn again.
import { batch, computed, signal } from '@preact/signals';
import { client } from './client.js';
import { foldRoom, shortType, viewOf } from './fold.js';
import { Messages } from './messages.js';
import { learn } from './people.js';

const EMPTY = { name: '', description: '', code: '', archived: false, maxUsers: 0, settings: {}, members: new Map() };

export class Room {
  constructor(row) {
    this.id = row.id;
    const { name, description, code, maxUsers, settings, archivedAt } = row;
    this.view = signal({ ...EMPTY, name, description, code, maxUsers, settings, archived: Boolean(archivedAt) });
    this.role = signal(row.role);
    this.unread = signal(row.unread ?? 0);
    this.mentions = signal(row.mentions ?? 0);
    this.readSeq = signal(row.readSeq ?? 0);
    /** Where the unread line stands, as long as the room is open. */
    this.unreadFrom = signal(null);
    this.presence = signal(new Map());
    this.typing = signal([]);
    this.speaking = signal(new Set());
    this.call = signal(null);
    this.live = signal(false);
    this.lastAt = signal(row.updatedAt ?? row.createdAt ?? '');
    this.head = 0;
    this.messages = new Messages(this.id);
    this.threads = new Map();
    this.archived = computed(() => this.view.value.archived);
    this.moderates = computed(() => ['admin', 'owner'].includes(this.role.value));
  }

  thread(root) {
    if (!this.threads.has(root)) this.threads.set(root, new Messages(this.id, root));
    return this.threads.get(root);
  }

  /** The state that every subscription begins with. Who is muted stands in the rows of the members, not in it. */
  subscribed({ heads, state, recovered }, me) {
    const view = viewOf(state);
    for (const [id, member] of view.members) view.members.set(id, { ...this.view.value.members.get(id), ...member });
    batch(() => {
      this.view.value = view;
      this.role.value = view.members.get(me)?.role ?? this.role.value;
      this.live.value = true;
      this.ambient();
    });
    if (recovered) return;
    this.head = heads.msg;
    this.reread();
  }

  /** Some of it has left the log before it came: what the read model has is shown instead. */
  reread() {
    for (const messages of [this.messages, ...this.threads.values()]) messages.renew(this.head);
  }

  /** Presence, typing, speaking and the call, which the SDK keeps folded. */
  ambient() {
    const folded = client.room(this.id);
    if (!folded) return;
    batch(() => {
      this.presence.value = new Map(folded.presence);
      this.typing.value = [...folded.typing];
      this.speaking.value = new Set(folded.speaking);
      this.call.value = folded.call;
    });
  }

  event({ class: chain, seq, event }, me) {
    if (chain === 'ctl') this.control(event, me);
    if (chain === 'msg') this.message(seq, event, me);
  }

  control(event, me) {
    batch(() => {
      this.view.value = foldRoom(this.view.value, event);
      this.role.value = this.view.value.members.get(me)?.role ?? this.role.value;
    });
  }

  message(seq, event, me) {
    this.head = Math.max(this.head, seq);
    this.messages.apply(seq, event);
    for (const thread of this.threads.values()) thread.apply(seq, event);
    if (shortType(event) !== 'message.posted') return;
    this.lastAt.value = event.time;
    if (event.data.authorId === me || seq <= this.readSeq.value) return;
    this.unread.value += 1;
    if (event.data.mentions?.includes(me)) this.mentions.value += 1;
  }

  /** Everything up to a seq was read, here or on another device. */
  read(seq) {
    batch(() => {
      this.readSeq.value = Math.max(this.readSeq.value, seq);
      if (seq < (this.messages.rows.value.at(-1)?.seq ?? 0)) return;
      this.unread.value = 0;
      this.mentions.value = 0;
    });
  }

  counted({ unread, mentions, readSeq }) {
    batch(() => {
      this.unread.value = unread;
      this.mentions.value = mentions;
      this.readSeq.value = Math.max(this.readSeq.value, readSeq);
    });
  }

  /** The rows of the members, page by page: names, when they joined, who is muted, when they were last seen. */
  async readMembers() {
    let after;
    do {
      const page = await client.rest('GET', `/rooms/${this.id}/members`, { query: { limit: 100, after } });
      learn(page.data);
      const members = new Map(this.view.value.members);
      for (const row of page.data) if (members.has(row.userId) || !this.live.value) members.set(row.userId, row);
      this.view.value = { ...this.view.value, members };
      after = page.hasMore ? page.next : undefined;
    } while (after);
  }
}
