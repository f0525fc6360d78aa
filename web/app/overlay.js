// What lies over the page: popovers that hang on a button, menus, dialogs. The browser's top layer holds them.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { cls, html } from './html.js';
import { Icon } from './icons.js';

const GAP = 6;
const FOCUSABLE = 'button:not([disabled]), [href], input:not([disabled]), select, textarea, [tabindex="0"]';

/** Hangs at `anchor`, on whichever side there is room, until something else is clicked or Escape is pressed. */
function Popover({ anchor, onClose, label, role = 'dialog', name, testid, children }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const element = box.current;
    element.showPopover();
    place(element, anchor.current);
    const first = element.querySelector('[data-autofocus]') ?? element.querySelector(FOCUSABLE);
    first?.focus({ preventScroll: true });
    const outside = (event) => {
      if (!element.contains(event.target) && !anchor.current?.contains(event.target)) onClose();
    };
    const moved = () => place(element, anchor.current);
    document.addEventListener('pointerdown', outside, true);
    addEventListener('resize', moved);
    return () => {
      document.removeEventListener('pointerdown', outside, true);
      removeEventListener('resize', moved);
      if (element.contains(document.activeElement)) anchor.current?.focus({ preventScroll: true });
    };
  }, []);
  const onKeyDown = (event) => {
    if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      anchor.current?.focus({ preventScroll: true });
      onClose();
    } else if (role === 'menu') moveFocus(event, box.current);
  };
  return html`<div
    ref=${box}
    popover="manual"
    role=${role}
    aria-label=${label}
    class=${cls('popover', name)}
    data-testid=${testid}
    onKeyDown=${onKeyDown}
  >
    ${children}
  </div>`;
}

function place(element, anchor) {
  if (!anchor?.isConnected) return;
  const at = anchor.getBoundingClientRect();
  const { width, height } = element.getBoundingClientRect();
  const below = at.bottom + GAP + height <= innerHeight || at.top < innerHeight - at.bottom;
  const top = below ? at.bottom + GAP : at.top - GAP - height;
  const left = at.left + width <= innerWidth - GAP ? at.left : at.right - width;
  element.style.top = `${Math.max(GAP, Math.min(top, innerHeight - height - GAP))}px`;
  element.style.left = `${Math.max(GAP, Math.min(left, innerWidth - width - GAP))}px`;
}

/** Arrow keys, Home and End move through what can be chosen. */
function moveFocus(event, box) {
  const items = [...box.querySelectorAll('[role^="menuitem"]:not([disabled])')];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  items.at(to % items.length)?.focus();
}

/** A button whose popover `children(close)` makes. */
export function PopoverButton({ label, icon, text, name, role, popover, testid, children, ...rest }) {
  const [open, setOpen] = useState(false);
  const anchor = useRef(null);
  const close = () => setOpen(false);
  return html`<button
      ref=${anchor}
      type="button"
      class=${name ?? 'icon-button'}
      aria-label=${label}
      title=${label}
      aria-haspopup=${role ?? 'dialog'}
      aria-expanded=${open}
      data-testid=${testid}
      onClick=${() => setOpen(!open)}
      ...${rest}
    >
      ${icon && html`<${Icon} name=${icon} />`}${text}
    </button>
    ${
      open &&
      html`<${Popover} anchor=${anchor} onClose=${close} label=${label} role=${role} name=${popover}>
        ${children(close)}
      <//>`
    }`;
}

/** A button with a menu. An item is `{ label, onSelect, icon?, hint?, danger?, checked?, testid? }`, or false. */
export function MenuButton({ items, ...rest }) {
  return html`<${PopoverButton} role="menu" popover="menu" ...${rest}>
    ${(close) => html`<${MenuItems} items=${items} close=${close} />`}
  <//>`;
}

export function MenuItems({ items, close }) {
  return items.filter(Boolean).map((item) => {
    const choose = () => {
      close();
      item.onSelect();
    };
    const radio = item.checked !== undefined;
    return html`<button
      key=${item.label}
      type="button"
      role=${radio ? 'menuitemradio' : 'menuitem'}
      aria-checked=${radio ? item.checked : undefined}
      class=${cls('menu-item', item.danger && 'danger')}
      data-testid=${item.testid}
      onClick=${choose}
    >
      ${item.mark ?? (item.icon && html`<${Icon} name=${item.icon} />`)}
      <span class="menu-label">${item.label}${item.hint && html`<small>${item.hint}</small>`}</span>
      ${item.checked && html`<${Icon} name="check" />`}
    </button>`;
  });
}

/** A dialog in the middle. Escape, the cross and a click beside it close it. */
export function Dialog({ title, onClose, name, testid, children }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current.showModal();
    box.current.querySelector('[data-autofocus]')?.focus();
    return () => before?.isConnected && before.focus?.({ preventScroll: true });
  }, []);
  const beside = (event) => event.target === box.current && onClose();
  return html`<dialog
    ref=${box}
    class=${cls('dialog', name)}
    aria-label=${title}
    data-testid=${testid}
    onPointerDown=${beside}
    onCancel=${(event) => {
      event.preventDefault();
      onClose();
    }}
  >
    <div class="dialog-box">
      <header class="dialog-head">
        <h2>${title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick=${onClose}>
          <${Icon} name="close" />
        </button>
      </header>
      ${children}
    </div>
  </dialog>`;
}
