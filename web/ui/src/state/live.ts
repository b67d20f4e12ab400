// Collections that components can watch. A change is applied at once and announced once per turn of the event loop, so a
// roster of ten thousand presences is drawn once, not ten thousand times.

import { batch, signal } from "@preact/signals";

interface Dirty {
  bump(): void;
}

const waiting = new Set<Dirty>();
let scheduled = false;

function announce(d: Dirty): void {
  waiting.add(d);
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(flush);
}

/** Announces what has changed now; tests and event bursts call it, else it happens at the end of the turn. */
export function flush(): void {
  scheduled = false;
  const all = [...waiting];
  waiting.clear();
  batch(() => all.forEach((d) => d.bump()));
}

/** A map whose readers are drawn again when it changes. */
export class LiveMap<V> implements Dirty {
  readonly #map = new Map<string, V>();
  readonly #version = signal(0);

  bump(): void {
    this.#version.value++;
  }
  get(key: string): V | undefined {
    void this.#version.value;
    return this.#map.get(key);
  }
  has(key: string): boolean {
    void this.#version.value;
    return this.#map.has(key);
  }
  get size(): number {
    void this.#version.value;
    return this.#map.size;
  }
  values(): IterableIterator<V> {
    void this.#version.value;
    return this.#map.values();
  }
  entries(): IterableIterator<[string, V]> {
    void this.#version.value;
    return this.#map.entries();
  }
  keys(): IterableIterator<string> {
    void this.#version.value;
    return this.#map.keys();
  }
  /** Reads without watching. */
  peek(key: string): V | undefined {
    return this.#map.get(key);
  }
  peekAll(): ReadonlyMap<string, V> {
    return this.#map;
  }
  set(key: string, value: V): void {
    this.#map.set(key, value);
    announce(this);
  }
  delete(key: string): boolean {
    const had = this.#map.delete(key);
    if (had) announce(this);
    return had;
  }
  replace(entries: Iterable<[string, V]>): void {
    this.#map.clear();
    for (const [k, v] of entries) this.#map.set(k, v);
    announce(this);
  }
}
