// The icons: one stroke, 24 units wide, the colour of the text.
import { html } from './html.js';

const PATHS = {
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  more: 'M5.5 11.6v.8M12 11.6v.8M18.5 11.6v.8',
  menu: 'M4 6.5h16M4 12h16M4 17.5h16',
  down: 'M12 5v14M6 13l6 6 6-6',
  hash: 'M9.5 4L7.5 20M16.5 4l-2 16M4.5 9h15.5M4 15h15.5',
  lock: 'M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6z',
  people:
    'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.4-3.6 3-5.5 6.5-5.5s6.1 1.9 6.5 5.5' +
    'M16 4.8a3.5 3.5 0 0 1 0 6.4M18 14.8c2 .7 3.2 2.5 3.5 5.2',
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20',
  pin: 'M9 4h6l-.6 6 3.1 3.5h-11L9.6 10zM12 13.5V20',
  reply: 'M10 6L4.5 11.5 10 17M5 11.5h8.5c3.5 0 6 2.2 6 6',
  thread: 'M5 5h14v10H11l-4 4v-4H5zM9 9h6M9 12h4',
  smile: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM9 10h.01M15 10h.01M8.5 14.2c1.8 2.4 5.2 2.4 7 0',
  pencil: 'M5 19l.8-3.8L16.2 4.8l3 3L8.8 18.2zM14 7l3 3',
  trash: 'M5 7h14M10 4h4M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  send: 'M4.5 12L20 4.5 15.5 20l-3.5-6.5zM12 13.5L20 4.5',
  gear: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.8v4.4M9 14.8v4.4',
  phone:
    '' +
    'M5.5 4.5h3.5l1.5 4-2 1.5c1 2.3 2.7 4 5 5l1.5-2 4 1.5v3.5c0 .8-.7 1.5-1.5 1.5' +
    'C10.5 19.5 4.5 13.5 4 6c0-.8.7-1.5 1.5-1.5z',
  hangup: 'M3 14.5c5-5 13-5 18 0l-2.5 3-3.5-1.5v-2.7c-2-.6-4-.6-6 0V16l-3.5 1.5z',
  mic: 'M12 4a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0v-5A2.5 2.5 0 0 1 12 4zM6 11.5a6 6 0 0 0 12 0M12 17.5V21',
  'mic-off':
    'M9.5 9v2.5a2.5 2.5 0 0 0 4 2M14.5 10V6.5a2.5 2.5 0 0 0-4.8-1M6 11.5a6 6 0 0 0 9.5 4.9' +
    'M18 11.5c0 .8-.1 1.5-.4 2.2M12 17.5V21M4 4l16 16',
  ear: 'M5 15v-2.5a7 7 0 0 1 14 0V15M5 14h3v5.5H6.5A1.5 1.5 0 0 1 5 18zM19 14h-3v5.5h1.5A1.5 1.5 0 0 0 19 18z',
  'ear-off':
    'M5 15v-2.5c0-1.4.4-2.7 1.1-3.8M9 6.2A7 7 0 0 1 19 12.5V15M5 14h3v5.5H6.5A1.5 1.5 0 0 1 5 18z' +
    'M16 16v-2h3v3M4 4l16 16',
  camera: 'M4 7h11v10H4zM15 11l5-3v8l-5-3',
  'camera-off': 'M9 7h6v6M15 11l5-3v8l-2-1.2M13.5 17H4V7h1M4 4l16 16',
  screen: 'M4 5h16v11H4zM9 20h6M12 16v4M12 13.5V8M9.5 10.3L12 8l2.5 2.3',
  signal: 'M5 19v-3M10 19v-6.5M15 19V9M20 19V5',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.5',
  warn: 'M12 4.5L21 19.5H3zM12 10v4.5M12 17h.01',
  retry: 'M19 12a7 7 0 1 1-2.2-5.1M19.5 4v4h-4',
  copy: 'M9 9h10v11H9zM6 15H5V4h10v1.5',
  leave: 'M14 4.5H5v15h9M10 12h10.5M17 8.5l3.5 3.5-3.5 3.5',
};

/** An icon says nothing by itself: what has it also has a label. */
export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
