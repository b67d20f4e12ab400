// A menu of actions at a place: arrow keys, Home, End, first letters; Escape or a click elsewhere closes it.

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icons.tsx";

export interface MenuItem {
  icon: IconName;
  label: string;
  run: () => void;
  danger?: boolean;
}

export interface At {
  x: number;
  y: number;
}

/** Where a menu of a button opens: under it. */
export function under(e: Event): At {
  const r = (e.currentTarget as Element).getBoundingClientRect();
  return { x: r.left, y: r.bottom + 4 };
}

export function Menu({ label, at, items, onClose }: { label: string; at: At; items: readonly MenuItem[]; onClose: () => void }): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const el = ref.current;
    if (!el) return;
    const r = el.getBoundingClientRect();
    el.style.left = `${Math.max(8, Math.min(at.x, innerWidth - r.width - 8))}px`;
    el.style.top = `${Math.max(8, at.y + r.height > innerHeight - 8 ? at.y - r.height - 8 : at.y)}px`;
  });
  useEffect(() => {
    const before = document.activeElement;
    ref.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const away = (e: Event): void => {
      if (!ref.current?.contains(e.target as Node)) onClose();
    };
    document.addEventListener("pointerdown", away, true);
    addEventListener("resize", onClose);
    return () => {
      document.removeEventListener("pointerdown", away, true);
      removeEventListener("resize", onClose);
      if (before instanceof HTMLElement && before.isConnected && (document.activeElement === document.body || ref.current?.contains(document.activeElement))) before.focus();
    };
  }, []);
  const onKey = (e: KeyboardEvent): void => {
    const all = [...(ref.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const n = all.length;
    const to = { ArrowDown: (at + 1) % n, ArrowUp: (at - 1 + n) % n, Home: 0, End: n - 1 }[e.key];
    if (to !== undefined) all[to]?.focus();
    else if (e.key === "Escape" || e.key === "Tab") onClose();
    else if (e.key.length === 1 && !e.ctrlKey && !e.metaKey) {
      const k = e.key.toLowerCase();
      [...all.slice(at + 1), ...all.slice(0, at + 1)].find((x) => x.textContent?.trim().toLowerCase().startsWith(k))?.focus();
      e.stopPropagation();
      return;
    } else return;
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div class="menu" role="menu" aria-label={label} ref={ref} onKeyDown={onKey}>
      {items.map((i) => (
        <button
          key={i.label}
          type="button"
          role="menuitem"
          tabIndex={-1}
          class={i.danger ? "danger" : ""}
          onClick={() => {
            onClose();
            i.run();
          }}
        >
          <Icon name={i.icon} size={18} /> {i.label}
        </button>
      ))}
    </div>
  );
}
