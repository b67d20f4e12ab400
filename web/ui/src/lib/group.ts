// How the messages of a chat are laid out: day marks, runs of one sender, the unread mark.

import type { Message } from "../contract.ts";

/** What stands before and around one message. */
export interface Place {
  /** A new day begins: show its date. */
  day: boolean;
  /** The first message since the reader last looked. */
  unread: boolean;
  /** First and last of a run: same sender, close in time, same day. */
  first: boolean;
  last: boolean;
}

/** A run ends after five minutes of silence. */
const RUN_MS = 5 * 60 * 1000;

export function layOut(messages: readonly Message[], unreadId: string | undefined, dayOf: (m: Message) => string = localDay): Place[] {
  const places: Place[] = [];
  let prev: Message | undefined;
  let prevDay = "";
  for (const m of messages) {
    const d = dayOf(m);
    const day = d !== prevDay;
    const unread = unreadId !== undefined && m.id === unreadId;
    const first =
      day || unread || !prev || !!prev.own !== !!m.own || sender(prev) !== sender(m) || Date.parse(m.time) - Date.parse(prev.time) > RUN_MS;
    const before = places.at(-1);
    if (before) before.last = first;
    places.push({ day, unread, first, last: true });
    prev = m;
    prevDay = d;
  }
  return places;
}

function sender(m: Message): string {
  return m.own ? "" : m.from;
}

/** The calendar day where the reader is. */
export function localDay(m: Message): string {
  const d = new Date(m.time);
  return `${d.getFullYear()}-${d.getMonth()}-${d.getDate()}`;
}

/** Inserts or replaces a message in a list ordered by time, keeping arrival order among equals. */
export function insert(list: readonly Message[], m: Message): Message[] {
  const known = list.findIndex((x) => x.id === m.id && !!x.own === !!m.own);
  if (known >= 0) return list.with(known, m);
  let i = list.length;
  while (i > 0 && (list[i - 1]?.time ?? "") > m.time) i--;
  return list.toSpliced(i, 0, m);
}
