// Contacts and their presence, and the order in which they are shown.

import { computed, signal } from "@preact/signals";
import type { Item, Reach, Show } from "../contract.ts";
import { bare, local, resource } from "../lib/jid.ts";
import { best, byName, match, rank, type Presence } from "../lib/order.ts";
import { line } from "../lib/text.ts";
import { LiveMap } from "./live.ts";

export interface DevicePresence {
  show: Show;
  status: string;
  client: string;
  direct: boolean;
  reach?: Reach;
}

/** The contacts by bare address. */
export const contacts = new LiveMap<Item>();
/** Who is there: bare address → resource → device. Absent means offline. */
export const presences = new LiveMap<Map<string, DevicePresence>>();
/** Who asks to be a contact. */
export const requests = new LiveMap<{ jid: string; status: string }>();
export const blocked = new LiveMap<true>();

/** Addresses in the order of their names; kept sorted as contacts come and go. */
const names = signal<readonly string[]>([]);
const compare = byName();
const shownName = new Map<string, string>();

/** What a person is called here: the name in the contact list, else what stands before the @. Safe to show. */
export function nameOf(jid: string): string {
  const b = bare(jid);
  void contacts.get(b);
  return shownName.get(b) ?? (line(local(b), 80) || line(b, 80));
}

function remember(i: Item): void {
  shownName.set(i.jid, line(i.name ?? "", 80) || line(local(i.jid), 80) || line(i.jid, 80));
}

function after(a: string, b: string): number {
  return compare(shownName.get(a) ?? a, shownName.get(b) ?? b) || (a < b ? -1 : 1);
}

/** Takes a whole contact list. */
export function loadRoster(items: readonly Item[]): void {
  shownName.clear();
  items.forEach(remember);
  contacts.replace(items.map((i) => [i.jid, i]));
  names.value = items.map((i) => i.jid).sort(after);
}

/** Takes the change of one contact. */
export function putContact(i: Item): void {
  const list = names.value.filter((j) => j !== i.jid);
  if (i.subscription === "remove") {
    contacts.delete(i.jid);
    shownName.delete(i.jid);
    presences.delete(i.jid);
    names.value = list;
    return;
  }
  remember(i);
  contacts.set(i.jid, i);
  if (i.subscription === "both" || i.subscription === "from") requests.delete(i.jid);
  let lo = 0;
  let hi = list.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (after(list[mid] ?? "", i.jid) < 0) lo = mid + 1;
    else hi = mid;
  }
  names.value = list.toSpliced(lo, 0, i.jid);
}

/** What a presence changed about a person as a whole. */
export type Came = "came" | "went" | "same";

export function putPresence(from: string, available: boolean, d: DevicePresence): Came {
  const b = bare(from);
  const before = presences.peek(b);
  const devices = new Map(before);
  if (available) devices.set(resource(from), d);
  else devices.delete(resource(from));
  if (devices.size === 0) presences.delete(b);
  else presences.set(b, devices);
  return !before && devices.size > 0 ? "came" : before && devices.size === 0 ? "went" : "same";
}

/** Everybody looks offline while we are. */
export function forgetPresence(): void {
  presences.replace([]);
}

export function presenceOf(jid: string): Presence {
  const d = presences.get(bare(jid));
  return d ? best(d.values()) : "offline";
}

/** The status text of the most present device that has one. */
export function statusOf(jid: string): string {
  const d = presences.get(bare(jid));
  if (!d) return "";
  return line([...d.values()].sort((a, b) => rank(best([a])) - rank(best([b]))).find((x) => x.status)?.status ?? "", 200);
}

/** What the contact list filters by. */
export const contactFilter = signal("");
export const showOffline = signal(true);
/** Groups that are folded up. */
export const folded = signal<ReadonlySet<string>>(new Set());

export type Row = { kind: "group"; name: string; count: number; online: number; folded: boolean } | { kind: "contact"; jid: string; group: string };

/** The rows of the contact list: groups by name, in them who is there first, then by name. */
export const contactRows = computed<Row[]>(() => {
  const filter = contactFilter.value;
  const order = names.value;
  const offline = showOffline.value || filter !== "";
  if (filter !== "") return filtered(order, filter);
  const groups = new Map<string, string[][]>();
  for (const jid of order) {
    const i = contacts.get(jid);
    if (!i) continue;
    const r = rank(presenceOf(jid));
    for (const g of i.groups?.length ? i.groups : [""]) {
      let buckets = groups.get(g);
      if (!buckets) groups.set(g, (buckets = [[], [], [], [], []]));
      buckets[r]?.push(jid);
    }
  }
  const rows: Row[] = [];
  const sorted = [...groups.keys()].sort((a, b) => (a === "" ? 1 : b === "" ? -1 : compare(line(a), line(b))));
  for (const g of sorted) {
    const buckets = groups.get(g) ?? [];
    const shut = folded.value.has(g);
    const all = buckets.flat();
    const off = buckets[4]?.length ?? 0;
    rows.push({ kind: "group", name: g, count: all.length, online: all.length - off, folded: shut });
    if (!shut) for (const jid of offline ? all : all.slice(0, all.length - off)) rows.push({ kind: "contact", jid, group: g });
  }
  return rows;
});

function filtered(order: readonly string[], filter: string): Row[] {
  const found: string[][] = [[], [], [], [], [], []];
  for (const jid of order) {
    const m = match(filter, shownName.get(jid) ?? "", jid);
    if (m >= 0) found[m]?.push(jid);
  }
  return found.flat().map((jid) => ({ kind: "contact", jid, group: "" }));
}

/** All names of groups. */
export const groupNames = computed<string[]>(() => {
  const all = new Set<string>();
  for (const c of contacts.values()) c.groups?.forEach((g) => all.add(g));
  return [...all].sort(compare);
});

/** Addresses that match, best first: for the switcher and for forwarding. */
export function findContacts(filter: string, max: number): string[] {
  const rows = filtered(names.value, filter);
  return rows.slice(0, max).flatMap((r) => (r.kind === "contact" ? [r.jid] : []));
}
