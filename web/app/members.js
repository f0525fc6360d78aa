// Who is in the room: how they are, what they may do, and what one may do about it.
import { useEffect, useState } from 'preact/hooks';
import { moderate } from './actions.js';
import { Avatar } from './avatar.js';
import { cls, html } from './html.js';
import { Icon } from './icons.js';
import { MenuButton } from './overlay.js';
import { nameOf, people, usernameOf } from './people.js';
import { dialogOpen, me } from './state.js';
import { ago, clock } from './time.js';
import { complain } from './toasts.js';

const RANK = { owner: 3, admin: 2, member: 1, guest: 0 };
const FILTER_FROM = 10;

export function Members({ room }) {
  const [filter, setFilter] = useState('');
  useEffect(() => void room.readMembers().catch(complain), [room]);
  const wanted = filter.trim().toLowerCase();
  const all = [...room.view.value.members.values()]
    .filter(({ userId }) => !wanted || `${nameOf(userId)} ${usernameOf(userId) ?? ''}`.toLowerCase().includes(wanted))
    .map((member) => ({ ...member, ...statusIn(room, member.userId) }))
    .sort((a, b) => RANK[b.role] - RANK[a.role] || nameOf(a.userId).localeCompare(nameOf(b.userId)));
  const here = all.filter(({ status }) => status !== 'offline');
  const gone = all.filter(({ status }) => status === 'offline');
  return html`<div class="panel-body" data-testid="members">
    ${
      room.view.value.members.size >= FILTER_FROM &&
      html`<input
        type="search"
        class="search-input"
        placeholder="Find somebody"
        aria-label="Find somebody"
        value=${filter}
        onInput=${(event) => setFilter(event.currentTarget.value)}
      />`
    }
    <${Group} title="Here" members=${here} room=${room} />
    <${Group} title="Not here" members=${gone} room=${room} />
  </div>`;
}

function statusIn(room, userId) {
  const { status = 'offline', inCall = false } = room.presence.value.get(userId) ?? {};
  return { status, inCall };
}

function Group({ title, members, room }) {
  if (!members.length) return null;
  return html`<section>
    <h3 class="group-title">${title} <span>${members.length}</span></h3>
    <ul class="members">
      ${members.map((member) => html`<${MemberRow} key=${member.userId} member=${member} room=${room} />`)}
    </ul>
  </section>`;
}

function MemberRow({ member, room }) {
  const { userId, role, status, inCall, muted, mutedUntil } = member;
  const lastSeenAt = people.value.get(userId)?.lastSeenAt;
  const own = userId === me.value.id;
  const under = [
    role !== 'member' && role,
    muted && (mutedUntil ? `muted until ${clock(mutedUntil)}` : 'muted'),
    status === 'offline' && lastSeenAt && `seen ${ago(lastSeenAt)}`,
  ].filter(Boolean);
  return html`<li
    class=${cls('member', status === 'offline' && 'member-gone')}
    data-testid="member"
    data-user=${userId}
    data-status=${status}
    data-role=${role}
    data-in-call=${Boolean(inCall)}
    data-muted=${Boolean(muted)}
  >
    <${Avatar} id=${userId} status=${status} />
    <span class="member-words">
      <span class="member-name">${nameOf(userId)}${own && html`<small> you</small>`}</span>
      ${under.length > 0 && html`<small>${under.join(' · ')}</small>`}
    </span>
    ${muted && html`<${Icon} name="mic-off" />`} ${inCall && html`<${InCall} />`}
    <${Moderation} member=${member} room=${room} />
  </li>`;
}

const InCall = () =>
  html`<span class="in-call" role="img" aria-label="in a call" title="In a call"><${Icon} name="phone" /></span>`;

const MUTES = [
  ['Mute for 10 minutes', 10],
  ['Mute for an hour', 60],
  ['Mute', null],
];

/** Who moderates may do so to those below them; only the owner makes admins, and hands the room over. */
function Moderation({ member, room }) {
  const { userId, role, muted } = member;
  const mine = room.role.value;
  const name = nameOf(userId);
  if (userId === me.value.id || !room.moderates.value || RANK[mine] <= RANK[role] || room.archived.value) return null;
  const owner = mine === 'owner';
  const surely = (title, action, run, text) => dialogOpen('confirm', { title, action, run, text, reason: true });
  const items = [
    owner &&
      role !== 'admin' &&
      role !== 'guest' && {
        label: 'Make an admin',
        icon: 'check',
        testid: 'role-admin',
        onSelect: () => moderate(room.id, 'role', { userId, role: 'admin' }),
      },
    owner &&
      role === 'admin' && {
        label: 'Make a member again',
        icon: 'down',
        testid: 'role-member',
        onSelect: () => moderate(room.id, 'role', { userId, role: 'member' }),
      },
    owner &&
      role !== 'guest' && {
        label: 'Hand the room over',
        icon: 'people',
        onSelect: () =>
          dialogOpen('confirm', {
            title: `Make ${name} the owner?`,
            text: 'You become an admin. Only they can give the room back.',
            action: 'Hand over',
            run: () => moderate(room.id, 'role', { userId, role: 'owner' }),
          }),
      },
    ...(muted
      ? [{ label: 'Unmute', icon: 'mic', testid: 'unmute', onSelect: () => moderate(room.id, 'unmute', { userId }) }]
      : MUTES.map(([label, minutes]) => ({
          label,
          icon: 'mic-off',
          testid: minutes ? `mute-${minutes}` : 'mute',
          onSelect: () => moderate(room.id, 'mute', { userId, ...(minutes && { until: inMinutes(minutes) }) }),
        }))),
    {
      label: 'Kick',
      icon: 'leave',
      danger: true,
      testid: 'kick',
      onSelect: () =>
        surely(
          `Kick ${name}?`,
          'Kick',
          (reason) => moderate(room.id, 'kick', { userId, reason }),
          'They may join again.',
        ),
    },
    {
      label: 'Ban',
      icon: 'lock',
      danger: true,
      testid: 'ban',
      onSelect: () =>
        surely(
          `Ban ${name}?`,
          'Ban',
          (reason) => moderate(room.id, 'ban', { userId, reason }),
          'They leave, and may not join again until they are unbanned.',
        ),
    },
  ];
  return html`<${MenuButton} label="Moderate ${name}" icon="more" items=${items} testid="member-menu" />`;
}

const inMinutes = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString();
