// Shows openapi.json and asyncapi.json. Everything is made as elements and texts, never as HTML, so nothing that stands
// in a document can become part of the page.

/** An element with attributes and children; children that are absent are left out. */
function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== ''));
  return element;
}

/** Prose, with `code` between backquotes and paragraphs between empty lines. */
function prose(text = '') {
  return text.split(/\n\s*\n/).filter(Boolean).map((part) =>
    el('p', {}, part.split('`').map((piece, index) => (index % 2 ? el('code', {}, piece) : piece))));
}

const nameOf = (reference) => reference.split('/').pop();

/** What references lead to, in their own document; what stands beside a reference holds too. */
function resolve(root, schema) {
  const unescape = (step) => step.replaceAll('~1', '/').replaceAll('~0', '~');
  while (schema?.$ref) {
    const { $ref, ...beside } = schema;
    schema = { ...$ref.split('/').slice(1).reduce((node, step) => node?.[unescape(step)], root), ...beside };
  }
  return schema;
}

/** One line that says what fits a schema. */
function kind(root, schema) {
  if (schema === true || schema === undefined) return 'anything';
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.$ref) return nameOf(schema.$ref);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.map((choice) => kind(root, choice)).join(' | ');
  if (schema.allOf) return schema.allOf.map((part) => kind(root, part)).join(' & ');
  if (schema.type === 'array') return `list of ${kind(root, schema.items)}`;
  return [schema.type ?? 'anything'].flat().join(' | ');
}

/** What a value must keep to beside its kind. */
function bounds(schema) {
  const told = [];
  if (schema.minimum !== undefined || schema.maximum !== undefined) told.push(`${schema.minimum ?? ''}–${schema.maximum ?? ''}`);
  if (schema.minLength !== undefined || schema.maxLength !== undefined) told.push(`${schema.minLength ?? 0}–${schema.maxLength ?? ''} characters`);
  if (schema.format) told.push(schema.format);
  if (schema.default !== undefined) told.push(`default ${JSON.stringify(schema.default)}`);
  return told.length ? ` (${told.join(', ')})` : '';
}

/** Whether there is more to tell of a schema than its one line. */
function parts(root, schema) {
  const whole = resolve(root, schema);
  if (!whole || typeof whole !== 'object') return [];
  if (whole.type === 'array') return parts(root, whole.items);
  return [whole, ...(whole.allOf ?? []), ...(whole.oneOf ?? []), ...(whole.anyOf ?? [])]
    .map((part) => resolve(root, part)).filter((part) => part?.properties);
}

/** The fields of a schema; those that have fields themselves open on demand, so that schemas may contain themselves. */
function fields(root, schema) {
  return parts(root, schema).map((part) => el('ul', { class: 'fields' },
    Object.entries(part.properties).map(([name, rule]) => field(root, name, rule, part.required?.includes(name)))));
}

function field(root, name, rule, required) {
  const whole = resolve(root, rule);
  const line = [el('code', {}, name), ' ', el('span', { class: 'type' }, kind(root, rule), bounds(whole ?? {})),
    required ? el('span', { class: 'must' }, ' required') : '', prose(rule.description ?? whole?.description)];
  return el('li', {}, line, parts(root, rule).length ? later('its fields', () => fields(root, rule)) : '');
}

/** A part that is filled when it is first opened. */
function later(title, fill, attributes = {}) {
  const details = el('details', attributes, el('summary', {}, title));
  details.addEventListener('toggle', () => details.open && details.childElementCount === 1 && details.append(...[fill()].flat(Infinity)));
  return details;
}

function body(root, content) {
  return Object.entries(content ?? {}).map(([type, { schema }]) =>
    [el('p', { class: 'type' }, `${type}: ${kind(root, schema)}`), fields(root, schema)]);
}

function parameters(root, operation) {
  const all = (operation.parameters ?? []).map((parameter) => resolve(root, parameter));
  if (!all.length) return [];
  return [el('h3', {}, 'Parameters'), el('ul', { class: 'fields' }, all.map((it) =>
    field(root, it.name, { ...it.schema, description: `In the ${it.in}. ${it.description ?? ''}` }, it.required)))];
}

function operation(root, path, method, it) {
  const title = [el('span', { class: `method ${method}` }, method), el('span', { class: 'path' }, path),
    el('span', { class: 'says' }, it.summary ?? '')];
  return later(title, () => [
    prose(it.description),
    el('p', { class: 'type' }, it.security?.length ? `Needs one of: ${it.security.flatMap(Object.keys).join(', ')}` : 'Open to all'),
    parameters(root, it),
    it.requestBody ? [el('h3', {}, 'Body'), body(root, it.requestBody.content)] : [],
    el('h3', {}, 'Answers'),
    Object.entries(it.responses).map(([status, reference]) => [status, resolve(root, reference)]).map(([status, answer]) =>
      later([el('strong', {}, status), ' ', ...prose(answer.description).flatMap((p) => [...p.childNodes])], () => body(root, answer.content))),
  ], { id: it.operationId, 'data-words': [path, method, it.summary, it.operationId].join(' ').toLowerCase() });
}

function restSections(root) {
  const all = Object.entries(root.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, it]) => ({ path, method, it })));
  return root.tags.map(({ name, description }) => section(`rest-${name}`, name, description, all
    .filter(({ it }) => it.tags?.includes(name)).map(({ path, method, it }) => operation(root, path, method, it))));
}

function op(root, name, it) {
  const sent = (it.messages ?? []).map((reference) => resolve(root, reference));
  const answers = (it.reply?.messages ?? []).map((reference) => resolve(root, reference));
  const show = (message) => later([el('code', {}, message.name), el('span', { class: 'says' }, message.summary ?? '')],
    () => fields(root, message.payload));
  return later([el('span', { class: 'method' }, it.action === 'receive' ? 'ask' : 'get'), el('span', { class: 'path' }, name),
    el('span', { class: 'says' }, it.summary ?? '')], () => [
    prose(it.description),
    sent.length === 1 ? fields(root, sent[0].payload) : sent.map(show),
    answers.length ? [el('h3', {}, 'Answers'), answers.map(show)] : [],
  ], { id: `op-${name}`, 'data-words': `${name} ${it.summary ?? ''}`.toLowerCase() });
}

function socketSection(root) {
  const operations = Object.entries(root.operations).map(([name, it]) => op(root, name, it));
  return section('sockets', 'sockets and NATS', root.info.description, operations);
}

function section(id, title, about, operations) {
  return el('section', { id, 'aria-labelledby': `${id}-title` }, el('h2', { id: `${id}-title` }, title), prose(about), operations);
}

/** Leaves what has all words that are typed. */
function filter(typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const all = [...document.querySelectorAll('[data-words]')];
  for (const it of all) it.hidden = !words.every((word) => it.dataset.words.includes(word));
  for (const it of document.querySelectorAll('main section')) it.hidden = !it.querySelector('[data-words]:not([hidden])');
  const shown = all.filter((it) => !it.hidden).length;
  document.getElementById('found').textContent = words.length ? `${shown} found` : '';
}

/** Opens what the address points to. */
function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target?.tagName === 'DETAILS') target.open = true;
  target?.scrollIntoView();
}

async function load(name) {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.json();
}

async function show() {
  const [rest, sockets] = await Promise.all([load('openapi.json'), load('asyncapi.json')]);
  document.getElementById('version').textContent = rest.info.version;
  document.getElementById('about').replaceWith(...prose(rest.info.description));
  const sections = [...restSections(rest), socketSection(sockets)];
  document.getElementById('main').replaceChildren(...sections);
  document.getElementById('nav').replaceChildren(...sections.map((it) =>
    el('a', { href: `#${it.id}` }, it.querySelector('h2').textContent)));
  document.getElementById('find').addEventListener('input', (event) => filter(event.target.value));
  addEventListener('hashchange', open);
  open();
}

show().catch((error) => document.getElementById('main').replaceChildren(el('p', { role: 'alert' }, `The documents could not be read: ${error.message}`)));
