// The chat list and the loaded part of each conversation.

import { computed, signal, type Signal } from "@preact/signals";
import type { Chat, Message } from "../contract.ts";
import { insert } from "../lib/group.ts";
import { bare } from "../lib/jid.ts";
import { byRecency, match } from "../lib/order.ts";
import { nameOf } from "./contacts.ts";
import { LiveMap } from "./live.ts";

export const chats = new LiveMap<Chat>();
/** Who is typing: chat → until when, of Date.now(). */
export const typing = new LiveMap<number>();

export const chatFilter = signal("");

export const chatRows = computed<Chat[]>(() => {
  const all = [...chats.values()].filter((c) => c.last || c.draft || c.unread);
  const filter = chatFilter.value;
  if (filter === "") return all.sort(byRecency);
  return all
    .map((c) => ({ c, m: match(filter, nameOf(c.chat), c.chat) }))
    .filter((x) => x.m >= 0)
    .sort((a, b) => a.m - b.m || byRecency(a.c, b.c))
    .map((x) => x.c);
});

/** All unread messages of chats that are not muted. */
export const unreadTotal = computed(() => {
  let n = 0;
  for (const c of chats.values()) if (!c.muted) n += c.unread ?? 0;
  return n;
});

/** At most this many messages of a conversation are on the page at once; the rest is a scroll away. */
export const WINDOW = 240;
/** How many come with one request. */
export const PAGE = 60;

/** The loaded part of one conversation. */
export class Timeline {
  readonly chat: string;
  readonly items: Signal<readonly Message[]> = signal([]);
  readonly moreBefore = signal(true);
  readonly moreAfter = signal(false);
  readonly loading = signal(false);
  readonly loaded = signal(false);
  /** The first message that was unread when the conversation was opened. */
  readonly unread = signal<string | undefined>(undefined);
  /** Messages that arrived while the reader was elsewhere in the conversation. */
  readonly below = signal(0);

  constructor(chat: string) {
    this.chat = chat;
  }

  /** A message that arrived or was written now. Not shown when newer history than what is loaded is missing. */
  arrive(m: Message): void {
    const known = this.items.value.some((x) => x.id === m.id);
    if (!known && this.moreAfter.value) {
      if (!m.own) this.below.value++;
      return;
    }
    const list = insert(this.items.value, known ? { ...this.find(m.id), ...m } : m);
    this.items.value = list;
  }

  find(id: string): Message | undefined {
    return this.items.value.find((x) => x.id === id);
  }

  /** Changes one message if it is here. */
  update(id: string, change: (m: Message) => Message): void {
    const at = this.items.value.findIndex((x) => x.id === id);
    const m = this.items.value[at];
    if (m) this.items.value = this.items.value.with(at, change(m));
  }

  /** Cuts the far end when too much is loaded. */
  trim(keep: "start" | "end"): void {
    const n = this.items.value.length;
    if (n <= WINDOW) return;
    if (keep === "start") {
      this.items.value = this.items.value.slice(0, WINDOW);
      this.moreAfter.value = true;
    } else {
      this.items.value = this.items.value.slice(n - WINDOW);
      this.moreBefore.value = true;
    }
  }
}

const timelines = new Map<string, Timeline>();

/** The conversation with somebody; the same object each time. The least recently opened are forgotten beyond 20. */
export function timeline(chat: string): Timeline {
  const b = bare(chat);
  let tl = timelines.get(b);
  if (tl) timelines.delete(b);
  else tl = new Timeline(b);
  timelines.set(b, tl);
  if (timelines.size > 20) {
    const oldest = timelines.keys().next().value;
    if (oldest !== undefined) timelines.delete(oldest);
  }
  return tl;
}

/** The conversation if it is loaded. */
export function loadedTimeline(chat: string): Timeline | undefined {
  return timelines.get(bare(chat));
}

export function forgetTimelines(): void {
  timelines.clear();
}
