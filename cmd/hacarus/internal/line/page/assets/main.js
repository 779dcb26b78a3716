// The page: it follows the server, and shows what it tells.

import { Connection } from './connection.js';
import { make, remember, remembered, setText, shape } from './dom.js';
import { Judge, mayJudge } from './judge.js';
import { Line, shiftText, signOf } from './line.js';
import { showCounts } from './show.js';
import { StationView } from './station.js';
import { Wall } from './wall.js';
import { clockTime, config, fill, words } from './words.js';

const toastTime = 4000;

const line = new Line();
const wall = new Wall(document.getElementById('wall'), go);
const station = new StationView(document.getElementById('station'), (name, image, verdict) => judge?.ask(name, image, verdict));
const connection = new Connection({ take });
const judge = mayJudge ? new Judge(line, connection, toast) : null;

// What comes.

function take(name, data) {
  switch (name) {
    case 'snapshot':
      line.snapshot(data);
      break;
    case 'status':
      line.status(data);
      break;
    case 'verdict': {
      const changed = line.verdict(data);
      if (changed) greet(changed.name);
      break;
    }
    case 'version':
      reloadFor(data);
      break;
  }
  draw();
}

function greet(name) {
  (shown() === null ? wall : station).greet(name);
}

/** reloadFor loads the page anew where the server has another version of it: once, and not while somebody judges. */
function reloadFor(version) {
  if (version === config.version || sessionStorage.getItem('version') === version || document.querySelector('dialog[open]')) return;
  sessionStorage.setItem('version', version);
  location.reload();
}

// What is shown.

const title = document.title;
let drawing = false;

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    show();
  });
}

function show() {
  const name = shown();
  setText(document.querySelector('title'), name === null ? title : `${name} · ${title}`);
  wall.element.hidden = name !== null;
  station.element.hidden = name === null;
  showTop();
  if (name === null) {
    wall.show(line, connection);
  } else {
    if (station.name !== name) station.open(name);
    station.show(line, connection);
  }
}

function showTop() {
  const up = connection.isUp();
  const heard = connection.lastHeard();
  document.body.dataset.link = up ? 'up' : heard === null && !connection.denied ? 'opening' : 'down';
  setText(document.querySelector('#link .text'), up ? words.connected : heard === null ? words.connecting : words.offline);
  const alarm = document.getElementById('alarm');
  setText(alarm, alarmText(up, heard));
  alarm.hidden = alarm.textContent === '';
  const totals = document.querySelector('.totals');
  totals.hidden = !line.known;
  if (line.known) {
    setText(document.getElementById('shift'), shiftText(line));
    showCounts(totals.querySelector('.counts'), line.totals());
    judge?.showName();
  }
  showStations();
}

function alarmText(up, heard) {
  if (connection.denied) return words.denied;
  if (!up && heard !== null) return `${words.offline} · ${fill(words.offlineMore, clockTime(heard, connection.now()))}`;
  return up && line.away ? words.queueMore : '';
}

/**
 * showStations names the stations where not all are in sight, and how many of them
 * somebody should look at. It stays where it is, whatever the verdicts are.
 */
function showStations() {
  const list = document.getElementById('stations');
  list.hidden = line.stations.size < 2 || (shown() === null && !wall.scrolls);
  if (list.hidden) return;
  const signs = line.sorted().map((s) => ({ name: s.name, mark: signOf(line, s, connection).mark }));
  const key = JSON.stringify([shown(), signs]);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  const troubles = signs.filter(({ mark }) => !['ok', 'old', 'empty'].includes(mark)).map(({ name }) => name);
  const focused = [...list.children].indexOf(document.activeElement);
  list.replaceChildren(nextTrouble(troubles), ...signs.map(stationLink));
  list.children[focused]?.focus();
}

function stationLink({ name, mark }) {
  const current = name === shown() ? { 'aria-current': 'page' } : {};
  const link = make('a', { class: 'button', href: '?station=' + encodeURIComponent(name), 'data-mark': mark, ...current }, shape(mark), make('span', {}, name));
  link.addEventListener('click', (event) => {
    event.preventDefault();
    go(name);
  });
  return link;
}

/** nextTrouble is the way through the stations that somebody should look at. */
function nextTrouble(names) {
  const button = make('button', { type: 'button' }, fill(words.attention, names.length));
  button.disabled = names.length === 0;
  button.addEventListener('click', () => go(names[(names.indexOf(shown()) + 1) % names.length]));
  return button;
}

let toastTimer;

function toast(text) {
  const element = document.getElementById('toast');
  element.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { element.textContent = ''; }, toastTime);
}

// Where one is.

/** shown is the station that the address names; null is the wall. */
function shown() {
  return new URLSearchParams(location.search).get('station');
}

/** go goes to a station, or to the wall for null. */
function go(name) {
  history.pushState(null, '', name === null ? './' : '?station=' + encodeURIComponent(name));
  show();
  scrollTo(0, 0);
}

addEventListener('popstate', draw);
for (const link of document.querySelectorAll('[data-go="wall"]')) {
  link.addEventListener('click', (event) => {
    event.preventDefault();
    go(null);
  });
}

document.getElementById('other').addEventListener('click', (event) => {
  const address = new URLSearchParams(location.search);
  address.set('lang', event.currentTarget.lang);
  event.currentTarget.href = '?' + address;
});

// Light and dark.

const darkWish = matchMedia('(prefers-color-scheme: dark)');

function showTheme() {
  const theme = remembered('theme') ?? (darkWish.matches ? 'dark' : 'light');
  document.documentElement.dataset.theme = theme;
  const other = theme === 'dark' ? words.light : words.dark;
  const button = document.getElementById('theme');
  setText(button.querySelector('span'), other);
  button.setAttribute('aria-label', other);
}

darkWish.addEventListener('change', showTheme);
document.getElementById('theme').addEventListener('click', () => {
  remember('theme', document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  showTheme();
});

// Keys.

const help = document.getElementById('keys');
document.getElementById('help').addEventListener('click', () => help.showModal());

const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const verdicts = { o: 'OK', n: 'NG', d: 'unknown' };

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector('dialog[open]')) return;
  if (press(event.key)) event.preventDefault();
});

/** press acts on a key. It is false for one that means nothing here. */
function press(key) {
  if (key === '?') {
    help.showModal();
    return true;
  }
  if (/^[1-9]$/.test(key)) {
    const nth = line.sorted()[key - 1];
    if (nth) go(nth.name);
    return Boolean(nth);
  }
  if (shown() === null) {
    if (arrows[key]) wall.move(...arrows[key]);
    return key in arrows;
  }
  const verdict = verdicts[key.toLowerCase()];
  switch (true) {
    case key === 'Escape' && station.selected !== null:
      station.select(null);
      return true;
    case key === 'Escape' || key === '0':
      go(null);
      return true;
    case key === 'ArrowLeft' || key === 'ArrowRight':
      station.step(key === 'ArrowRight' ? 1 : -1);
      return true;
    case verdict !== undefined && judge !== null && Boolean(station.image):
      judge.ask(station.name, station.image, verdict);
      return true;
  }
  return false;
}

showTheme();
document.body.dataset.link = 'opening';
draw();
