// The door: sign in, register, come as a guest, or be one of the demo's people.
import { useEffect, useState } from 'preact/hooks';
import { Avatar } from './avatar.js';
import { client } from './client.js';
import { Field, Form } from './form.js';
import { html } from './html.js';
import { learn } from './people.js';
import { signedIn } from './sync.js';
import { Tabs } from './tabs.js';
import { complain } from './toasts.js';

const WAYS = { login: 'Sign in', register: 'Register', guest: 'As a guest' };

export function SignIn() {
  const [way, setWay] = useState('login');
  return html`<main class="door">
    <div class="door-box">
      <header class="door-head">
        <img src="/app/icon.svg" alt="" width="48" height="48" />
        <h1>Voxlog</h1>
        <p>Rooms to write and talk in. Nothing said is lost.</p>
      </header>
      <${DemoPeople} />
      <${Tabs} label="How to come in" tabs=${WAYS} chosen=${way} choose=${setWay} testid="signin-tab" />
      ${way === 'login' && html`<${Login} />`} ${way === 'register' && html`<${Register} />`}
      ${way === 'guest' && html`<${Guest} />`}
    </div>
  </main>`;
}

/** The second factor is asked for when the server does. */
function Login() {
  const [secondFactor, setSecondFactor] = useState(false);
  const send = async ({ email, password, totp }) => {
    try {
      await signedIn(await client.login({ email, password, ...(totp && { totp }) }));
    } catch (error) {
      if (error.errors?.some(({ field }) => field === 'totp') || /second factor|totp/i.test(error.message)) {
        setSecondFactor(true);
      }
      throw error;
    }
  };
  return html`<${Form} send=${send} testid="signin-form">
    ${({ busy, wrong }) => html`
      <${Field} label="E-mail" name="email" type="email" autocomplete="username" required error=${wrong.email} />
      <${Field}
        label="Password"
        name="password"
        type="password"
        autocomplete="current-password"
        error=${wrong.password}
      />
      ${
        secondFactor &&
        html`<${Field}
          label="Code of your second factor"
          name="totp"
          inputmode="numeric"
          autocomplete="one-time-code"
          error=${wrong.totp}
        />`
      }
      <button class="button button-main" disabled=${busy} data-testid="signin-submit">Sign in</button>
    `}
  <//>`;
}

function Register() {
  const send = async (values) => signedIn(await client.register(values));
  return html`<${Form} send=${send} testid="register-form">
    ${({ busy, wrong }) => html`
      <${Field} label="User name" name="username" autocomplete="nickname" error=${wrong.username} />
      <${Field} label="E-mail" name="email" type="email" autocomplete="email" error=${wrong.email} />
      <${Field}
        label="Password"
        name="password"
        type="password"
        autocomplete="new-password"
        hint="At least 10 characters"
        error=${wrong.password}
      />
      <button class="button button-main" disabled=${busy} data-testid="register-submit">Register</button>
    `}
  <//>`;
}

function Guest() {
  const send = async (values) => signedIn(await client.guest(values));
  return html`<${Form} send=${send} testid="guest-form">
    ${({ busy, wrong }) => html`
      <${Field}
        label="Your name"
        name="displayName"
        hint="Guests need no account. They come into rooms that let guests in."
        error=${wrong.displayName}
      />
      <button class="button button-main" disabled=${busy} data-testid="guest-submit">Come in</button>
    `}
  <//>`;
}

/** Where the server runs with a demo, its people are one click away. */
function DemoPeople() {
  const [people, setPeople] = useState([]);
  const [busy, setBusy] = useState(null);
  useEffect(() => {
    fetch('/demo.json')
      .then((answer) => (answer.ok ? answer.json() : { people: [] }))
      .then((demo) => {
        const found = demo.people ?? [];
        learn(found.map(({ name, email }) => ({ userId: email, displayName: name })));
        setPeople(found);
      })
      .catch(() => setPeople([]));
  }, []);
  if (!people.length) return null;
  const enter = async ({ name, email, password }) => {
    setBusy(name);
    try {
      await signedIn(await client.login({ email, password }));
    } catch (error) {
      complain(error);
    }
    setBusy(null);
  };
  return html`<section class="demo" aria-label="Try it as">
    <h2>Try it as</h2>
    <div class="demo-people">
      ${people.map(
        (person) =>
          html`<button
            key=${person.email}
            type="button"
            class="demo-person"
            disabled=${busy !== null}
            data-testid="signin-demo-${person.name}"
            onClick=${() => enter(person)}
          >
            <${Avatar} id=${person.email} size="l" />
            <span>${person.name}</span>
          </button>`,
      )}
    </div>
  </section>`;
}
