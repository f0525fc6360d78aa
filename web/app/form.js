// Forms that say which field is wrong, and that lose nothing when the server says no.
import { useState } from 'preact/hooks';
import { cls, html } from './html.js';
import { told } from './toasts.js';

let lastId = 0;

export function Field({ label, name, error, hint, as = 'input', ...rest }) {
  const [id] = useState(() => `field-${++lastId}`);
  const note = error ?? hint;
  return html`<div class=${cls('field', error && 'field-wrong')}>
    <label for=${id}>${label}</label>
    <${as}
      id=${id}
      name=${name}
      aria-invalid=${error ? 'true' : undefined}
      aria-describedby=${note && `${id}-note`}
      ...${rest}
    />
    ${note && html`<p class="field-note" id="${id}-note">${note}</p>`}
  </div>`;
}

export function Check({ label, hint, ...rest }) {
  return html`<label class="check">
    <input type="checkbox" ...${rest} />
    <span>${label}${hint && html`<small>${hint}</small>`}</span>
  </label>`;
}

/**
 * A form whose `send(values)` may fail: the failure stands in it, beside the fields that it names.
 * `children({ busy, wrong })` are its fields, `wrong[name]` what is wrong with one.
 */
export function Form({ send, name, testid, children }) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(null);
  const onSubmit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    if (busy) return;
    setBusy(true);
    setFailure(null);
    try {
      await send(valuesOf(form), form);
    } catch (error) {
      setFailure(error);
    }
    setBusy(false);
  };
  const wrong = Object.fromEntries((failure?.errors ?? []).map(({ field, message }) => [field, message]));
  return html`<form class=${name ?? 'form'} data-testid=${testid} onSubmit=${onSubmit} novalidate>
    ${children({ busy, wrong })}
    ${failure && html`<p class="form-error" role="alert" data-testid="form-error">${told(failure)}</p>`}
  </form>`;
}

/** By name; a check box is a boolean, a number a number, and what is empty is absent. */
function valuesOf(form) {
  const values = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === 'checkbox') values[field.name] = field.checked;
    else if (field.type === 'radio') {
      if (field.checked) values[field.name] = field.value;
    } else if (field.type === 'number') values[field.name] = field.value === '' ? undefined : Number(field.value);
    else values[field.name] = field.type === 'password' ? field.value : field.value.trim();
  }
  return values;
}
