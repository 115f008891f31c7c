// The console page, l.html?wss://ADDRESS#PASSWORD, which shows the screen of a server.

import { key, layouts, press, type, untypable } from './keys.js';
import { localize, translate } from './words.js';

const LOAD_TIMEOUT = 20_000; // milliseconds
const CONNECT_TIMEOUT = 20_000; // milliseconds
const NOT_ACCEPTED = 1006; // why a socket is closed that was never opened

const states = {
  empty: {
    title: 'No console',
    text: 'This page shows the screen of a server.',
    advice: 'To get a link, run:',
    command: 'hcc console NAME --open',
  },
  foreign: {
    title: 'Not a console link',
    text: 'The link must begin with wss://, or with ws:// and an address of this machine.',
  },
  missing: {
    title: 'noVNC is missing',
    text: 'noVNC, which draws the screen, is not installed.',
    advice: 'Run this in the directory noVNC, then reload the page:',
    command: 'npm ci',
    offer: 'again',
  },
  stuck: {
    title: 'The screen does not load',
    text: 'noVNC, which draws the screen, is still not loaded after 20 seconds. The network may be slow, or this browser may be too old.',
    advice: 'To get another link, run:',
    command: 'hcc console NAME --open',
    offer: 'again',
  },
  connecting: { title: 'Connecting', text: 'Waiting for {host}.' },
  connected: { title: 'Connected to {name}', text: '' },
  password: {
    title: 'Password needed',
    text: 'The link does not contain the password.',
    offer: 'asking',
  },
  wrong: {
    title: 'Wrong password',
    text: 'The server refused the password: {reason}.',
    offer: 'asking',
  },
  refused: {
    title: 'Link expired or refused',
    text: '{host} does not accept the link. Links are valid for one minute.',
    advice: 'To get another link, run:',
    command: 'hcc console NAME --open',
    offer: 'again',
  },
  blocked: {
    title: 'Blocked by the security policy',
    text: 'This page may not connect to {host}. Its Content-Security-Policy lists the allowed addresses.',
  },
  silent: {
    title: 'No response',
    text: '{host} does not respond.',
    offer: 'again',
  },
  failed: {
    title: 'No screen',
    text: '{host} accepted the link but sends no screen.',
    offer: 'again',
  },
  lost: {
    title: 'Connection lost',
    text: 'The server was switched off, or the network failed.',
    advice: 'If the link has expired, run this to get another:',
    command: 'hcc console NAME --open',
    offer: 'again',
  },
};

const element = (id) => document.getElementById(id);
const meta = (name) => document.querySelector(`meta[name=${name}]`)?.content;
const renew = meta('renew'); // where a service provides another link
const commands = meta('commands'); // where it accepts commands for the server
const powers = {
  start: { label: 'Start' },
  stop: { label: 'Stop the system' },
  reboot: { label: 'Reboot' },
  reset: { label: 'Reset the server', grave: true },
  off: { label: 'Cut the power', grave: true },
};
const link = readLink();

let RFB; // noVNC's class, once loaded
let rfb; // its open session
let typing = new AbortController();

/** Removes the link from the page or the address bar, where others could read it. */
function readLink() {
  const given = document.querySelector('meta[name=link]');
  const text = given?.content ?? location.search.slice(1) + location.hash;
  const [address, password = ''] = text.split('#');
  given?.remove();
  history.replaceState(null, '', renew ?? location.pathname);
  return {
    address,
    password: decode(password) || undefined,
    url: URL.canParse(address) ? new URL(address) : undefined,
    // Where this page loads again, with the same link or another one.
    again: renew ?? (given ? undefined : `${location.pathname}?${text}`),
  };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A literal percent sign.
  }
}

function isTrusted({ protocol, hostname }) {
  const local = ['127.0.0.1', 'localhost'].includes(hostname);
  return protocol === 'wss:' || (protocol === 'ws:' && local);
}

function show(name, values) {
  const { title, text, advice, command, offer } = states[name];
  values = { host: link.url?.host, ...values };
  document.body.dataset.state = name;
  element('status').textContent = localize(title, values);
  element('title').textContent = localize(title, values);
  // Users of a service have no command line.
  const texts = renew ? [text] : [text, advice];
  element('explanation').textContent = texts.filter(Boolean).map((it) => localize(it, values)).join(' ');
  element('command').textContent = (!renew && command) || '';
  element('asking').hidden = offer !== 'asking';
  element('again').hidden = offer !== 'again' || !(RFB || link.again);
  element('controls').disabled = name !== 'connected';
  if (offer === 'asking') element('password').focus();
}

async function start() {
  if (!link.address) return show('empty');
  if (!link.url || !isTrusted(link.url)) return show('foreign');
  // noVNC 1.7.0 tests a video decoder while it loads, which never ends on some phones. Screens send no video.
  delete globalThis.VideoDecoder;
  const timeout = setTimeout(show, LOAD_TIMEOUT, 'stuck');
  try {
    ({ default: RFB } = await import('./novnc/core/rfb.js'));
  } catch {
    return show('missing');
  } finally {
    clearTimeout(timeout);
  }
  connect();
}

/** Connects again: with another link, if a service provides one. */
function retry() {
  // A module that does not load can be loaded again by another page only.
  if (renew || !RFB) location.replace(link.again);
  else connect();
}

function connect() {
  show('connecting');
  let outcome = 'refused';
  const values = {};

  // Our own socket tells what noVNC does not report: whether the link was accepted.
  const socket = open(link.url);
  if (!socket) return show('blocked');
  const accepted = () => { if (outcome === 'refused') outcome = 'failed'; };
  socket.addEventListener('open', accepted);
  // Firefox reports no `open` if the other side closes at once, but its reason.
  socket.addEventListener('close', ({ code }) => { if (code !== NOT_ACCEPTED) accepted(); });
  const blocked = ({ effectiveDirective }) => {
    if (effectiveDirective !== 'connect-src') return;
    outcome = 'blocked';
    rfb?.disconnect();
  };
  document.addEventListener('securitypolicyviolation', blocked);

  rfb = new RFB(element('screen'), socket, { credentials: { password: link.password } });
  rfb.background = 'none';
  rfb.scaleViewport = true;
  rfb.viewOnly = element('only').checked;

  const session = rfb;
  const timeout = setTimeout(() => {
    outcome = 'silent';
    session.disconnect();
  }, CONNECT_TIMEOUT);
  rfb.addEventListener('credentialsrequired', () => {
    clearTimeout(timeout);
    show('password');
  });
  rfb.addEventListener('securityfailure', ({ detail }) => {
    outcome = 'wrong';
    values.reason = detail.reason;
  });
  rfb.addEventListener('desktopname', ({ detail }) => { values.name = detail.name; });
  rfb.addEventListener('connect', () => {
    clearTimeout(timeout);
    outcome = 'lost';
    document.title = values.name;
    show('connected', values);
    sizes.observe(element('screen').querySelector('canvas'), { attributeFilter: ['width', 'height'] });
    resize();
    rfb.focus();
  });
  rfb.addEventListener('disconnect', () => {
    clearTimeout(timeout);
    document.removeEventListener('securitypolicyviolation', blocked);
    reset();
    show(outcome, values);
  });
}

/** Opens a socket; `undefined` if the policy forbids the address, which some browsers throw and others do not. */
function open(url) {
  try {
    const socket = new WebSocket(url, ['binary']);
    return socket.readyState === WebSocket.CLOSED ? undefined : socket;
  } catch {
    return undefined;
  }
}

/** Resets the controls for a new session. */
function reset() {
  rfb = undefined;
  typing.abort();
  for (const panel of document.querySelectorAll('[popover]')) panel.hidePopover();
  for (const button of document.querySelectorAll('[data-hold]')) button.ariaPressed = 'false';
}

/** Sets the size of the screen, which noVNC fills. */
function resize() {
  const screen = element('screen');
  const canvas = screen.querySelector('canvas');
  if (!canvas) return;
  const container = screen.parentElement;
  const fit = Math.min(container.clientWidth / canvas.width, container.clientHeight / canvas.height);
  const whole = Math.max(1, Math.floor(fit * devicePixelRatio)) / devicePixelRatio;
  const size = document.querySelector('[name=size]:checked').value;
  const scale = { fit, actual: 1, whole }[size];
  screen.style.width = `${canvas.width * scale}px`;
  screen.style.height = `${canvas.height * scale}px`;
  screen.dataset.size = size;
}

const sizes = new MutationObserver(resize);
new ResizeObserver(resize).observe(document.querySelector('main'));

function hold(button, down) {
  const [keysym, code] = key(button.dataset.hold);
  rfb.sendKey(keysym, code, down);
  button.ariaPressed = String(down);
}

function saveScreenshot() {
  rfb.toBlob((blob) => {
    const download = document.createElement('a');
    download.href = URL.createObjectURL(blob);
    download.download = `${document.title}.png`;
    download.click();
    URL.revokeObjectURL(download.href);
  });
}

async function typeText() {
  const layout = layouts[element('layout').value];
  const end = element('enter').checked ? '\n' : '';
  const field = element(element('hide').checked ? 'secret' : 'text');
  const text = field.value.normalize('NFC') + end;

  const missing = untypable(text, layout);
  element('untypable').hidden = missing.length === 0;
  element('untypable').textContent = localize('This layout has no key for: {chars}', { chars: missing.join(' ') });
  if (missing.length > 0) return;

  typing = new AbortController();
  const progress = element('progress');
  progress.max = [...text].length;
  progress.value = 0;
  setTyping(true);
  await type(rfb, text, layout, typing.signal, (count) => { progress.value = count; });
  setTyping(false);
  element('secret').value = '';
}

/** Submits a command for the server to the service that shows this page. */
async function submit(verb) {
  const { label, grave } = powers[verb];
  const question = localize('Unsaved data is lost. {action}?', { action: localize(label) });
  if (grave && !confirm(question)) return;
  const body = new URLSearchParams({ csrf: meta('csrf'), verb, sure: 'yes' });
  const headers = { accept: 'text/plain' };
  let answer;
  try {
    const response = await fetch(commands, { method: 'POST', body, headers, redirect: 'manual' });
    answer = response.type === 'opaqueredirect' ? localize('Requested') : await response.text();
  } catch {
    answer = localize('The service is not reachable.');
  }
  element('answer').textContent = answer;
}

// What the field for the keyboard of a phone contains while nothing is typed, so that there is something to delete.
const NOTHING = '\u00a0';
let touched = NOTHING;
let touches = Promise.resolve();

/** Types what has changed in the field. Phones report changes of a text instead of keys. */
function touch() {
  const text = element('touch').value;
  let same = 0;
  while (same < touched.length && touched[same] === text[same]) same += 1;
  const [removed, added] = [touched.length - same, text.slice(same).normalize('NFC')];
  touched = text;
  touches = touches.then(async () => {
    const layout = layouts[element('layout').value];
    for (let count = 0; count < removed && rfb; count += 1) press(rfb, key('Backspace'));
    const typable = [...added].filter((char) => untypable(char, layout).length === 0).join('');
    if (rfb) await type(rfb, typable, layout, new AbortController().signal, () => {});
  });
}

function clearTouches() {
  touched = NOTHING;
  element('touch').value = NOTHING;
}

function setTyping(busy) {
  element('progress').hidden = !busy;
  element('stop').hidden = !busy;
  element('type').disabled = busy;
}

function toggleFullScreen() {
  if (document.fullscreenElement) return document.exitFullscreen();
  return document.documentElement.requestFullscreen();
}

/** Saves a setting, if the browser allows it. */
function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch { /* Private windows may forbid it; then the default applies. */ }
}

function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

for (const row of document.querySelectorAll('[data-function-keys]')) {
  for (let number = 1; number <= 12; number += 1) {
    const button = document.createElement('button');
    button.textContent = `F${number}`;
    button.dataset.chord = `${row.dataset.functionKeys} F${number}`.trim();
    button.ariaLabel = button.dataset.chord.replaceAll(' ', '-');
    row.append(button);
  }
}

for (const button of document.querySelectorAll('[data-chord]')) {
  button.addEventListener('click', () => {
    const question = localize('Send "{keys}" to the server?', { keys: button.textContent });
    if ('confirm' in button.dataset && !confirm(question)) return;
    press(rfb, ...button.dataset.chord.split(' ').map(key));
  });
}

for (const button of document.querySelectorAll('[data-hold]')) {
  button.addEventListener('click', () => hold(button, button.ariaPressed !== 'true'));
}

element('asking').addEventListener('submit', (event) => {
  event.preventDefault();
  link.password = element('password').value;
  element('password').value = '';
  if (!rfb) return connect();
  show('connecting');
  rfb.sendCredentials({ password: link.password });
});
element('again').addEventListener('click', retry);

element('typing').addEventListener('submit', (event) => {
  event.preventDefault();
  typeText();
});
element('hide').addEventListener('change', ({ target }) => {
  element('text').hidden = target.checked;
  element('secret').hidden = !target.checked;
  element(target.checked ? 'secret' : 'text').focus();
});
element('stop').addEventListener('click', () => typing.abort());
element('layout').value = recall('layout') ?? 'us';
element('layout').addEventListener('change', ({ target }) => remember('layout', target.value));

for (const choice of document.querySelectorAll('[name=size]')) {
  choice.checked = choice.value === (recall('size') ?? 'fit');
  choice.addEventListener('change', () => {
    remember('size', choice.value);
    resize();
  });
}
element('only').addEventListener('change', ({ target }) => {
  for (const button of document.querySelectorAll('[data-hold][aria-pressed=true]')) hold(button, false);
  for (const button of document.querySelectorAll('[data-chord], [data-hold], #type')) button.disabled = target.checked;
  rfb.viewOnly = target.checked;
});
element('picture').addEventListener('click', saveScreenshot);

element('full').hidden = !document.fullscreenEnabled;
element('full').addEventListener('click', toggleFullScreen);
document.addEventListener('fullscreenchange', () => {
  const full = document.fullscreenElement !== null;
  element('full').ariaPressed = String(full);
  // Then keys that browsers reserve, such as Esc, reach the server.
  if (full) navigator.keyboard?.lock();
});

// The screen captures Tab, so this moves the keyboard focus out of it.
element('screen').addEventListener('keydown', (event) => {
  if (event.ctrlKey && event.altKey && event.shiftKey) element('first').focus();
}, { capture: true });

// Otherwise Ctrl-W, which deletes a word at a shell, closes the screen.
addEventListener('beforeunload', (event) => {
  if (document.body.dataset.state === 'connected') event.preventDefault();
});

element('keyboard').hidden = navigator.maxTouchPoints === 0;
element('keyboard').addEventListener('click', () => {
  clearTouches();
  element('touch').focus();
});
element('touch').addEventListener('input', (event) => {
  touch();
  if (!event.isComposing) clearTouches();
});
element('touch').addEventListener('compositionend', clearTouches);

if (renew) {
  element('back').hidden = false;
  element('back').href = renew.slice(0, renew.lastIndexOf('/'));
}
const verbs = (meta('verbs') ?? '').split(' ').filter((verb) => verb in powers);
element('power').hidden = verbs.length === 0;
for (const verb of verbs) {
  const button = document.createElement('button');
  button.value = verb;
  button.textContent = powers[verb].label;
  button.addEventListener('click', () => submit(verb));
  element('verbs').append(button);
}

translate(document.documentElement);
start();
