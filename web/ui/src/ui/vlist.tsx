// A list of which only the visible rows are on the page. Rows have a height by kind, known beforehand; the sum of the
// heights is kept, so that ten thousand rows cost a binary search per frame. Arrow keys, Home and End move the focus from row
// to row (roving focus); typing is left to the filter above the list.

import type { JSX } from "preact";
import { useCallback, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

export interface VListProps<T> {
  label: string;
  items: readonly T[];
  height: (item: T) => number;
  keyOf: (item: T) => string;
  render: (item: T, focus: { tabIndex: number }) => JSX.Element;
  /** The row that is chosen: it takes the focus first. */
  selected?: string;
  testid?: string;
}

const OVERSCAN = 240;

export function VList<T>(p: VListProps<T>): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  const [active, setActive] = useState(0);

  const tops = useMemo(() => {
    const sums = new Float64Array(p.items.length + 1);
    for (let i = 0; i < p.items.length; i++) sums[i + 1] = (sums[i] ?? 0) + p.height(p.items[i] as T);
    return sums;
  }, [p.items]);

  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return undefined;
    const read = (): void => setView({ top: el.scrollTop, height: el.clientHeight });
    read();
    const watch = new ResizeObserver(read);
    watch.observe(el);
    el.addEventListener("scroll", read, { passive: true });
    return () => {
      watch.disconnect();
      el.removeEventListener("scroll", read);
    };
  }, []);

  const n = p.items.length;
  const chosen = p.selected === undefined ? -1 : p.items.findIndex((i) => p.keyOf(i) === p.selected);
  const roving = Math.min(active < n ? active : 0, Math.max(0, n - 1));
  const focusIndex = chosen >= 0 && !box.current?.contains(document.activeElement) ? chosen : roving;
  const from = locate(tops, view.top - OVERSCAN);
  const to = Math.min(n, locate(tops, view.top + view.height + OVERSCAN) + 1);

  const move = useCallback(
    (index: number): void => {
      const el = box.current;
      if (!el || index < 0 || index >= n) return;
      setActive(index);
      const top = tops[index] ?? 0;
      const bottom = tops[index + 1] ?? 0;
      if (top < el.scrollTop) el.scrollTop = top;
      else if (bottom > el.scrollTop + el.clientHeight) el.scrollTop = bottom - el.clientHeight;
      requestAnimationFrame(() => requestAnimationFrame(() => el.querySelector<HTMLElement>(`[data-row="${index}"] [data-focus]`)?.focus()));
    },
    [n, tops],
  );

  const onKey = (e: KeyboardEvent): void => {
    const at = Number((e.target as Element | null)?.closest("[data-row]")?.getAttribute("data-row") ?? roving);
    const page = Math.max(1, Math.floor(view.height / 64) - 1);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: n - 1, PageDown: Math.min(n - 1, at + page), PageUp: Math.max(0, at - page) }[e.key];
    if (next === undefined || e.altKey || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    move(next);
  };

  const rows: JSX.Element[] = [];
  for (let i = from; i < to; i++) {
    const item = p.items[i] as T;
    rows.push(
      <div key={p.keyOf(item)} class="vrow" role="listitem" aria-setsize={n} aria-posinset={i + 1} data-row={i} style={{ transform: `translateY(${tops[i] ?? 0}px)`, height: `${(tops[i + 1] ?? 0) - (tops[i] ?? 0)}px` }}>
        {p.render(item, { tabIndex: i === focusIndex ? 0 : -1 })}
      </div>,
    );
  }
  // The row with the tab stop may be out of sight; then the first visible one takes it.
  const stray = focusIndex < from || focusIndex >= to;
  return (
    <div class="vlist" ref={box} onKeyDown={onKey} onFocusIn={(e) => setActive(Number((e.target as Element).closest("[data-row]")?.getAttribute("data-row") ?? roving))} tabIndex={stray ? 0 : -1} {...(p.testid ? { "data-testid": p.testid } : {})}>
      <div class="vlist-rows" role="list" aria-label={p.label} style={{ height: `${tops[n] ?? 0}px` }}>
        {rows}
      </div>
    </div>
  );
}

/** The row at a height: the last whose top is not below it. */
export function locate(tops: Float64Array, y: number): number {
  let lo = 0;
  let hi = tops.length - 2;
  while (lo < hi) {
    const mid = (lo + hi + 1) >> 1;
    if ((tops[mid] ?? 0) <= y) lo = mid;
    else hi = mid - 1;
  }
  return Math.max(0, lo);
}
