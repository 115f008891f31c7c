// Keys as noVNC sends them, [keysym, code], and the keystrokes that type a text.

const named = {
  Ctrl: [0xffe3, 'ControlLeft'],
  Alt: [0xffe9, 'AltLeft'],
  AltGr: [0xfe03, 'AltRight'],
  Shift: [0xffe1, 'ShiftLeft'],
  Win: [0xffeb, 'MetaLeft'],
  Esc: [0xff1b, 'Escape'],
  Tab: [0xff09, 'Tab'],
  Enter: [0xff0d, 'Enter'],
  Space: [0x20, 'Space'],
  Backspace: [0xff08, 'Backspace'],
  Del: [0xffff, 'Delete'],
  Print: [0xff61, 'PrintScreen'],
  Left: [0xff51, 'ArrowLeft'],
  Up: [0xff52, 'ArrowUp'],
  Right: [0xff53, 'ArrowRight'],
  Down: [0xff54, 'ArrowDown'],
};

/** Returns the key of a name: one of the above, `F1` to `F12`, or a letter. */
export function key(name) {
  if (name in named) return named[name];
  if (name.length === 1) return [keysym(name.toLowerCase()), `Key${name}`];
  return [0xffbd + Number(name.slice(1)), name];
}

function keysym(char) {
  const point = char.codePointAt(0);
  return point < 0x100 ? point : 0x1000000 + point;
}

/** Presses keys in this order and releases them in reverse. */
export function press(rfb, ...keys) {
  for (const [keysym, code] of keys) rfb.sendKey(keysym, code, true);
  for (const [keysym, code] of keys.toReversed()) rfb.sendKey(keysym, code, false);
}

// The keys that type characters, row by row.
const codes = [
  'Backquote Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal',
  'KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight',
  'KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backslash',
  'IntlBackslash KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash',
].flatMap((row) => row.split(' '));

const dead = { '^': 0xfe52, '´': 0xfe51, '`': 0xfe50 };

/** The keystrokes of each character, by keyboard layout. */
export const layouts = {
  us: layout({
    plain: '`1234567890-=' + 'qwertyuiop[]' + "asdfghjkl;'\\" + ' zxcvbnm,./',
    Shift: '~!@#$%^&*()_+' + 'QWERTYUIOP{}' + 'ASDFGHJKL:"|' + ' ZXCVBNM<>?',
  }),
  de: layout({
    plain: '^1234567890ß´' + 'qwertzuiopü+' + 'asdfghjklöä#' + '<yxcvbnm,.-',
    Shift: '°!"§$%&/()=?`' + 'QWERTZUIOPÜ*' + "ASDFGHJKLÖÄ'" + '>YXCVBNM;:_',
    AltGr: '  ²³   {[]}\\ ' + '@ €        ~' + '            ' + '|      µ   ',
  }, dead),
};

function layout(levels, dead = {}) {
  const strokes = new Map([
    [' ', [[named.Space]]],
    ['\t', [[named.Tab]]],
    ['\n', [[named.Enter]]],
  ]);
  for (const [level, chars] of Object.entries(levels)) {
    const modifier = level === 'plain' ? [] : [named[level]];
    for (const [at, char] of [...chars].entries()) {
      if (char === ' ') continue;
      const stroke = [...modifier, [dead[char] ?? keysym(char), codes[at]]];
      // A dead key waits for the next key; followed by a space it types its own character.
      strokes.set(char, char in dead ? [stroke, [named.Space]] : [stroke]);
    }
  }
  return strokes;
}

/** Returns the distinct characters of `text` that the layout has no key for. */
export function untypable(text, layout) {
  return [...new Set(text)].filter((char) => !layout.has(char));
}

// Guests lose keystrokes that arrive faster.
const KEY_INTERVAL = 20; // milliseconds

/** Types `text` until done or `signal` aborts; calls `onProgress` with the number of typed characters. */
export async function type(rfb, text, layout, signal, onProgress) {
  for (const [at, char] of [...text].entries()) {
    for (const stroke of layout.get(char)) {
      if (signal.aborted) return;
      press(rfb, ...stroke);
      await new Promise((resolve) => setTimeout(resolve, KEY_INTERVAL * stroke.length));
    }
    onProgress(at + 1);
  }
}
