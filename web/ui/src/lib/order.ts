// The order of contacts and chats, and what a filter keeps.

import type { Chat, Show } from "../contract.ts";
import { fold } from "./text.ts";

/** How present somebody is, best first. */
export type Presence = "chat" | "online" | "away" | "xa" | "dnd" | "offline";

const RANK: Record<Presence, number> = { chat: 0, online: 0, dnd: 1, away: 2, xa: 3, offline: 4 };

export function rank(p: Presence): number {
  return RANK[p];
}

/** The presence of a contact is that of the most present device. */
export function best(devices: Iterable<{ show: Show }>): Presence {
  let top: Presence = "offline";
  for (const d of devices) {
    const p: Presence = d.show === "" ? "online" : d.show;
    if (RANK[p] < RANK[top]) top = p;
  }
  return top;
}

/** Compares names as people who read Chinese and English expect: by pinyin, letters first, digits as numbers. */
export function byName(): (a: string, b: string) => number {
  const c = new Intl.Collator(["zh-CN-u-co-pinyin", "en"], { numeric: true, sensitivity: "base" });
  return (a, b) => {
    const ka = kind(a);
    const kb = kind(b);
    return ka !== kb ? ka - kb : c.compare(a, b);
  };
}

/** Letters and Han first, then digits, then the rest, so that "★!!" is not first of all. */
function kind(s: string): number {
  const ch = s.codePointAt(0);
  if (ch === undefined) return 3;
  if ((ch >= 0x61 && ch <= 0x7a) || (ch >= 0x41 && ch <= 0x5a) || (ch >= 0x4e00 && ch <= 0x9fff)) return 0;
  if (ch >= 0x30 && ch <= 0x39) return 1;
  return /\p{L}/u.test(String.fromCodePoint(ch)) ? 0 : 2;
}

/** Newest first; chats without any message last, by address. */
export function byRecency(a: Chat, b: Chat): number {
  const ta = a.time ?? a.last?.time ?? "";
  const tb = b.time ?? b.last?.time ?? "";
  if (ta !== tb) return ta < tb ? 1 : -1;
  return a.chat < b.chat ? -1 : a.chat > b.chat ? 1 : 0;
}

/**
 * How well a filter matches: lower is better, -1 is not at all. The beginning of the name, the beginning of a word in it,
 * anywhere in it, then the address, then letters in order ("zw" finds "zhang wei").
 */
export function match(filter: string, name: string, jid: string): number {
  const f = fold(filter.trim());
  if (f === "") return 0;
  const n = fold(name);
  const at = n.indexOf(f);
  if (at === 0) return 0;
  if (at > 0) return /[\s._\-]/.test(n[at - 1] ?? "") ? 1 : 2;
  const j = fold(jid);
  const aj = j.indexOf(f);
  if (aj === 0) return 3;
  if (aj > 0) return 4;
  return subsequence(f, n) || subsequence(f, j.split("@")[0] ?? "") ? 5 : -1;
}

function subsequence(f: string, s: string): boolean {
  if (f.length < 2) return false;
  let i = 0;
  for (const c of s) if (c === f[i]) i++;
  return i >= f.length;
}
