// What is known of the line. It holds as much as the server keeps, however long the
// page stays open.

import { config, duration, fill, markOf, saidWord, shortTime, verdictWord, words } from './words.js';

/** Line is the stations with their recent images, by what the server tells. */
export class Line {
  constructor() {
    this.known = false;
    this.seq = 0;
    this.away = false;
    this.shift = 0;
    this.stations = new Map();
  }

  snapshot(data) {
    this.known = true;
    this.seq = data.seq;
    this.stations = new Map();
    this.status(data);
    for (const { name, recent } of data.stations) this.stations.get(name).recent = recent ?? [];
  }

  status(data) {
    this.away = data.away;
    this.shift = data.shift;
    const names = new Set(data.stations.map((s) => s.name));
    for (const told of data.stations) {
      const station = this.station(told.name);
      const { waiting, oldest, seen, service, trouble, lost, counts } = told;
      Object.assign(station, { waiting, oldest, seen, service, trouble, lost });
      if (data.seq >= station.countedTo) Object.assign(station, { counts, countedTo: data.seq });
    }
    for (const name of this.stations.keys()) {
      if (!names.has(name) && data.seq >= this.seq) this.stations.delete(name);
    }
  }

  /** verdict takes an event in. It returns the station that has a new image, or null. */
  verdict({ seq, station: name, image, counts }) {
    if (seq <= this.seq) return null;
    this.seq = seq;
    if (image === null) return null; // a judgement of an image that is not shown any more
    const station = this.station(name);
    if (seq > station.countedTo) Object.assign(station, { counts, countedTo: seq });
    const at = station.recent.findIndex((i) => i.id === image.id);
    if (at >= 0) {
      station.recent[at] = image;
      return null;
    }
    station.recent.unshift(image);
    station.recent.length = Math.min(station.recent.length, config.kept);
    return station;
  }

  station(name) {
    let station = this.stations.get(name);
    if (!station) {
      station = { name, waiting: 0, oldest: 0, seen: 0, service: '', trouble: '', lost: false, counts: { ok: 0, ng: 0, none: 0 }, countedTo: 0, recent: [] };
      this.stations.set(name, station);
    }
    return station;
  }

  /** sorted is the stations in the order of their names, as people count. */
  sorted() {
    return [...this.stations.values()].sort((a, b) => order.compare(a.name, b.name));
  }

  totals() {
    const sum = { ok: 0, ng: 0, none: 0 };
    for (const { counts } of this.stations.values()) {
      for (const key of Object.keys(sum)) sum[key] += counts[key];
    }
    return sum;
  }
}

const order = new Intl.Collator(config.language, { numeric: true });

/**
 * signOf is what the sign of a station says: the verdict only where it is that of
 * now, and otherwise why it is not.
 */
export function signOf(line, station, connection) {
  const now = connection.now();
  const last = station.recent[0];
  const age = last ? now - last.since : 0;
  const was = last ? fill(words.was, verdictWord(last.verdict), duration(age)) : '';
  const not = (state, word, ...more) => ({ state, live: false, mark: state, word, more: lines(...more, was) });
  if (!connection.isUp()) return not('offline', words.offline); // since when, the page says once for all
  if (line.away) return not('queue', words.queue);
  if (station.lost) return not('lost', words.lost, station.seen ? fill(words.lostMore, duration(now - station.seen)) : words.lostEver);
  if (station.service) {
    const state = station.trouble === 'inspector' ? 'inspector' : 'service';
    return not(state, words[state], troubleText(station), words.serviceMore);
  }
  const waits = station.oldest ? now - station.oldest : 0;
  if (waits > config.stale) return not('behind', words.behind, fill(words.behindMore, station.waiting, duration(waits)));
  if (!last) return not('empty', words.empty, words.emptyMore);
  if (age > config.stale) return not('old', words.old);
  return verdictSign(last);
}

/** earlierSign is the sign of an image that is not the last: it is nobody's verdict of now. */
export function earlierSign(image, newer) {
  return {
    state: 'earlier', live: false, mark: 'earlier', word: words.earlier,
    more: lines(whatHolds(image), fill(words.earlierMore, newer)),
  };
}

function verdictSign(image) {
  const more = whoSays(image) || (image.error ? words.noneMore : '');
  return { state: 'live', live: true, mark: markOf(image.verdict), word: verdictWord(image.verdict), more };
}

/** troubleText tells what somebody can do about a service that is away. */
function troubleText(station) {
  return words['trouble-' + station.trouble] ?? words['trouble-other'];
}

/** whatHolds tells the verdict, and who says so. */
export function whatHolds(image) {
  return lines(image.by ? '' : verdictWord(image.verdict), whoSays(image));
}

/** whoSays tells who has decided, and who has taken something back. "" is the model alone. */
function whoSays(image) {
  const because = (why) => (why ? ': ' + why : '');
  let said = '';
  if (image.by) {
    const model = image.model === image.verdict ? '' : ` (${fill(words.modelSaid, verdictWord(image.model))})`;
    said = fill(words.judgedBy, saidWord(image.verdict), image.by) + model + because(image.note);
  }
  return lines(said, image.undoBy ? fill(words.takenBack, image.undoBy) + because(image.undoWhy) : '');
}

function lines(...texts) {
  return texts.filter(Boolean).join('\n');
}

/** shiftText tells when the shift has begun. */
export function shiftText(line) {
  return fill(words.shiftSince, shortTime(line.shift));
}
