// All stations.

import { fromTemplate, make, setText } from './dom.js';
import { signOf } from './line.js';
import { chip, Picture, showCounts, Sign } from './show.js';
import { duration, fill, words } from './words.js';

const chips = 12;
const least = { width: 17, height: 16.5 }; // of a tile that is still read from afar, in the height of letters

/** Wall is a tile for each station. */
export class Wall {
  constructor(element, go) {
    this.element = element;
    this.go = go;
    this.tiles = new Map();
    this.none = make('p');
    this.top = null; // where it was when it was arranged
    this.again = () => {};
    // Pictures that nobody sees are not loaded: a wall may have a hundred stations.
    this.sight = new IntersectionObserver((entries) => {
      for (const entry of entries) this.tiles.get(entry.target.dataset.station)?.see(entry.isIntersecting);
      this.again();
    }, { rootMargin: '25%' });
    addEventListener('resize', () => {
      this.top = null;
      this.arrange();
    });
  }

  show(line, connection) {
    this.again = () => this.show(line, connection);
    const stations = line.sorted();
    for (const [name, tile] of this.tiles) {
      if (!line.stations.has(name)) {
        this.sight.unobserve(tile.root);
        tile.remove();
        this.tiles.delete(name);
      }
    }
    const elements = stations.map((station) => this.tile(station.name).show(line, station, connection));
    if (elements.length === 0) {
      setText(this.none, line.known ? words.noStations : words.connecting);
      elements.push(this.none);
    }
    const changed = elements.length !== this.element.children.length || elements.some((e, i) => e !== this.element.children[i]);
    if (changed) this.element.replaceChildren(...elements);
    if (changed || this.element.offsetTop !== this.top) this.arrange(); // something above may have come or gone
  }

  /** greet marks a verdict as new. */
  greet(name) {
    this.tiles.get(name)?.sign.greet();
  }

  tile(name) {
    let tile = this.tiles.get(name);
    if (!tile) {
      tile = new Tile(name, this.go);
      this.sight.observe(tile.root);
      this.tiles.set(name, tile);
    }
    return tile;
  }

  /** arrange makes the tiles as large as the screen has room for. */
  arrange() {
    const count = this.tiles.size;
    if (count === 0 || this.element.hidden) return;
    this.top = this.element.offsetTop;
    // Its own height may be that of its tiles: what counts is what the window has left for it.
    const width = this.element.clientWidth;
    const height = innerHeight - this.element.getBoundingClientRect().top - scrollY;
    const letter = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const gap = letter * 0.75;
    let best = null;
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns);
      const tile = { width: width / columns - gap, height: height / rows - gap };
      if (tile.width < least.width * letter || tile.height < least.height * letter) continue;
      const size = Math.min(tile.width, tile.height * 1.2) * Math.sqrt(count / (columns * rows)); // holes are wasted
      if (best === null || size > best.size) best = { size, columns };
    }
    this.scrolls = best === null;
    this.element.classList.toggle('scrolls', this.scrolls);
    const columns = best?.columns ?? Math.max(1, Math.floor(width / (letter * 22)));
    this.element.style.setProperty('--columns', columns);
    this.element.style.height = this.scrolls ? '' : Math.floor(height) + 'px';
    this.columns = columns;
  }

  /** move moves the focus by a number of tiles. */
  move(dx, dy) {
    const links = [...this.element.querySelectorAll('.tile a')];
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? 0 : at + dx + dy * (this.columns ?? 1);
    links[next]?.focus();
  }
}

class Tile {
  constructor(name, go) {
    this.root = fromTemplate('tile-template').firstElementChild;
    this.root.dataset.station = name;
    this.seen = false;
    const link = this.root.querySelector('a');
    link.textContent = name;
    link.href = '?station=' + encodeURIComponent(name);
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another window
      event.preventDefault();
      go(name);
    });
    this.age = this.root.querySelector('.age');
    this.sign = new Sign(this.root.querySelector('.sign'));
    this.picture = new Picture(this.root.querySelector('.picture'), 640);
    this.counts = this.root.querySelector('.counts');
    this.chips = this.root.querySelector('.chips');
  }

  show(line, station, connection) {
    const last = station.recent[0] ?? null;
    this.sign.show(this.root, signOf(line, station, connection), last?.verdict);
    setText(this.age, last ? fill(words.ago, duration(connection.now() - last.since)) : '');
    if (this.seen) this.picture.show(last);
    showCounts(this.counts, station.counts, station.waiting);
    const recent = station.recent.slice(0, chips);
    const key = recent.map((i) => i.seq).join();
    if (this.chips.dataset.key !== key) {
      this.chips.dataset.key = key;
      this.chips.replaceChildren(...recent.map(chip));
    }
    return this.root;
  }

  /** see notes whether the tile is in sight. */
  see(seen) {
    this.seen = seen;
  }

  remove() {
    this.picture.show(null);
    this.root.remove();
  }
}
