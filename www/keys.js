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

// The keysyms of dead keys, by the combining characters that stand for them, and what they type with a space.
const dead = {
  '\u0300': [0xfe50, '`'],
  '\u0301': [0xfe51, '´'],
  '\u0302': [0xfe52, '^'],
  '\u0303': [0xfe53, '~'],
  '\u0308': [0xfe57, '¨'],
};

const modifiers = [[], ['Shift'], ['AltGr'], ['Shift', 'AltGr']];

/**
 * The keystrokes of each character, by keyboard layout: the characters of the keys above without a modifier, with
 * Shift, with AltGr, and with both. Keys that differ between systems are left out.
 */
export const layouts = {
  us: layout(
    '`1234567890-=qwertyuiop[]asdfghjkl;\'\\ zxcvbnm,./',
    '~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"| ZXCVBNM<>?',
  ),
  de: layout(
    '\u03021234567890ß\u0301qwertzuiopü+asdfghjklöä#<yxcvbnm,.-',
    '°!"§$%&/()=?\u0300QWERTZUIOPÜ*ASDFGHJKLÖÄ\'>YXCVBNM;:_',
    '  ²³   {[]}\\ @ €        ~            |      µ',
  ),
  fr: layout(
    '²&é"\'(-è_çà)=azertyuiop\u0302$qsdfghjklmù*<wxcvbn,;:!',
    ' 1234567890°+AZERTYUIOP\u0308£QSDFGHJKLM%µ>WXCVBN?./§',
    '  ~#{[|`\\^@]}  €         @           |',
  ),
  uk: layout(
    '`1234567890-=qwertyuiop[]asdfghjkl;\'#\\zxcvbnm,./',
    '¬!"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>?',
    '    €',
  ),
  ch: layout(
    '§1234567890\'\u0302qwertzuiopü\u0308asdfghjklöä$<yxcvbnm,.-',
    '°+"*ç%&/()=?\u0300QWERTZUIOPè!ASDFGHJKLéà£>YXCVBNM;:_',
    '  @#   |    \u0303@ €       []         \u0301{}\\',
  ),
  es: layout(
    'º1234567890\'¡qwertyuiop\u0300+asdfghjklñ\u0301ç<zxcvbnm,.-',
    'ª!"·$%&/()=?¿QWERTYUIOP\u0302*ASDFGHJKLÑ\u0308Ç>ZXCVBNM;:_',
    '\\|@#~        @ €       []          {}|',
  ),
  it: layout(
    '\\1234567890\'ìqwertyuiopè+asdfghjklòàù<zxcvbnm,.-',
    '|!"£$%&/()=?^QWERTYUIOPé*ASDFGHJKLç°§>ZXCVBNM;:_',
    '       {  }`~@ €       []         @#',
  ),
  pl: layout(
    '`1234567890-=qwertyuiop[]asdfghjkl;\'\\ zxcvbnm,./',
    '~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"| ZXCVBNM<>?',
    '     €         ę     ó   ąś      ł    żźć  ń',
    '               Ę     Ó   ĄŚ      Ł    ŻŹĆ  Ń',
  ),
};

function layout(...levels) {
  const keys = new Map();
  for (const [level, chars] of levels.entries()) {
    for (const [at, char] of [...chars].entries()) {
      if (char === ' ' || keys.has(char)) continue;
      const held = modifiers[level].map((name) => named[name]);
      keys.set(char, [...held, [dead[char]?.[0] ?? keysym(char), codes[at]]]);
    }
  }
  return keys;
}

/** Returns the strokes of a character, or `undefined` if the layout cannot type it. */
function strokes(char, keys) {
  const control = { ' ': named.Space, '\t': named.Tab, '\n': named.Enter }[char];
  if (control) return [[control]];
  if (char in dead) return undefined;
  if (keys.has(char)) return [keys.get(char)];
  // A dead key waits for the next key; followed by a space it types its own character.
  const own = Object.keys(dead).find((mark) => dead[mark][1] === char);
  if (own) return keys.has(own) ? [keys.get(own), [named.Space]] : undefined;
  const [base, mark, ...rest] = char.normalize('NFD');
  if (rest.length > 0 || !keys.has(mark) || !keys.has(base)) return undefined;
  return [keys.get(mark), keys.get(base)];
}

/** Returns the distinct characters of `text` that the layout has no key for. */
export function untypable(text, layout) {
  return [...new Set(text)].filter((char) => !strokes(char, layout));
}

// Guests lose keystrokes that arrive faster.
const KEY_INTERVAL = 20; // milliseconds

/** Types `text` until done or `signal` aborts; calls `onProgress` with the number of typed characters. */
export async function type(rfb, text, layout, signal, onProgress) {
  for (const [at, char] of [...text].entries()) {
    for (const stroke of strokes(char, layout)) {
      if (signal.aborted) return;
      press(rfb, ...stroke);
      await new Promise((resolve) => setTimeout(resolve, KEY_INTERVAL * stroke.length));
    }
    onProgress(at + 1);
  }
}
