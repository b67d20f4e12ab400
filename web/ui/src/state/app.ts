// What the whole page knows of itself: account, connection, settings, links and transfers.

import { computed, signal } from "@preact/signals";
import type { FileEvent, Link, Role, Show } from "../contract.ts";
import type { Core } from "../face.ts";
import { bare, domain } from "../lib/jid.ts";
import type { OnlineMode } from "../lib/notify.ts";
import { LiveMap } from "./live.ts";

export type SessionState = "starting" | "none" | "signing-in" | "open";

export const session = signal<SessionState>("starting");
export const account = signal("");
export const role = signal<Role>("follower");

export interface Connection {
  online: boolean;
  /** When the next attempt is due, of Date.now(); 0 = not known. */
  retryAt: number;
  message: string;
  /** It will not be tried again; code says why. */
  final: boolean;
  code: string;
}

export const connection = signal<Connection>({ online: false, retryAt: 0, message: "", final: false, code: "" });
/** When this client came online, of Date.now(); 0 while it is not. */
export const onlineSince = signal(0);
/** Facts of the connection, for "About". */
export const server = signal<{ address: string; transport: string; tls: string; mechanism: string; jid: string }>({ address: "", transport: "", tls: "", mechanism: "", jid: "" });

/** The domain that a name without one belongs to. */
export const home = computed(() => (account.value ? domain(account.value) : location.hostname));

/** One's own presence. */
export const ownShow = signal<Show>("");
export const ownStatus = signal("");

/** Settings by name, and "name|with" for those of one chat. */
export const settings = new LiveMap<string>();

export function setting(name: string, otherwise: string, withJid = ""): string {
  return settings.get(withJid ? `${name}|${withJid}` : name) ?? otherwise;
}

export const onlineMode = computed<OnlineMode>(() => {
  const v = setting("ui.notify-online", "favourites");
  return v === "off" || v === "all" ? v : "favourites";
});

/** Links by full address of the peer. */
export const links = new LiveMap<Link>();
/** Transfers by sid. */
export const files = new LiveMap<FileEvent>();

/** The link that matters for a chat: up before connecting, direct before relay, quickest first. */
export function linkOf(chat: string): Link | undefined {
  let top: Link | undefined;
  for (const l of links.values()) if (bare(l.peer) === chat && (!top || score(l) > score(top))) top = l;
  return top;
}

function score(l: Link): number {
  const base = l.state === "up" ? (l.path === "direct" ? 3000 : 2000) : l.state === "connecting" ? 1000 : 0;
  return base - Math.min(900, l.rtt_ms ?? 900);
}

let current: Core | undefined;

/** The core this page talks to; set once at the start. */
export function core(): Core {
  if (!current) throw new Error("the core is not connected");
  return current;
}

export function useCore(c: Core): void {
  current = c;
  role.value = c.role;
}
