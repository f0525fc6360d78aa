// The keys that work everywhere on the page.
import { toggleMuted } from './call.js';
import { voice } from './client.js';
import { dialog, dialogOpen, drawer, me, openRoom, panel, panelToggle } from './state.js';

export function listenToKeys() {
  addEventListener('keydown', (event) => {
    if (!me.value || event.defaultPrevented) return;
    const action = chosen(event);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function chosen(event) {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === 'k') return () => dialogOpen('switcher');
    if (key === 'f' && event.shiftKey && openRoom.value) return () => panelToggle('search');
    if (key === 'm' && event.shiftKey && voice.state !== 'idle') return toggleMuted;
    return null;
  }
  return key === 'escape' ? closing() : null;
}

/** Escape closes what lies on top, one thing at a time. Dialogs and popovers see to it themselves. */
function closing() {
  if (dialog.value) return null;
  if (drawer.value) return () => (drawer.value = false);
  if (!panel.value) return null;
  return () => {
    panel.value = null;
    document.querySelector('[data-testid="composer"]')?.focus();
  };
}
