// German translations of all texts of the page.

const german = {
  // States
  'Loading': 'Lädt',
  'No console': 'Keine Konsole',
  'This page shows the screen of a server.': 'Diese Seite zeigt den Bildschirm eines Servers.',
  'To get a link, run:': 'Einen Link liefert dieser Befehl:',
  'To get another link, run:': 'Einen neuen Link liefert dieser Befehl:',
  'Not a console link': 'Kein Konsolen-Link',
  'The link must begin with wss://, or with ws:// and an address of this machine.':
    'Der Link muss mit wss:// beginnen, oder mit ws:// und einer Adresse dieses Rechners.',
  'noVNC is missing': 'noVNC fehlt',
  'noVNC, which draws the screen, is not installed.': 'noVNC, das den Bildschirm zeichnet, ist nicht installiert.',
  'Run this in the directory noVNC, then reload the page:':
    'Diesen Befehl im Verzeichnis noVNC ausführen, dann die Seite neu laden:',
  'The screen does not load': 'Der Bildschirm lädt nicht',
  'noVNC, which draws the screen, is still not loaded after 20 seconds. The network may be slow, or this browser may be too old.':
    'noVNC, das den Bildschirm zeichnet, ist nach 20 Sekunden noch nicht geladen. Vielleicht ist das Netz langsam oder der Browser zu alt.',
  'Connecting': 'Verbindet',
  'Waiting for {host}.': 'Wartet auf {host}.',
  'Connected to {name}': 'Verbunden mit {name}',
  'Password needed': 'Passwort nötig',
  'The link does not contain the password.': 'Der Link enthält kein Passwort.',
  'Wrong password': 'Falsches Passwort',
  'The server refused the password: {reason}.': 'Der Server hat das Passwort abgelehnt: {reason}.',
  'Link expired or refused': 'Link abgelaufen oder abgelehnt',
  '{host} does not accept the link. Links are valid for one minute.':
    '{host} nimmt den Link nicht an. Ein Link gilt eine Minute.',
  'Blocked by the security policy': 'Von der Sicherheitsrichtlinie blockiert',
  'This page may not connect to {host}. Its Content-Security-Policy lists the allowed addresses.':
    'Diese Seite darf sich nicht mit {host} verbinden. Die erlaubten Adressen stehen in ihrer Content-Security-Policy.',
  'No response': 'Keine Antwort',
  '{host} does not respond.': '{host} antwortet nicht.',
  'No screen': 'Kein Bildschirm',
  '{host} accepted the link but sends no screen.':
    '{host} hat den Link angenommen, sendet aber keinen Bildschirm.',
  'Connection lost': 'Verbindung verloren',
  'The server was switched off, or the network failed.':
    'Der Server wurde ausgeschaltet, oder das Netz ist gestört.',
  'If the link has expired, run this to get another:':
    'Ist der Link abgelaufen, liefert dieser Befehl einen neuen:',

  // Controls
  'Back': 'Zurück',
  'Power': 'Ein/Aus',
  'Start': 'Einschalten',
  'Stop the system': 'Herunterfahren',
  'Reboot': 'Neu starten',
  'Reset the server': 'Zurücksetzen',
  'Cut the power': 'Strom abschalten',
  'Unsaved data is lost. {action}?': 'Nicht gespeicherte Daten gehen verloren. {action}?',
  'Requested': 'Angefordert',
  'The service is not reachable.': 'Der Dienst ist nicht erreichbar.',
  'Keyboard': 'Tastatur',
  'Controls': 'Bedienung',
  'Ctrl-Alt-Del': 'Strg-Alt-Entf',
  'Keys': 'Tasten',
  'Type text': 'Text tippen',
  'View': 'Ansicht',
  'Full screen': 'Vollbild',
  'Password': 'Passwort',
  'Connect': 'Verbinden',
  'Try again': 'Erneut versuchen',

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
  'Text to send as keystrokes': 'Text, der als Tastendrücke gesendet wird',
  'Keyboard layout of the server': 'Tastaturlayout des Servers',
  'English (us)': 'Englisch (us)',
  'German (de)': 'Deutsch (de)',
  'Swiss German (ch)': 'Schweizerdeutsch (ch)',
  'French (fr)': 'Französisch (fr)',
  'British (uk)': 'Britisch (uk)',
  'Spanish (es)': 'Spanisch (es)',
  'Italian (it)': 'Italienisch (it)',
  'Polish (pl)': 'Polnisch (pl)',
  'It is a password: hide it': 'Es ist ein Passwort: verbergen',
  'Press Enter at the end': 'Am Ende Eingabetaste drücken',
  'This layout has no key for: {chars}': 'Dieses Layout hat keine Taste für: {chars}',
  'Typing progress': 'Fortschritt',
  'Stop': 'Anhalten',
  'Type': 'Tippen',

  // View
  'Size': 'Größe',
  'Fit to window': 'An das Fenster anpassen',
  'Actual size': 'Originalgröße',
  'Integer multiples (sharp)': 'Ganzzahlige Vielfache (scharf)',
  'Control': 'Steuerung',
  'View only': 'Nur ansehen',
  'Save screenshot': 'Bildschirmfoto speichern',
  'Press Ctrl, Alt and Shift together to move the focus from the screen to these buttons.':
    'Strg, Alt und Umschalt zusammen drücken, um vom Bildschirm zu diesen Schaltflächen zu wechseln.',
};

const isGerman = navigator.language.startsWith('de');

/** Returns the text in the browser's language, with `{name}`s replaced by values. */
export function localize(text, values = {}) {
  const localized = (isGerman && german[text]) || text;
  return localized.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Translates all static texts of the page. */
export function translate(page) {
  if (!isGerman) return;
  page.lang = 'de';
  const texts = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim();
    if (text) texts.currentNode.data = texts.currentNode.data.replace(text, () => localize(text));
  }
  for (const labeled of page.querySelectorAll('[aria-label]')) {
    labeled.ariaLabel = localize(labeled.ariaLabel);
  }
}
