// The messages of a conversation: lazily loaded both ways, keeping the place while it grows, with the unread mark, jumps and
// a live region that says new messages only.

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Message } from "../contract.ts";
import { t } from "../i18n/index.ts";
import { layOut } from "../lib/group.ts";
import { flatten } from "../lib/styling.ts";
import { line } from "../lib/text.ts";
import { loadMore, markRead, openAround, openNewest } from "../state/actions.ts";
import { chats, timeline, type Timeline as Loaded } from "../state/chats.ts";
import { nameOf } from "../state/contacts.ts";
import { looking } from "../state/watch.ts";
import { actionsOf, Bubble, DayMark, editable, retracting, setIntent } from "./bubble.tsx";
import { Icon } from "./icons.tsx";
import { Menu, type At } from "./menu.tsx";
import { Empty } from "./parts.tsx";

/** A message to show and flash, asked for by search results and quotes. */
export const jump = signal<{ chat: string; id: string; words: string } | undefined>(undefined);

const NEAR = 700;

export function Timeline({ chat }: { chat: string }): JSX.Element {
  const tl = timeline(chat);
  const box = useRef<HTMLDivElement>(null);
  const stick = useRef(true);
  const anchor = useRef<{ id: string; offset: number } | undefined>(undefined);
  const [away, setAway] = useState(false);
  const [flash, setFlash] = useState({ id: "", words: "" });
  const [active, setActive] = useState("");
  const [menu, setMenu] = useState<{ at: At; message: Message } | undefined>(undefined);
  const items = tl.items.value;
  const places = useMemo(() => layOut(items, tl.unread.value), [items, tl.unread.value]);

  useEffect(() => open(tl, box, stick), [tl]);

  // Keep the place: at the newest message, or where the reader is.
  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return;
    if (stick.current && !tl.moreAfter.value) {
      el.scrollTop = el.scrollHeight;
      return;
    }
    const a = anchor.current;
    const row = a && find(el, a.id);
    if (a && row) el.scrollTop += row.offsetTop - el.scrollTop - a.offset;
  }, [items]);

  const seen = useCallback(() => {
    if (stick.current && !tl.moreAfter.value && looking.value) {
      tl.below.value = 0;
      markRead(chat);
    }
  }, [tl]);
  useEffect(seen, [items, looking.value]);

  const onScroll = useCallback(() => {
    const el = box.current;
    if (!el) return;
    const rest = el.scrollHeight - el.scrollTop - el.clientHeight;
    stick.current = rest < 48;
    setAway(rest > 400 || tl.moreAfter.value);
    anchor.current = firstVisible(el);
    if (stick.current) seen();
    if (el.scrollTop < NEAR) void loadMore(tl, "before");
    if (rest < NEAR) void loadMore(tl, "after");
  }, [tl]);

  // A telephone's keyboard, a growing composer: stay at the newest message.
  useEffect(() => {
    const el = box.current;
    if (!el) return undefined;
    const watch = new ResizeObserver(() => {
      if (stick.current && !tl.moreAfter.value) el.scrollTop = el.scrollHeight;
    });
    watch.observe(el);
    return () => watch.disconnect();
  }, [tl]);

  const show = useCallback(
    async (id: string, words = ""): Promise<void> => {
      const el = box.current;
      if (!el) return;
      if (!tl.find(id)) {
        stick.current = false;
        anchor.current = undefined;
        await openAround(tl, id);
        await new Promise(requestAnimationFrame);
      }
      const row = find(el, id);
      if (!row) return;
      stick.current = false;
      row.scrollIntoView({ block: "center" });
      anchor.current = firstVisible(el);
      setFlash({ id, words });
      setTimeout(() => setFlash((f) => (f.id === id ? { id: "", words: f.words } : f)), 1800);
    },
    [tl],
  );

  const wanted = jump.value;
  useEffect(() => {
    if (wanted?.chat !== chat || !tl.loaded.value) return;
    jump.value = undefined;
    void show(wanted.id, wanted.words);
  }, [wanted, tl.loaded.value]);

  const toEnd = (): void => {
    stick.current = true;
    const el = box.current;
    if (tl.moreAfter.value) void openNewest(tl);
    else if (el) el.scrollTo({ top: el.scrollHeight, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    tl.below.value = 0;
  };

  const onKey = (e: KeyboardEvent): void => {
    const row = (e.target as Element).closest<HTMLElement>("article[data-id]");
    const m = row && tl.find(row.dataset.id ?? "");
    if (!row || !m || e.target !== row || e.ctrlKey || e.metaKey || e.altKey) return;
    const step = { ArrowUp: "previous", ArrowDown: "next" }[e.key];
    if (step) {
      const rows = [...(box.current?.querySelectorAll<HTMLElement>("article[data-id]") ?? [])];
      rows[rows.indexOf(row) + (step === "next" ? 1 : -1)]?.focus();
    } else if (e.key === "r") setIntent(chat, { kind: "reply", message: m });
    else if (e.key === "e" && editable(m)) setIntent(chat, { kind: "edit", message: m });
    else if (e.key === "Delete" && m.own) retracting.value = m;
    else if (e.key === "Enter" || e.key === "ContextMenu") {
      const r = row.getBoundingClientRect();
      setMenu({ at: { x: r.left + 60, y: r.top + 20 }, message: m });
    } else return;
    e.preventDefault();
    e.stopPropagation();
  };

  const stop = items.some((m) => m.id === active) ? active : items.at(-1)?.id;
  return (
    <div class="timeline-wrap">
      <div class="timeline" ref={box} onScroll={onScroll} onKeyDown={onKey} onFocusIn={(e) => setActive((e.target as Element).closest<HTMLElement>("article")?.dataset.id ?? "")} role="region" aria-label={t("chat.messages", { name: nameOf(chat) })} data-testid="timeline" tabIndex={-1} aria-busy={tl.loading.value}>
        <div class="timeline-inner">
          {tl.moreBefore.value && items.length > 0 ? <Loading /> : null}
          {!tl.moreBefore.value && items.length > 0 ? <p class="beginning">{t("chat.beginning")}</p> : null}
          {tl.loaded.value && items.length === 0 ? (
            <Empty icon="bird" title={t("chat.empty.title", { name: nameOf(chat) })} text={t("chat.empty.text")} />
          ) : null}
          {items.map((m, i) => {
            const p = places[i];
            if (!p) return null;
            return (
              <div key={`${m.own ? "o" : "i"}${m.id}`} class="row">
                {p.day ? <DayMark iso={m.time} /> : null}
                {p.unread ? (
                  <div class="unread-mark" role="separator" aria-label={t("chat.unread")}>
                    <span>{t("chat.unread")}</span>
                  </div>
                ) : null}
                <Bubble message={m} place={p} tabIndex={m.id === stop ? 0 : -1} flash={m.id === flash.id} highlight={flash.words} onJump={(id) => void show(id)} />
              </div>
            );
          })}
          {tl.moreAfter.value ? <Loading /> : null}
        </div>
      </div>
      {away || tl.below.value > 0 ? (
        <button type="button" class="to-end" onClick={toEnd} aria-label={tl.below.value > 0 ? t("chat.newest.n", { n: tl.below.value }) : t("chat.newest")} title={t("chat.newest")} data-testid="to-end">
          <Icon name="down" />
          {tl.below.value > 0 ? <span class="count">{tl.below.value}</span> : null}
        </button>
      ) : null}
      <Announcer tl={tl} />
      {menu ? <Menu label={t("msg.more")} at={menu.at} items={actionsOf(menu.message)} onClose={() => setMenu(undefined)} /> : null}
    </div>
  );
}

function open(tl: Loaded, box: { current: HTMLDivElement | null }, stick: { current: boolean }): () => void {
  const c = chats.peek(tl.chat);
  const first = c?.unread ? c.first_unread : undefined;
  tl.unread.value = first;
  tl.below.value = 0;
  stick.current = !first;
  let live = true;
  const settle = (): void => {
    const el = box.current;
    if (!live || !el) return;
    const mark = el.querySelector<HTMLElement>(".unread-mark");
    if (mark) el.scrollTop = mark.offsetTop - el.clientHeight / 4;
    else {
      stick.current = true;
      el.scrollTop = el.scrollHeight;
    }
    el.dispatchEvent(new Event("scroll"));
  };
  const begin = first && (c?.unread ?? 0) > 40 ? openAround(tl, first) : tl.loaded.value && !tl.moreAfter.value ? Promise.resolve() : openNewest(tl);
  void begin.then(() => requestAnimationFrame(settle));
  return () => {
    live = false;
    tl.trim("end");
  };
}

function Loading(): JSX.Element {
  return (
    <div class="loading" aria-hidden="true">
      <span class="skeleton" />
      <span class="skeleton skeleton-own" />
    </div>
  );
}

function find(el: HTMLElement, id: string): HTMLElement | null {
  return el.querySelector<HTMLElement>(`article[data-id="${CSS.escape(id)}"]`);
}

function firstVisible(el: HTMLElement): { id: string; offset: number } | undefined {
  const rows = el.querySelectorAll<HTMLElement>("article[data-id]");
  let lo = 0;
  let hi = rows.length - 1;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    const r = rows[mid];
    if (r && r.offsetTop + r.offsetHeight <= el.scrollTop) lo = mid + 1;
    else hi = mid;
  }
  const row = rows[lo];
  return row ? { id: row.dataset.id ?? "", offset: row.offsetTop - el.scrollTop } : undefined;
}

/** Says what has just arrived, and nothing else: not the history that is loaded, not what was edited. */
function Announcer({ tl }: { tl: Loaded }): JSX.Element {
  const [said, setSaid] = useState<readonly Message[]>([]);
  const last = useRef<string | undefined>(undefined);
  const items = tl.items.value;
  useEffect(() => {
    const newest = items.at(-1);
    if (!newest || tl.moreAfter.value) return;
    const before = last.current;
    last.current = newest.time;
    if (before === undefined) return;
    const fresh = items.filter((m) => m.time > before && !m.own && !m.history);
    if (fresh.length > 0) setSaid([...said, ...fresh].slice(-5));
  }, [items]);
  return (
    <div class="sr-only" role="log" aria-live="polite" aria-relevant="additions" aria-label={t("chat.news")} data-testid="announcer">
      {said.map((m) => (
        <p key={m.id}>{t("chat.says", { name: nameOf(m.from), text: m.file ? line(m.file.name, 100) : line(flatten(m.body), 300) })}</p>
      ))}
    </div>
  );
}
