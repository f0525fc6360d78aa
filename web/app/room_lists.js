// What a room's admins look after: invites, those who ask to be let in, those who are banned.
import { useEffect, useState } from 'preact/hooks';
import { copy } from './actions.js';
import { Avatar } from './avatar.js';
import { client } from './client.js';
import { Field, Form } from './form.js';
import { html } from './html.js';
import { Icon } from './icons.js';
import { learn, nameOf } from './people.js';
import { ago, day } from './time.js';
import { complain, told } from './toasts.js';

/**
 * A list of the room, and `write(method, path, body)`, which changes something of it, reads it again and gives what was
 * answered. Both go through REST: the reading waits until the read model has what the writing wrote.
 */
function useList(room, noun) {
  const [rows, setRows] = useState(null);
  const [failure, setFailure] = useState(null);
  const read = () =>
    client.rest('GET', `/rooms/${room.id}/${noun}`).then((page) => {
      learn(page.data.filter(({ userId }) => userId));
      setRows(page.data);
    }, setFailure);
  useEffect(() => void read(), [room]);
  const write = async (method, path, body) => {
    const answer = await client.rest(method, `/rooms/${room.id}/${path}`, { body });
    await read();
    return answer;
  };
  return { rows, failure, write };
}

function List({ rows, failure, nothing, children }) {
  if (failure) return html`<p class="form-error">${told(failure)}</p>`;
  if (!rows) return html`<p class="quiet">Reading…</p>`;
  return rows.length
    ? html`<ul class="rows">
        ${rows.map(children)}
      </ul>`
    : html`<p class="quiet">${nothing}</p>`;
}

const DAY_S = 86_400;

const used = (uses, maxUses) => `used ${uses}${maxUses ? ` of ${maxUses}` : ''} times`;

/** The code of an invite is told once, to who makes it; afterwards nobody knows it. */
export function Invites({ room }) {
  const { rows, failure, write } = useList(room, 'invites');
  const [code, setCode] = useState(null);
  const send = async ({ maxUses, days }) => {
    const asked = { ...(maxUses && { maxUses }), ...(days && { expiresInS: days * DAY_S }) };
    setCode((await write('POST', 'invites', asked)).code);
  };
  return html`<${Form} send=${send} name="form form-inline" testid="invite-form">
      ${({ busy, wrong }) => html`
        <${Field} label="For how many" name="maxUses" type="number" min="1" placeholder="any" error=${wrong.maxUses} />
        <${Field}
          label="For how many days"
          name="days"
          type="number"
          min="1"
          placeholder="ever"
          error=${wrong.expiresInS}
        />
        <button class="button button-main" disabled=${busy} data-testid="invite-create">New invite</button>
      `}
    <//>
    ${code &&
    html`<p class="row" role="status" data-testid="invite-made">
      <code data-testid="invite-code">${code}</code>
      <small class="row-words">Copy it now: it is not shown again.</small>
      <button type="button" class="icon-button" aria-label="Copy" onClick=${() => copy(code, 'The invite')}>
        <${Icon} name="copy" />
      </button>
    </p>`}
    <${List} rows=${rows} failure=${failure} nothing="No invites yet. Who joins by one needs no approval.">
      ${({ inviteId, uses, maxUses, createdAt, expiresAt }) =>
        html`<li key=${inviteId} class="row" data-testid="invite">
          <span class="row-words">
            Made ${ago(createdAt)}<small>${used(uses, maxUses)}${expiresAt && ` · until ${day(expiresAt)}`}</small>
          </span>
          <button
            type="button"
            class="icon-button"
            aria-label="Take back"
            data-testid="invite-take-back"
            onClick=${() => write('DELETE', `invites/${inviteId}`).catch(complain)}
          >
            <${Icon} name="trash" />
          </button>
        </li>`}
    <//>`;
}

export function Requests({ room }) {
  const { rows, failure, write } = useList(room, 'requests');
  const decide = (what, userId) => write('POST', `requests/${userId}/${what}`).catch(complain);
  return html`<${List} rows=${rows} failure=${failure} nothing="Nobody asks to be let in.">
    ${({ userId, requestedAt }) =>
      html`<li key=${userId} class="row" data-testid="request" data-user=${userId}>
        <${Avatar} id=${userId} />
        <span class="row-words">${nameOf(userId)}<small>asked ${ago(requestedAt)}</small></span>
        <button type="button" class="button" data-testid="deny" onClick=${() => decide('deny', userId)}>Deny</button>
        <button
          type="button"
          class="button button-main"
          data-testid="approve"
          onClick=${() => decide('approve', userId)}
        >
          Let in
        </button>
      </li>`}
  <//>`;
}

export function Bans({ room }) {
  const { rows, failure, write } = useList(room, 'bans');
  return html`<${List} rows=${rows} failure=${failure} nothing="Nobody is banned.">
    ${({ userId, reason, until }) =>
      html`<li key=${userId} class="row" data-testid="banned" data-user=${userId}>
        <${Avatar} id=${userId} />
        <span class="row-words">
          ${nameOf(userId)}<small>${[reason, until && `until ${day(until)}`].filter(Boolean).join(' · ')}</small>
        </span>
        <button
          type="button"
          class="button"
          data-testid="unban"
          onClick=${() => write('POST', 'unban', { userId }).catch(complain)}
        >
          Unban
        </button>
      </li>`}
  <//>`;
}
