// "Are you sure?", with a place for a reason where others will read one.
import { Field, Form } from './form.js';
import { html } from './html.js';
import { Dialog } from './overlay.js';
import { dialogClose } from './state.js';

export function Confirm({ title, text, action, run, reason }) {
  const send = async (values) => {
    dialogClose();
    await run(values.reason || undefined);
  };
  return html`<${Dialog} title=${title} onClose=${dialogClose} name="dialog-small" testid="confirm">
    ${text && html`<p class="dialog-text">${text}</p>`}
    <${Form} send=${send}>
      ${({ busy }) => html`
        ${reason && html`<${Field} label="Reason (the room’s members can see it)" name="reason" data-autofocus />`}
        <div class="form-row">
          <button type="button" class="button" onClick=${dialogClose}>Not now</button>
          <button
            class="button button-danger"
            disabled=${busy}
            data-autofocus=${reason ? undefined : true}
            data-testid="confirm-yes"
          >
            ${action}
          </button>
        </div>
      `}
    <//>
  <//>`;
}
