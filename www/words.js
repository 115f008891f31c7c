// The words of the page: English where they stand, German from here.

const german = {
  // States
  'Loading': 'Lädt',
  'No console': 'Keine Konsole',
  'This page shows the screen of a server. The link comes from the command line:':
    'Diese Seite zeigt den Bildschirm eines Servers. Der Link kommt von der Kommandozeile:',
  'Not a console link': 'Kein Konsolen-Link',
  'The link must begin with wss://, or with ws:// and lead to this machine.':
    'Der Link muss mit wss:// beginnen, oder mit ws:// und zu diesem Rechner führen.',
  'noVNC is missing': 'noVNC fehlt',
  'The part that draws the screen is not installed. In the folder noVNC, run this, then reload the page:':
    'Der Teil, der den Bildschirm zeichnet, ist nicht installiert. Im Ordner noVNC dies ausführen, dann die Seite neu laden:',
  'Connecting': 'Verbindet',
  'Waiting for {host}.': 'Wartet auf {host}.',
  'Connected to {name}': 'Verbunden mit {name}',
  'Password needed': 'Passwort nötig',
  'The link came without the password.': 'Der Link kam ohne das Passwort.',
  'Wrong password': 'Falsches Passwort',
  'The server refused the password: {reason}.': 'Der Server hat das Passwort abgelehnt: {reason}.',
  'Link expired or refused': 'Link abgelaufen oder abgelehnt',
  '{host} does not accept the link. A link works for one minute; this makes another:':
    '{host} nimmt den Link nicht an. Ein Link gilt eine Minute; dies macht einen neuen:',
  'Blocked by the security policy': 'Von der Sicherheitsrichtlinie blockiert',
  'This page may not connect to {host}. Its Content-Security-Policy names the addresses that it may.':
    'Diese Seite darf sich nicht mit {host} verbinden. Ihre Content-Security-Policy nennt die erlaubten Adressen.',
  'No answer': 'Keine Antwort',
  '{host} says nothing.': '{host} meldet sich nicht.',
  'No screen': 'Kein Bildschirm',
  '{host} accepted the link but shows no screen.':
    '{host} hat den Link angenommen, zeigt aber keinen Bildschirm.',
  'Connection lost': 'Verbindung verloren',
  'The server was switched off, or the network failed. If the link has expired, this makes another:':
    'Der Server wurde ausgeschaltet, oder das Netz ist gestört. Ist der Link abgelaufen, macht dies einen neuen:',

  // Controls
  'Controls': 'Bedienung',
  'Ctrl-Alt-Del': 'Strg-Alt-Entf',
  'Keys': 'Tasten',
  'Type text': 'Text tippen',
  'View': 'Ansicht',
  'Full screen': 'Vollbild',
  'Password': 'Passwort',
  'Connect': 'Verbinden',
  'Try again': 'Nochmal versuchen',

  // Keys
  'Hold': 'Halten',
  'Press': 'Drücken',
  'Combinations': 'Kombinationen',
  'Ctrl': 'Strg',
  'Shift': 'Umschalt',
  'Del': 'Entf',
  'Print': 'Druck',
  'Backspace': 'Rücktaste',
  'Left': 'Links',
  'Up': 'Hoch',
  'Down': 'Runter',
  'Right': 'Rechts',
  'Ctrl-C': 'Strg-C',
  'Ctrl-D': 'Strg-D',
  'Ctrl-Z': 'Strg-Z',
  'Ctrl-Alt-⌫': 'Strg-Alt-⌫',
  'Ctrl-Alt': 'Strg-Alt',
  'Sync disks': 'Platten abgleichen',
  'Make disks read-only': 'Platten nur lesbar machen',
  'End all programs': 'Alle Programme beenden',
  'Kill all programs': 'Alle Programme abbrechen',
  'Reset': 'Neustart',
  'Send "{keys}" to the server?': '„{keys}“ an den Server senden?',

  // Typing
  'Text that the server gets as keystrokes': 'Text, den der Server als Tastendrücke bekommt',
  'Keyboard of the server': 'Tastatur des Servers',
  'English (us)': 'Englisch (us)',
  'German (de)': 'Deutsch (de)',
  'Press Enter at the end': 'Am Ende Eingabetaste drücken',
  'This keyboard has no key for: {chars}': 'Diese Tastatur hat keine Taste für: {chars}',
  'Typed so far': 'Schon getippt',
  'Stop': 'Anhalten',
  'Type': 'Tippen',

  // View
  'Size': 'Größe',
  'Fit to window': 'An das Fenster anpassen',
  'Actual size': 'Originalgröße',
  'Whole multiples, sharp': 'Ganze Vielfache, scharf',
  'Control': 'Steuerung',
  'View only': 'Nur ansehen',
  'Save the picture': 'Bild speichern',
  'Ctrl, Alt and Shift together lead from the screen to these buttons.':
    'Strg, Alt und Umschalt zusammen führen vom Bildschirm zu diesen Knöpfen.',
};

const isGerman = navigator.language.startsWith('de');

/** The text in the reader's language, its `{name}`s filled in. */
export function say(text, facts = {}) {
  const words = (isGerman && german[text]) || text;
  return words.replace(/\{(\w+)\}/g, (_, name) => facts[name]);
}

/** Puts everything that stands in the page into the reader's language. */
export function translate(page) {
  if (!isGerman) return;
  page.lang = 'de';
  const texts = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim();
    if (text) texts.currentNode.data = texts.currentNode.data.replace(text, () => say(text));
  }
  for (const named of page.querySelectorAll('[aria-label]')) {
    named.ariaLabel = say(named.ariaLabel);
  }
}
