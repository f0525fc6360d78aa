// Finding messages, in this room or in all of one's own, and jumping to them.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Avatar } from './avatar.js';
import { client } from './client.js';
import { Check } from './form.js';
import { cls, html } from './html.js';
import { learnAuthors, nameOf } from './people.js';
import { gotoMessage } from './route.js';
import { panel } from './state.js';
import { plain } from './text.js';
import { ago } from './time.js';
import { told } from './toasts.js';

const WAIT_MS = 250;
const NARROW = '(max-width: 64em)';

export function Search({ room }) {
  const [query, setQuery] = useState('');
  const [everywhere, setEverywhere] = useState(false);
  const { hits, next, failure, busy, more } = useHits(query, everywhere ? null : room.id);
  const open = (hit) => {
    if (matchMedia(NARROW).matches) panel.value = null;
    void gotoMessage(hit.roomId, hit.seq, hit.id);
  };
  return html`<div class="panel-body">
    <form class="search-form" role="search" onSubmit=${(event) => event.preventDefault()}>
      <input
        type="search"
        class="search-input"
        placeholder='Words, "a phrase", begin*'
        aria-label="Search messages"
        data-autofocus
        data-testid="search-input"
        value=${query}
        onInput=${(event) => setQuery(event.currentTarget.value)}
      />
      <${Check}
        label="In all my rooms"
        checked=${everywhere}
        data-testid="search-everywhere"
        onChange=${() => setEverywhere(!everywhere)}
      />
    </form>
    <p class="hidden" role="status">${hits && !busy ? `${hits.length} found` : ''}</p>
    ${failure && html`<p class="form-error">${told(failure)}</p>`}
    ${hits?.length === 0 && !busy && html`<p class="quiet" data-testid="search-nothing">Nothing found.</p>`}
    <ul class=${cls('hits', busy && 'hits-busy')} data-testid="search-hits" data-count=${hits?.length ?? ''}>
      ${hits?.map(
        (hit) =>
          html`<li key=${hit.id}>
            <${Hit} hit=${hit} query=${query} place=${everywhere && hit.roomName} onOpen=${open} />
          </li>`,
      )}
    </ul>
    ${next && html`<button type="button" class="button" onClick=${more}>More</button>`}
  </div>`;
}

/** Asks when one stops typing; an answer that is late for its question is dropped. */
function useHits(query, roomId) {
  const [state, setState] = useState({ hits: null });
  const asking = useRef(null);
  const ask = async (cursor) => {
    asking.current?.abort();
    const control = (asking.current = new AbortController());
    setState((before) => ({ ...before, busy: true }));
    try {
      const page = await client.rest('GET', '/search', {
        query: { q: query.trim(), limit: 20, ...(roomId && { roomId }), ...(cursor && { cursor }) },
        signal: control.signal,
      });
      learnAuthors(page.data);
      if (asking.current !== control) return;
      setState(({ hits }) => ({ hits: cursor ? [...hits, ...page.data] : page.data, next: page.hasMore && page.next }));
    } catch (failure) {
      if (asking.current === control) setState({ hits: null, failure });
    }
  };
  useEffect(() => {
    if (!query.trim()) {
      asking.current?.abort();
      asking.current = null;
      setState({ hits: null });
      return undefined;
    }
    const timer = setTimeout(ask, WAIT_MS);
    return () => clearTimeout(timer);
  }, [query, roomId]);
  return { ...state, more: () => ask(state.next) };
}

export function Hit({ hit, query = '', place, onOpen }) {
  return html`<button type="button" class="hit" data-testid="hit" data-id=${hit.id} onClick=${() => onOpen(hit)}>
    <${Avatar} id=${hit.authorId} size="s" />
    <span class="hit-words">
      <span class="hit-head">
        <strong>${nameOf(hit.authorId)}</strong><small>${place && `${place} · `}${ago(hit.postedAt)}</small>
      </span>
      <span class="hit-text">${marked(plain(hit.content), query)}</span>
    </span>
  </button>`;
}

function marked(text, query) {
  const words = query.toLowerCase().match(/[\p{L}\p{N}_]+/gu);
  if (!words) return text;
  const pattern = new RegExp(`(${words.join('|')})`, 'giu');
  return text.split(pattern).map((part, at) => (at % 2 ? html`<mark key=${at}>${part}</mark>` : part));
}
