// Dark or light: as the system says, unless somebody chose. The browser keeps the choice.
import { effect, signal } from '@preact/signals';

const KEY = 'voxlog.theme';

/** `system`, `light` or `dark`. */
export const theme = signal(localStorage.getItem(KEY) ?? 'system');

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  localStorage.setItem(KEY, theme.value);
});
