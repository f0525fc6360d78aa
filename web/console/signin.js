// The door of the console: only operators come in.
import { useEffect, useState } from 'preact/hooks';
import { html } from '/app/html.js';
import { client, me } from './api.js';
import { Fault } from './parts.js';

export function SignIn() {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const [people, setPeople] = useState([]);
  useEffect(() => {
    fetch('/demo.json')
      .then((answer) => answer.json())
      .then((demo) => setPeople(demo.people))
      .catch(() => {});
  }, []);
  const enter = async (form) => {
    setBusy(true);
    setError(null);
    try {
      me.value = await client.login(form);
    } catch (refused) {
      setError(refused);
    }
    setBusy(false);
  };
  const submit = (event) => {
    event.preventDefault();
    const { email, password, totp } = Object.fromEntries(new FormData(event.target));
    enter({ email, password, ...(totp && { totp }) });
  };
  return html`<main class="door" data-testid="console-signin">
    <h1>Voxlog console</h1>
    <p class="soft">For operators. <code>voxlog operator grant NAME</code> makes one.</p>
    ${people.slice(0, 1).map(
      ({ name, email, password }) => html`<button
        class="button button-main"
        type="button"
        disabled=${busy}
        data-testid="console-demo-${name}"
        onClick=${() => enter({ email, password })}
      >
        Go in as ${name}, the demo's operator
      </button>`,
    )}
    <form onSubmit=${submit}>
      <label>E-mail<input name="email" type="email" autocomplete="username" required data-testid="console-email" /></label>
      <label>Password<input name="password" type="password" autocomplete="current-password" required data-testid="console-password" /></label>
      <label>Code of the second factor, if you have one<input name="totp" inputmode="numeric" autocomplete="one-time-code" /></label>
      <button class="button" disabled=${busy} data-testid="console-submit">Sign in</button>
    </form>
    <${Fault} error=${error} />
  </main>`;
}

/** Somebody who is signed in, but no operator. */
export const Stranger = () => html`<main class="door" data-testid="console-stranger">
  <h1>Voxlog console</h1>
  <p>${me.value.username} is no operator. Who is made one by <code>voxlog operator grant</code> signs in anew.</p>
  <button class="button" type="button" onClick=${() => client.logout()}>Sign out</button>
  <a href="/">To the rooms</a>
</main>`;
