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
const offerTime = 20000; // of one that offers something to do

const line = new Line();
const wall = new Wall(document.getElementById('wall'), go);
const station = new StationView(document.getElementById('station'), (name, image, verdict) => judge?.ask(name, image, verdict), (name, image) => judge?.takeBack(name, image));
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
  if (stations.hidden !== hidesStations()) draw(); // only now it is known whether the wall scrolls
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

const stations = document.getElementById('stations');
const next = stations.querySelector('button');
const links = new Map(); // to stations, by their names
let troubles = []; // the stations that somebody should look at

next.addEventListener('click', () => go(troubles[(troubles.indexOf(shown()) + 1) % troubles.length]));

const hidesStations = () => line.stations.size < 2 || (shown() === null && !wall.scrolls);

/**
 * showStations names the stations where not all are in sight, and how many of them
 * somebody should look at. It stays where it is, whatever the verdicts are, and so
 * do its elements: a finger may be on one.
 */
function showStations() {
  stations.hidden = hidesStations();
  if (stations.hidden) return;
  const signs = line.sorted().map((s) => ({ name: s.name, mark: signOf(line, s, connection).mark }));
  troubles = signs.filter(({ mark }) => !['ok', 'old', 'empty'].includes(mark)).map(({ name }) => name);
  setText(next, fill(words.attention, troubles.length));
  next.disabled = troubles.length === 0;
  for (const name of links.keys()) {
    if (!line.stations.has(name)) {
      links.get(name).remove();
      links.delete(name);
    }
  }
  signs.forEach(({ name, mark }, at) => {
    const link = links.get(name) ?? stationLink(name);
    links.set(name, link);
    if (stations.children[at + 1] !== link) stations.insertBefore(link, stations.children[at + 1] ?? null);
    if (link.dataset.mark !== mark) {
      link.dataset.mark = mark;
      link.firstChild.replaceWith(shape(mark));
    }
    if (name === shown()) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  });
}

function stationLink(name) {
  const link = make('a', { class: 'button', href: '?station=' + encodeURIComponent(name) }, shape('empty'), make('span', {}, name));
  link.addEventListener('click', (event) => {
    event.preventDefault();
    go(name);
  });
  return link;
}

let toastTimer;

/** toast tells something for a moment, and may offer what can be done about it. */
function toast(text, offer = '', act = () => {}) {
  const element = document.getElementById('toast');
  const button = element.querySelector('button');
  element.querySelector('span').textContent = button.textContent = '';
  clearTimeout(toastTimer);
  if (text === '') return;
  element.querySelector('span').textContent = text;
  button.textContent = offer;
  button.onclick = act;
  toastTimer = setTimeout(() => toast(''), offer === '' ? toastTime : offerTime);
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
    case key.toLowerCase() === 'z' && judge !== null:
      if (!judge.takeBackLast()) judge.takeBack(station.name, station.image);
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
