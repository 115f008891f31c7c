// Keeps open pages up to date, and submits forms without leaving the page.

const POLL_INTERVAL = 4_000; // milliseconds
const MAX_FAILURES = 3; // of the event stream, before polling replaces it
const TOAST_TIME = 8_000; // milliseconds

// The service, which may be below another path than the root: this file is two levels below it.
const root = new URL('../..', import.meta.url).pathname;
// Where the pages of the project are, if this is one of them.
const { scope } = document.documentElement.dataset;

// The texts of this file and of updates are English.
const german = document.documentElement.lang === 'de' ? (await import('./words.js')).german : {};
const patterns = Object.keys(german)
  .filter((key) => key.includes('{}') && /\p{L}{3}/u.test(key))
  .sort((a, b) => b.length - a.length)
  .map((key) => [new RegExp(`^${key.split('{}').map((it) => it.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('(.*?)')}$`), key]);

/** Returns a text in the language of the page. */
function t(text, ...values) {
  if (values.length > 0) return (german[text] ?? text).replaceAll('{}', () => values.shift());
  if (document.documentElement.lang !== 'de') return text;
  if (text in german) return german[text];
  for (const [pattern, key] of patterns) {
    const found = pattern.exec(text);
    if (found) return t(key, ...found.slice(1).map((value) => t(value)));
  }
  const at = text.indexOf(': ');
  return at < 0 ? text : `${t(text.slice(0, at))}: ${t(text.slice(at + 2))}`;
}

// The fields whose values are texts, not names.
const translated = new Set(['status', 'doing', 'last', 'size', 'what', 'state', 'why', 'hint']);

const list = document.getElementById('servers');
const commands = document.getElementById('commands');
const only = document.querySelector('[data-only]')?.dataset.server;
const elements = new Map(
  [...document.querySelectorAll('[data-server]')].map((element) => [element.dataset.server, element]),
);

// What the page shows: its version, of each project if there are several.
const shown = document.querySelector('[data-version]')?.dataset.version ?? '';
const versions = new Map(shown.includes('=') ? shown.split(' ').map((it) => it.split('=')) : [['', shown]]);
// How many commands have failed, and whether no worker is running.
const each = (name) => {
  const values = (list?.dataset[name] ?? '').split(' ');
  return new Map([...versions.keys()].map((project, at) => [project, values[at]]));
};
const failed = each('failed');
const silent = each('silent');
let stream;
let failures = 0;
let timer;

/** Sets the fields of an element to the values of the same names. */
function fill(element, values) {
  for (const field of element.querySelectorAll('[data-field]')) {
    const name = field.dataset.field;
    if (!(name in values)) continue;
    if (field.tagName === 'TIME') showTime(field, values[name]);
    else {
      const text = translated.has(name) ? t(values[name]) : values[name];
      if (field.textContent !== text) field.textContent = text;
    }
  }
  const color = (name, tone) => {
    const field = element.querySelector(`[data-field=${name}]`);
    if (field) field.dataset.tone = tone;
  };
  color(values.status === undefined ? 'state' : 'status', values.tone);
  if (values.last_tone !== undefined) color('last', values.last_tone);
}

const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: 'auto' });
const units = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]];

/** Shows a timestamp: how long ago it was, or in the format of the browser's locale if that is long. */
function showTime(element, timestamp) {
  element.dateTime = timestamp;
  const date = new Date(timestamp);
  const isKnown = timestamp !== '' && !isNaN(date);
  element.title = isKnown ? date.toLocaleString() : '';
  element.textContent = isKnown ? ago(date) : '';
}

function ago(date) {
  const seconds = (date - Date.now()) / 1000;
  if (Math.abs(seconds) > 7 * 86_400) return date.toLocaleString();
  const [unit, length] = units.find(([, length]) => Math.abs(seconds) >= length) ?? units.at(-1);
  return relative.format(Math.trunc(seconds / length), unit);
}

const inOrder = new Intl.Collator('en', { numeric: true }).compare;

// The names of the rows, in their order.
let names = [...elements.keys()];

/** Returns what distinguishes a server from those of all projects. */
const key = (project, name) => (project ? `${project}/${name}` : name);

/** Returns project and name of a server. */
const parts = (key) => (key.includes('/') ? key.split('/') : ['', key]);

/** Returns where the pages of a project are. */
const pages = (project) => (project ? `${root}projects/${project}/` : scope);

// Of several projects, servers of the same name follow each other.
const order = [...versions.keys()];
function compare(a, b) {
  const [[projectA, nameA], [projectB, nameB]] = [parts(a), parts(b)];
  return inOrder(nameA, nameB) || order.indexOf(projectA) - order.indexOf(projectB);
}

/** Returns where a name belongs among the rows. */
function position(name) {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(names[middle], name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function add(name) {
  const [project, server] = parts(name);
  const template = document.getElementById('server');
  const row = template.content.cloneNode(true).querySelector('[data-server]');
  row.dataset.server = name;
  const path = `${pages(project)}servers/${encodeURIComponent(server)}`;
  row.querySelector('form').action = path;
  row.querySelector('th a').href = path;
  for (const link of row.querySelectorAll('a.button')) link.href = `${path}/screen`;
  for (const it of row.querySelectorAll('[aria-label]')) it.ariaLabel = `${it.ariaLabel.trimEnd()} ${server}`;
  row.querySelector('input[type=checkbox]').name += name;
  const at = position(name);
  list.tBodies[0].insertBefore(row, elements.get(names[at]) ?? null);
  names.splice(at, 0, name);
  elements.set(name, row);
  return row;
}

function showServer(server, project) {
  // A list that is a part of all servers keeps its rows.
  const isMissing = list && 'whole' in list.dataset;
  const name = key(project, server.name);
  const element = elements.get(name) ?? (isMissing ? add(name) : undefined);
  if (!element) return;
  fill(element, { ...server, project });
  for (const button of element.querySelectorAll('[data-power] button')) {
    button.hidden = !server.allowed.includes(button.value);
    button.disabled = !server.offers.includes(button.value);
  }
  for (const link of element.querySelectorAll('[data-power] a')) link.hidden = !server.allowed.includes('console');
}

function showCommands(entries, project) {
  if (!commands) return;
  const template = document.getElementById('command');
  const known = new Map([...commands.querySelectorAll('li')].map((row) => [row.dataset.command, row]));
  const rows = entries.map((entry) => {
    const row = known.get(entry.id) ?? template.content.cloneNode(true).firstElementChild;
    row.dataset.command = entry.id;
    row.dataset.project = project;
    fill(row, { ...entry, project });
    row.querySelector('form').action = `${pages(project)}commands/${encodeURIComponent(entry.id)}`;
    for (const button of row.querySelectorAll('button')) button.hidden = !entry.offers.includes(button.value);
    return row;
  });
  const shown = commands.querySelector('ul');
  rows.push(...[...shown.children].filter((row) => row.dataset.project !== project));
  if (rows.length !== shown.children.length || rows.some((row, at) => row !== shown.children[at])) {
    shown.replaceChildren(...rows);
  }
  commands.hidden = rows.length === 0;
}

function show(update) {
  if (!update) return;
  // Too much has changed since the page was loaded, or the service was started again.
  if (update.stale) return location.reload();
  // The page of a server is about one project.
  const project = (list && update.project) || '';
  versions.set(project, update.version);
  failed.set(project, `${update.failed}`);
  silent.set(project, `${update.no_worker}`);
  const known = new Set(update.servers.map((server) => key(project, server.name)));
  const gone = update.all
    ? names.filter((name) => parts(name)[0] === project && !known.has(name))
    : update.gone.map((name) => key(project, name));
  if (only && gone.includes(only)) return location.assign(root);
  for (const name of gone) {
    elements.get(name)?.remove();
    elements.delete(name);
  }
  if (gone.length > 0) names = names.filter((name) => elements.has(name));
  for (const server of update.servers) showServer(server, project);
  if (update.commands) showCommands(update.commands, project);
  document.getElementById('silent').hidden = ![...silent.values()].includes('true');
  if (only) showParts();
  if (!list) return;
  const count = [...failed.values()].reduce((sum, it) => sum + Number(it), 0);
  const link = document.getElementById('failed');
  link.hidden = count === 0;
  link.querySelector('span').textContent = count;
  list.hidden = elements.size === 0;
  document.getElementById('bulk').hidden = list.hidden;
  document.getElementById('none').hidden = !list.hidden;
}

// The parts of a server's page as the service has rendered them, before scripts have changed them.
const rendered = new Map();
let isLoading = false;
let isOutdated = false;

/** Fetches a page, without running what is in it. The policy of the page allows no text to become HTML. */
function load(address) {
  const request = new XMLHttpRequest();
  request.open('GET', address);
  request.responseType = 'document';
  return new Promise((resolve, reject) => {
    request.addEventListener('load', () => resolve(request.status === 200 ? request.responseXML : undefined));
    request.addEventListener('error', reject);
    request.send();
  });
}

/** Renders the details of the server again; parts that are the same stay as they are, with the focus. */
async function showParts() {
  isOutdated = true;
  if (isLoading) return;
  isLoading = true;
  while (isOutdated) {
    isOutdated = false;
    await loadParts().catch(() => undefined); // The next update may succeed.
  }
  isLoading = false;
}

async function loadParts() {
  const page = await load(`${scope}servers/${encodeURIComponent(only)}/parts${location.search}`);
  if (!page) return;
  const parts = document.getElementById('parts');
  for (const part of page.querySelectorAll('[data-part]')) {
    const name = part.dataset.part;
    const html = part.outerHTML;
    if (rendered.get(name) === html) continue;
    rendered.set(name, html);
    const shown = parts.querySelector(`[data-part=${name}]`);
    const focused = shown?.contains(document.activeElement) ? document.activeElement : undefined;
    if (shown) shown.replaceWith(part);
    else parts.append(part);
    showTimes(part);
    addCopyButtons(part);
    const identity = (it) => it.dataset.key ?? it.textContent;
    if (focused) [...part.querySelectorAll('a, button')].find((it) => identity(it) === identity(focused))?.focus();
  }
}

let seen = new Date(); // when the page was last up to date

/** Shows whether the service can be reached. */
function connected(is) {
  if (is) seen = new Date();
  const notice = document.getElementById('offline');
  if (notice.hidden !== is) {
    showTime(notice.querySelector('time'), seen.toISOString());
    notice.hidden = is;
  }
}

/** The address of what has changed since the page shows. */
function address(path) {
  const since = order.length === 1 ? versions.get('') : [...versions].map((it) => it.join('=')).join(' ');
  const query = new URLSearchParams({ since });
  if (only) query.set('server', only);
  return `${scope}${path}?${query}`;
}

/** Opens the event stream; polls instead if it keeps failing. */
function listen() {
  stream = new EventSource(address('events'));
  stream.addEventListener('open', () => connected(true));
  stream.addEventListener('message', ({ data }) => {
    failures = 0;
    connected(true);
    show(JSON.parse(data));
  });
  stream.addEventListener('error', () => {
    failures += 1;
    connected(false);
    if (stream.readyState !== EventSource.CLOSED && failures < MAX_FAILURES) return;
    stream.close();
    poll();
  });
}

async function poll() {
  try {
    const response = await fetch(address('servers.json'));
    // Without a session, the service redirects to the login.
    if (response.redirected) return location.reload();
    connected(response.ok);
    if (response.ok) for (const update of [await response.json()].flat()) show(update);
  } catch {
    connected(false); // The next poll may succeed.
  }
  timer = setTimeout(poll, POLL_INTERVAL);
}

function pause() {
  stream?.close();
  clearTimeout(timer);
}

function resume() {
  pause();
  failures = 0;
  listen();
}

function toast(message) {
  const element = document.getElementById('toast');
  element.textContent = message;
  clearTimeout(element.timer);
  element.timer = setTimeout(() => { element.textContent = ''; }, TOAST_TIME);
}

/** Submits a form and stays on the page, which live updates keep current. */
async function send(form, button) {
  const data = new URLSearchParams(new FormData(form, button));
  try {
    const response = await fetch(form.action, {
      method: 'POST', body: data, headers: { accept: 'text/plain' }, redirect: 'manual',
    });
    if (response.type !== 'opaqueredirect') toast(await response.text());
  } catch {
    toast(t('The service is not reachable.'));
  }
}

// Forms that have been submitted and not been answered: a double click acts once.
const busy = new Set();

document.addEventListener('submit', (event) => {
  const { target: form, submitter } = event;
  if (busy.has(form)) return event.preventDefault();
  busy.add(form);
  if (!('quiet' in form.dataset) || 'confirm' in (submitter?.dataset ?? {})) return;
  event.preventDefault();
  send(form, submitter).finally(() => busy.delete(form));
});
// A page may be shown again as it was left.
addEventListener('pageshow', () => busy.clear());

const all = document.getElementById('all');
if (all) {
  const boxes = () => [...document.querySelectorAll('#servers [form=bulk]')];
  all.hidden = false;
  const count = () => {
    const checked = boxes().filter((box) => box.checked).length;
    document.getElementById('selected').textContent = checked === 0
      ? t('Select servers to act on several at once.') : t('Selected: {}', checked);
    for (const it of document.querySelectorAll('#bulk button, #bulk details')) it.hidden = checked === 0;
    all.checked = checked > 0 && checked === boxes().length;
  };
  all.addEventListener('change', () => {
    for (const box of boxes()) box.checked = all.checked;
    count();
  });
  list.addEventListener('change', count);
  // It has been shown already if the texts were loaded.
  count();
  addEventListener('pageshow', count);
}

function showTimes(of) {
  for (const time of of.querySelectorAll('time')) if (time.dateTime) showTime(time, time.dateTime);
}
showTimes(document);
setInterval(() => showTimes(document), 30_000);

// The colors: those of the system until the user chooses.
const themes = { auto: 'Theme: system', light: 'Theme: light', dark: 'Theme: dark' };
const theme = document.getElementById('theme');
const setTheme = (name) => {
  document.documentElement.dataset.theme = name;
  if (theme) theme.textContent = t(themes[name]);
};
const stored = () => {
  try {
    return localStorage.getItem('theme');
  } catch {
    return null; // Private windows may forbid it.
  }
};
setTheme(stored() in themes ? stored() : 'auto');
if (theme) {
  theme.hidden = false;
  theme.addEventListener('click', () => {
    const names = Object.keys(themes);
    const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
    setTheme(next);
    try {
      localStorage.setItem('theme', next);
    } catch { /* Then it holds for this page. */ }
  });
}

/** Adds buttons that copy values. Browsers allow it with TLS or on the same machine only. */
function addCopyButtons(to) {
  for (const field of navigator.clipboard ? to.querySelectorAll('[data-copy]') : []) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = t('Copy');
    button.ariaLabel = t('Copy {}', field.dataset.copy);
    button.hidden = field.textContent === '';
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(field.textContent);
      toast(t('{} copied.', field.dataset.copy));
    });
    field.after(button);
  }
}
addCopyButtons(document);

if (list || only) {
  listen();
  // Browsers limit the connections to one host, so hidden pages close theirs.
  document.addEventListener('visibilitychange', () => (document.hidden ? pause() : resume()));
}

const cost = document.getElementById('cost');
if (cost) {
  const [type, location] = ['type', 'location'].map((id) => document.getElementById(id));
  const show = () => {
    const prices = (type.selectedOptions[0].dataset.prices ?? '').split(' ').filter(Boolean);
    const here = prices.map((price) => price.split('=')).filter(([name]) => [name, ''].includes(location.value));
    const lowest = Math.min(...here.map(([, price]) => Number(price)));
    cost.hidden = type.value === '';
    cost.textContent = here.length === 0
      ? t('This type is sold out there at the moment.')
      : t('This server will cost {} {} a month.', lowest.toFixed(2), cost.dataset.currency);
  };
  for (const choice of [type, location]) choice.addEventListener('change', show);
  addEventListener('pageshow', show);
}

// A new schedule is due by the clock of the user.
const zone = document.querySelector('input[data-zone]');
if (zone) zone.defaultValue = Intl.DateTimeFormat().resolvedOptions().timeZone;
document.getElementById('zones')?.append(...Intl.supportedValuesOf('timeZone').map((name) => new Option(name)));

const form = document.querySelector('form[data-at-once]');
if (form) {
  document.getElementById('opening').textContent = form.dataset.atOnce;
  form.requestSubmit();
}

/** Makes or finds a passkey, and sends it with the form. */
async function sendPasskey(form) {
  const problem = form.querySelector('.problem');
  problem.textContent = '';
  const isNew = form.dataset.passkey === 'create';
  const { csrf, password, credential } = form.elements;
  const body = new URLSearchParams(isNew ? { do: 'begin', csrf: csrf.value, password: password.value } : {});
  const response = await fetch(isNew ? form.action : `${form.action}/begin`, {
    method: 'POST', body, headers: { accept: 'text/plain' },
  });
  if (!response.ok) {
    problem.textContent = await response.text();
    if (isNew) password.value = '';
    return;
  }
  const options = await response.json();
  try {
    const made = isNew
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    credential.value = JSON.stringify(made);
  } catch {
    problem.textContent = t('The browser has not made or found a passkey.');
    return;
  }
  if (isNew) password.disabled = true; // It has been checked.
  form.submit();
}

for (const form of document.querySelectorAll('form[data-passkey]')) {
  if (!globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON) break;
  form.hidden = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    await sendPasskey(form).catch(() => toast(t('The service is not reachable.')));
    busy.delete(form);
  });
}
