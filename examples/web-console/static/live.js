// What pages do beside showing: they keep up to date, and send forms without leaving.

const POLL = 4_000; // milliseconds between two looks when the stream does not come through
const PATIENCE = 3; // failures of the stream until it is given up

const list = document.getElementById('servers');
const commands = document.getElementById('commands');
const only = document.querySelector('[data-only]')?.dataset.server;

let stream;
let failures = 0;
let timer;

/** Fills the slots of an element with the texts of the same names. */
function fill(element, facts) {
  for (const slot of element.querySelectorAll('[data-field]')) {
    const name = slot.dataset.field;
    if (!(name in facts)) continue;
    if (slot.tagName === 'TIME') tell(slot, facts[name]);
    else if (slot.textContent !== facts[name]) slot.textContent = facts[name];
  }
  const colour = (name, tone) => {
    const slot = element.querySelector(`[data-field=${name}]`);
    if (slot) slot.dataset.tone = tone;
  };
  colour(facts.status === undefined ? 'state' : 'status', facts.tone);
  if (facts.last_tone !== undefined) colour('last', facts.last_tone);
}

/** Shows a moment as people here write it. */
function tell(time, moment) {
  time.dateTime = moment;
  const date = new Date(moment);
  time.textContent = moment === '' || isNaN(date) ? '' : date.toLocaleString();
}

function find(name) {
  return [...document.querySelectorAll('[data-server]')].find((element) => element.dataset.server === name);
}

function add(name) {
  const template = document.getElementById('server');
  const row = template.content.cloneNode(true).querySelector('[data-server]');
  row.dataset.server = name;
  const own = `/servers/${encodeURIComponent(name)}`;
  row.querySelector('form').action = own;
  row.querySelector('th a').href = own;
  for (const link of row.querySelectorAll('a.button')) link.href = `${own}/screen`;
  for (const it of row.querySelectorAll('[aria-label]')) it.ariaLabel = `${it.ariaLabel} ${name}`;
  const rows = [...list.querySelectorAll('[data-server]')];
  list.tBodies[0].insertBefore(row, rows.find((other) => other.dataset.server > name) ?? null);
  return row;
}

function showServer(server) {
  const element = find(server.name) ?? (list && add(server.name));
  if (!element) return;
  fill(element, server);
  for (const button of element.querySelectorAll('button[name=verb]')) {
    button.hidden = !server.allowed.includes(button.value);
    button.disabled = !server.offers.includes(button.value);
  }
  for (const link of element.querySelectorAll('a.button')) link.hidden = !server.allowed.includes('console');
}

function showCommands(entries) {
  if (!commands) return;
  const template = document.getElementById('command');
  const rows = entries.filter((entry) => !only || entry.server === only).map((entry) => {
    const known = [...commands.querySelectorAll('li')].find((row) => row.dataset.command === entry.id);
    const row = known ?? template.content.cloneNode(true).firstElementChild;
    row.dataset.command = entry.id;
    fill(row, entry);
    row.querySelector('form').action = `/commands/${encodeURIComponent(entry.id)}`;
    for (const button of row.querySelectorAll('button')) button.hidden = !entry.offers.includes(button.value);
    return row;
  });
  const before = commands.querySelector('ul');
  if (rows.length !== before.children.length || rows.some((row, at) => row !== before.children[at])) {
    before.replaceChildren(...rows);
  }
  commands.hidden = rows.length === 0;
}

function show(update) {
  const names = new Set(update.servers.map((server) => server.name));
  const shown = [...document.querySelectorAll('[data-server]')].map((element) => element.dataset.server);
  const gone = update.all ? shown.filter((name) => !names.has(name)) : update.gone;
  if (only && gone.includes(only)) return location.assign('/');
  for (const name of gone) find(name)?.remove();
  update.servers.forEach(showServer);
  showCommands(update.commands);
  document.getElementById('silent').hidden = !update.silent;
  if (list) {
    list.hidden = list.tBodies[0].children.length === 0;
    document.getElementById('none').hidden = !list.hidden;
  }
}

/** Listens; a stream that fails again and again is replaced by looking now and then. */
function listen() {
  stream = new EventSource('/events');
  stream.addEventListener('message', ({ data }) => {
    failures = 0;
    show(JSON.parse(data));
  });
  stream.addEventListener('error', () => {
    failures += 1;
    if (stream.readyState !== EventSource.CLOSED && failures < PATIENCE) return;
    stream.close();
    poll();
  });
}

async function poll() {
  try {
    const answer = await fetch('/servers.json');
    // Without a session the way leads to the login.
    if (answer.redirected) return location.reload();
    if (answer.ok) show(await answer.json());
  } catch { /* The service is away; the next look may find it. */ }
  timer = setTimeout(poll, POLL);
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

function toast(text) {
  const element = document.getElementById('toast');
  element.textContent = text;
  clearTimeout(element.timer);
  element.timer = setTimeout(() => { element.textContent = ''; }, 8_000);
}

/** Sends a form and stays on the page, which hears of what comes of it. */
async function send(form, button) {
  const data = new URLSearchParams(new FormData(form, button));
  try {
    const answer = await fetch(form.action, {
      method: 'POST', body: data, headers: { accept: 'text/plain' }, redirect: 'manual',
    });
    if (answer.type !== 'opaqueredirect') toast(await answer.text());
  } catch {
    toast('The service does not answer.');
  }
}

document.addEventListener('submit', (event) => {
  const { target: form, submitter } = event;
  if (!('quiet' in form.dataset) || 'asks' in (submitter?.dataset ?? {})) return;
  event.preventDefault();
  send(form, submitter);
});

for (const time of document.querySelectorAll('time')) tell(time, time.dateTime);

if (list || only) {
  listen();
  // Browsers open few connections to one place: pages that nobody sees give theirs back.
  document.addEventListener('visibilitychange', () => (document.hidden ? pause() : resume()));
}

const asking = document.querySelector('form[data-at-once]');
if (asking) {
  document.getElementById('opening').textContent = asking.dataset.atOnce;
  asking.requestSubmit();
}
