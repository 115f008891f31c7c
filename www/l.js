// The console page, l.html?wss://ADDRESS#PASSWORD: the screen of a server.

import { key, layouts, press, type, untypable } from './keys.js';
import { say, translate } from './words.js';

const PATIENCE = 20_000; // milliseconds until a server that says nothing counts as away

const states = {
  empty: {
    title: 'No console',
    text: 'This page shows the screen of a server. The link comes from the command line:',
    command: 'hcc console NAME --open',
  },
  foreign: {
    title: 'Not a console link',
    text: 'The link must begin with wss://, or with ws:// and lead to this machine.',
  },
  missing: {
    title: 'noVNC is missing',
    text: 'The part that draws the screen is not installed. In the folder noVNC, run this, then reload the page:',
    command: 'npm ci',
  },
  connecting: { title: 'Connecting', text: 'Waiting for {host}.' },
  connected: { title: 'Connected to {name}', text: '' },
  password: {
    title: 'Password needed',
    text: 'The link came without the password.',
    offer: 'asking',
  },
  wrong: {
    title: 'Wrong password',
    text: 'The server refused the password: {reason}.',
    offer: 'asking',
  },
  refused: {
    title: 'Link expired or refused',
    text: '{host} does not accept the link. A link works for one minute; this makes another:',
    command: 'hcc console NAME --open',
    offer: 'again',
  },
  blocked: {
    title: 'Blocked by the security policy',
    text: 'This page may not connect to {host}. Its Content-Security-Policy names the addresses that it may.',
  },
  silent: {
    title: 'No answer',
    text: '{host} says nothing.',
    offer: 'again',
  },
  failed: {
    title: 'No screen',
    text: '{host} accepted the link but shows no screen.',
    offer: 'again',
  },
  lost: {
    title: 'Connection lost',
    text: 'The server was switched off, or the network failed. If the link has expired, this makes another:',
    command: 'hcc console NAME --open',
    offer: 'again',
  },
};

const element = (id) => document.getElementById(id);
const renew = document.querySelector('meta[name=renew]')?.content; // where a service makes another link
const link = readLink();

let RFB; // noVNC's class, once it is loaded
let rfb; // its session, while there is one
let typing = new AbortController();

/** Takes the link out of the page, or out of the address bar, where it would stay readable. */
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
    return text; // A percent sign that stands for itself.
  }
}

function isTrusted({ protocol, hostname }) {
  const local = ['127.0.0.1', 'localhost'].includes(hostname);
  return protocol === 'wss:' || (protocol === 'ws:' && local);
}

function show(name, facts) {
  const { title, text, command = '', offer } = states[name];
  facts = { host: link.url?.host, ...facts };
  document.body.dataset.state = name;
  element('status').textContent = say(title, facts);
  element('title').textContent = say(title, facts);
  element('explanation').textContent = say(text, facts);
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
  const facts = {};

  // With a socket of our own we learn what noVNC does not tell: whether the link was taken.
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
  const patience = setTimeout(() => {
    outcome = 'silent';
    session.disconnect();
  }, PATIENCE);
  rfb.addEventListener('credentialsrequired', () => {
    clearTimeout(patience);
    show('password');
  });
  rfb.addEventListener('securityfailure', ({ detail }) => {
    outcome = 'wrong';
    facts.reason = detail.reason;
  });
  rfb.addEventListener('desktopname', ({ detail }) => { facts.name = detail.name; });
  rfb.addEventListener('connect', () => {
    clearTimeout(patience);
    outcome = 'lost';
    document.title = facts.name;
    show('connected', facts);
    sizes.observe(element('screen').querySelector('canvas'), { attributeFilter: ['width', 'height'] });
    resize();
    rfb.focus();
  });
  rfb.addEventListener('disconnect', () => {
    clearTimeout(patience);
    document.removeEventListener('securitypolicyviolation', blocked);
    leave();
    show(outcome, facts);
  });
}

/** Puts the controls back to where a new session finds them. */
function leave() {
  rfb = undefined;
  typing.abort();
  for (const panel of document.querySelectorAll('[popover]')) panel.hidePopover();
  for (const button of document.querySelectorAll('[data-hold]')) button.ariaPressed = 'false';
}

/** Gives the screen its size; noVNC then fills it. */
function resize() {
  const screen = element('screen');
  const canvas = screen.querySelector('canvas');
  if (!canvas) return;
  const room = screen.parentElement;
  const fit = Math.min(room.clientWidth / canvas.width, room.clientHeight / canvas.height);
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

function savePicture() {
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

  const foreign = untypable(text, layout);
  element('untypable').hidden = foreign.length === 0;
  element('untypable').textContent = say('This keyboard has no key for: {chars}', { chars: foreign.join(' ') });
  if (foreign.length > 0) return;

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

/** Keeps a choice for the next time, where the browser allows it. */
function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch { /* Private windows may forbid it; then the default stays. */ }
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
    const question = say('Send "{keys}" to the server?', { keys: button.textContent });
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
element('picture').addEventListener('click', savePicture);

element('full').hidden = !document.fullscreenEnabled;
element('full').addEventListener('click', toggleFullScreen);
document.addEventListener('fullscreenchange', () => {
  const full = document.fullscreenElement !== null;
  element('full').ariaPressed = String(full);
  // Keys that the browser keeps for itself, such as Esc, then reach the server.
  if (full) navigator.keyboard?.lock();
});

// The screen swallows Tab, so there is another way out of it.
element('screen').addEventListener('keydown', (event) => {
  if (event.ctrlKey && event.altKey && event.shiftKey) element('first').focus();
}, { capture: true });

translate(document.documentElement);
start();
