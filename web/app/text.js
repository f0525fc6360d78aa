// What a message says, as elements. Content is text and nothing else: it never becomes markup, and only http(s) becomes
// a link. A little of Markdown is read: `code`, ``` blocks, *emphasis* and **strength**.
import { html, cls } from './html.js';
import { nameOf } from './people.js';
import { me } from './state.js';

const MENTION = /<@([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})>/;
const TOKEN = new RegExp(
  [
    '```(?:\\w*\\n)?(?<block>[\\s\\S]+?)```',
    '`(?<code>[^`\\n]+)`',
    MENTION.source.replace('(', '(?<mention>'),
    '(?<link>https?:\\/\\/[^\\s<>"\']*[^\\s<>"\'.,;:!?)\\]}])',
    '\\*\\*(?<strong>[^*\\n]+)\\*\\*',
    '(?<![\\w*])\\*(?<em>[^*\\s][^*\\n]*)\\*(?![\\w*])',
  ].join('|'),
  'g',
);

/** The content as elements and texts. */
export function rich(content) {
  const parts = [];
  let at = 0;
  for (const match of content.matchAll(TOKEN)) {
    parts.push(content.slice(at, match.index), element(match.groups));
    at = match.index + match[0].length;
  }
  return [...parts, content.slice(at)].filter((part) => part !== '');
}

function element({ block, code, mention, link, strong, em }) {
  if (block) return html`<pre><code>${block.replace(/\n$/, '')}</code></pre>`;
  if (code) return html`<code>${code}</code>`;
  if (mention) return html`<${Mention} id=${mention} />`;
  if (link) return linked(link);
  return strong ? html`<strong>${rich(strong)}</strong>` : html`<em>${rich(em)}</em>`;
}

function linked(text) {
  if (!URL.canParse(text)) return text;
  return html`<a href=${new URL(text).href} target="_blank" rel="noopener noreferrer nofollow">${text}</a>`;
}

function Mention({ id }) {
  const mine = id === me.value?.id;
  return html`<span class=${cls('mention', mine && 'mention-me')} data-user=${id}>@${nameOf(id)}</span>`;
}

/** One line without elements, for quotes, toasts and labels. */
export function plain(content) {
  return content
    .replace(new RegExp(MENTION, 'g'), (_, id) => `@${nameOf(id)}`)
    .replace(/\s+/g, ' ')
    .trim();
}

/** A text of nothing but a few emoji is shown large. */
export const onlyEmoji = (content) => /^(?:\p{RGI_Emoji}\s*){1,4}$/v.test(content);

/** As it is written in the composer: names in place of ids. `named` learns which name stands for whom. */
export function toDraft(content, named) {
  return content.replace(new RegExp(MENTION, 'g'), (_, id) => {
    const name = nameOf(id);
    named.set(name, id);
    return `@${name}`;
  });
}

/** As it goes over the wire: each `@name` that stands for somebody becomes their id; longer names first. */
export function fromDraft(draft, named) {
  const names = [...named.keys()].sort((a, b) => b.length - a.length);
  return names.reduce((text, name) => text.replace(boundary(name), `<@${named.get(name)}>`), draft).trim();
}

const boundary = (name) =>
  new RegExp(`(?<![\\p{L}\\p{N}_])@${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\p{L}\\p{N}_])`, 'gu');
