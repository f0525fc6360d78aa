// The end of one's own account. It takes the password, so that nobody else who sits here can do it; a guest has none.
import { Field, Form } from './form.js';
import { html } from './html.js';
import { Dialog } from './overlay.js';
import { dialogClose, me } from './state.js';
import { erase } from './sync.js';

export function Farewell() {
  const send = async (form) => {
    await erase(form);
    dialogClose();
  };
  return html`<${Dialog} title="Delete your account?" onClose=${dialogClose} name="dialog-small" testid="farewell">
    <p class="dialog-text">
      You are signed out everywhere, and your name and all that you wrote go. This can’t be undone.
    </p>
    <${Form} send=${send} testid="farewell-form">
      ${({ busy, wrong }) => html`
        ${
          !me.value?.guest &&
          html`<${Field}
            label="Password"
            name="password"
            type="password"
            autocomplete="current-password"
            data-autofocus
            error=${wrong.password}
          />`
        }
        <div class="form-row">
          <button type="button" class="button" onClick=${dialogClose}>Not now</button>
          <button class="button button-danger" disabled=${busy} data-testid="farewell-yes">Delete it</button>
        </div>
      `}
    <//>
  <//>`;
}
