// The text field of the composer and of edits: it grows with its text and completes mentions.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Avatar } from './avatar.js';
import { cls, html } from './html.js';
import { nameOf, usernameOf } from './people.js';

const MOST_OFFERED = 6;
const BEGUN = /(?:^|[\s(])@([\p{L}\p{N}_.-]*)$/u;

/**
 * `members` may be mentioned; `named` learns which `@name` stands for whom. `focus` takes the focus at once, `first`
 * has it when the panel opens in which the editor stands.
 */
export function Editor({
  value,
  onText,
  onSend,
  onKey,
  members,
  named,
  label,
  placeholder,
  disabled,
  testid,
  focus,
  first,
  field,
}) {
  const own = useRef(null);
  const area = field ?? own;
  const [offer, setOffer] = useState(null);
  const [at, setAt] = useState(0);

  useLayoutEffect(() => {
    const element = area.current;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [value]);
  useLayoutEffect(() => {
    if (!focus) return;
    area.current.focus({ preventScroll: true });
    area.current.setSelectionRange(value.length, value.length);
  }, [focus]);

  const lookForMention = () => {
    const { selectionStart, value: text } = area.current;
    const begun = text.slice(0, selectionStart).match(BEGUN)?.[1];
    const offered = begun === undefined ? [] : candidates(members, begun);
    setOffer(offered.length ? { begun, offered } : null);
    setAt(0);
  };
  const take = (id) => {
    const { selectionStart, value: text } = area.current;
    const name = nameOf(id);
    const from = selectionStart - offer.begun.length;
    named.set(name, id);
    setOffer(null);
    onText(`${text.slice(0, from)}${name} ${text.slice(selectionStart)}`);
    const caret = from + name.length + 1;
    requestAnimationFrame(() => area.current?.setSelectionRange(caret, caret));
  };
  const onKeyDown = (event) => {
    if (event.isComposing) return;
    if (offer && choosing(event, offer, at, setAt, take, () => setOffer(null))) return;
    if (event.key === 'Enter' && (!event.shiftKey || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onSend();
    } else onKey?.(event);
  };
  return html`<div class="editor">
    ${offer && html`<${Offer} ...${offer} at=${at} take=${take} />`}
    <textarea
      ref=${area}
      rows="1"
      aria-label=${label}
      role=${offer ? 'combobox' : undefined}
      aria-autocomplete="list"
      aria-expanded=${offer ? true : undefined}
      aria-controls=${offer ? 'mention-offer' : undefined}
      aria-activedescendant=${offer ? `mention-${at}` : undefined}
      placeholder=${placeholder}
      disabled=${disabled}
      value=${value}
      data-testid=${testid}
      data-autofocus=${first}
      onInput=${(event) => {
        onText(event.currentTarget.value);
        lookForMention();
      }}
      onKeyDown=${onKeyDown}
      onBlur=${() => setOffer(null)}
    />
  </div>`;
}

/** Arrow keys, Enter, Tab and Escape belong to the offer while there is one. */
function choosing(event, { offered }, at, setAt, take, drop) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) setAt((at + step + offered.length) % offered.length);
  else if (event.key === 'Enter' || event.key === 'Tab') take(offered[at]);
  else if (event.key === 'Escape') drop();
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
}

function candidates(members, begun) {
  const wanted = begun.toLowerCase();
  const names = (id) =>
    [nameOf(id), usernameOf(id) ?? '', ...nameOf(id).split(/\s+/)].map((name) => name.toLowerCase());
  return members.filter((id) => names(id).some((name) => name.startsWith(wanted))).slice(0, MOST_OFFERED);
}

function Offer({ offered, at, take }) {
  return html`<ul class="offer" id="mention-offer" role="listbox" aria-label="Members" data-testid="mention-offer">
    ${offered.map(
      (id, index) =>
        html`<li
          key=${id}
          id="mention-${index}"
          role="option"
          aria-selected=${index === at}
          class=${cls('offer-one', index === at && 'offer-on')}
          data-user=${id}
          onPointerDown=${(event) => {
            event.preventDefault();
            take(id);
          }}
        >
          <${Avatar} id=${id} size="s" />
          <span>${nameOf(id)}</span>
          <small>${usernameOf(id) && `@${usernameOf(id)}`}</small>
        </li>`,
    )}
  </ul>`;
}
