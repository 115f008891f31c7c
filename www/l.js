// The console page, l.html?wss://ADDRESS#PASSWORD, which shows the screen of a server.

import { key, layouts, press, type, untypable } from './keys.js';
import { localize, translate } from './words.js';

const CONNECT_TIMEOUT = 20_000; // milliseconds

const states = {
  empty: {
    title: 'No console',
    text: 'This page shows the screen of a server. To get a link, run:',
    command: 'hcc console NAME --open',
  },
  foreign: {
    title: 'Not a console link',
    text: 'The link must begin with wss://, or with ws:// and an address of this machine.',
  },
  missing: {
    title: 'noVNC is missing',
    text: 'noVNC, which draws the screen, is not installed. Run this in the directory noVNC, then reload the page:',
    command: 'npm ci',
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
    text: '{host} does not accept the link. Links are valid for one minute; to get another, run:',
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
    text: 'The server was switched off, or the network failed. If the link has expired, run this to get another:',
    command: 'hcc console NAME --open',
    offer: 'again',
  },
};

const element = (id) => document.getElementById(id);
const renew = document.querySelector('meta[name=renew]')?.content; // where a service provides another link
const link = readLink();

let RFB; // noVNC's class, once loaded
let rfb; // its open session
let typing = new AbortController();

/** Removes the link from the page or the address bar, where others could read it. */
function readLink() {
  const given = document.querySelector('meta[name=link]');
  const [address, password = ''] = (given?.content ?? location.search.slice(1) + location.hash).split('#');
  given?.remove();
  history.replaceState(null, '', renew ?? location.pathname);
  return {
    address,
    password: decode(password) || undefined,
    url: URL.canParse(address) ? new URL(address) : undefined,
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
  const { title, text, command = '', offer } = states[name];
  values = { host: link.url?.host, ...values };
  document.body.dataset.state = name;
  element('status').textContent = localize(title, values);
  element('title').textContent = localize(title, values);
  element('explanation').textContent = localize(text, values);
  element('command').textContent = renew ? '' : command;
  element('asking').hidden = offer !== 'asking';
  element('again').hidden = offer !== 'again';
  element('controls').disabled = name !== 'connected';
  if (offer === 'asking') element('password').focus();
}

async function start() {
  if (!link.address) return show('empty');
  if (!link.url || !isTrusted(link.url)) return show('foreign');
  try {
    ({ default: RFB } = await import('./novnc/core/rfb.js'));
  } catch {
    return show('missing');
  }
  connect();
}

function connect() {
  show('connecting');
  let outcome = 'refused';
  const values = {};

  // Our own socket tells what noVNC does not report: whether the link was accepted.
  const blocked = () => { outcome = 'blocked'; };
  document.addEventListener('securitypolicyviolation', blocked, { once: true });
  const socket = new WebSocket(link.url, ['binary']);
  if (socket.readyState === WebSocket.CLOSED) return show('blocked');
  socket.addEventListener('open', () => { outcome = 'failed'; });

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
  const text = element('text').value.normalize('NFC') + end;

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
element('again').addEventListener('click', () => (renew ? location.assign(renew) : connect()));

element('typing').addEventListener('submit', (event) => {
  event.preventDefault();
  typeText();
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

translate(document.documentElement);
start();
