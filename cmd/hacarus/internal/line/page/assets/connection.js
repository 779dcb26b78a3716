// The stream of events, and the server's clock.

import { config } from './words.js';

const patience = 3 * config.beat; // without a beat, after which the stream is taken for dead
const grace = config.beat * 0.75; // in which a stream may be opened anew without anybody seeing it
const keptOffsets = 15;

/**
 * Connection follows the server. It connects again by itself: after a random time, so
 * that all screens of a plant do not come back in the same moment, and from the last
 * event that it had.
 */
export class Connection {
  constructor(listener) {
    this.listener = listener; // has take(name, data)
    this.last = null; // the number of the last event
    this.failures = 0;
    this.denied = false;
    this.offsets = []; // of the server's clock from this one's, as the last beats told
    this.heardAt = null; // by this browser's steady clock
    this.lostAt = null;
    this.drift = Date.now() - performance.now();
    this.open();
    setInterval(() => this.watch(), 1000);
    addEventListener('online', () => this.again(0));
    addEventListener('offline', () => this.lose());
    document.addEventListener('visibilitychange', () => this.watch());
  }

  /** isUp says whether what is shown is what the server knows. */
  isUp() {
    const now = performance.now();
    const lost = this.lostAt !== null && now - this.lostAt > grace;
    return this.heardAt !== null && now - this.heardAt < patience && !lost;
  }

  /** lastHeard is the server's time when it was last heard of; null for never. */
  lastHeard() {
    return this.heardAt === null ? null : this.heardAt + this.offset;
  }

  /**
   * now is the server's time. A beat that was held up on its way makes the server's
   * clock look slow, and all that is shown too new: so the fastest of them counts.
   */
  now() {
    return performance.now() + (this.offset ?? Date.now() - performance.now());
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    this.offsets = [];
    const source = new EventSource(this.last === null ? 'events' : 'events?after=' + this.last);
    this.source = source;
    this.openedAt = performance.now();
    for (const name of ['beat', 'version', 'snapshot', 'verdict', 'status']) {
      source.addEventListener(name, (event) => this.hear(name, event));
    }
    source.onerror = () => this.lose();
  }

  hear(name, event) {
    if (event.target !== this.source) return; // of a stream that was given up
    const data = JSON.parse(event.data);
    this.failures = 0;
    this.denied = false;
    this.lostAt = null;
    this.openedAt = performance.now();
    if (name === 'beat') {
      this.heardAt = performance.now();
      this.offsets.push(data - this.heardAt);
      if (this.offsets.length > keptOffsets) this.offsets.shift();
      this.offset = Math.max(...this.offsets);
    }
    if (event.lastEventId !== '') this.last = event.lastEventId;
    this.listener.take(name, data);
  }

  /** watch finds streams that died without a word, and sleep of the computer. */
  watch() {
    const drift = Date.now() - performance.now();
    const jumped = Math.abs(drift - this.drift) > 2000;
    this.drift = drift;
    if (jumped) this.heardAt = null;
    if (jumped || (this.source && performance.now() - this.openedAt > patience)) this.lose();
    this.listener.take('tick');
  }

  lose() {
    if (!this.source) return;
    this.source.close();
    this.source = null;
    this.lostAt ??= performance.now();
    const longest = Math.min(30000, 1000 * 2 ** this.failures++);
    this.again(longest * (0.5 + Math.random() / 2));
    this.listener.take('tick');
  }

  again(wait) {
    if (this.source) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), wait);
  }

  /** ask finds out whether the server lets this browser in, which a stream does not tell. */
  async ask() {
    try {
      const response = await fetch('events', { method: 'HEAD', cache: 'no-store', signal: AbortSignal.timeout(10000) });
      this.denied = response.status === 403;
      if (!response.ok) throw new Error(String(response.status));
    } catch {
      const longest = Math.min(30000, 1000 * 2 ** this.failures++);
      this.again(longest * (0.5 + Math.random() / 2));
      this.listener.take('tick');
      return;
    }
    this.open();
  }
}
