// The projection: every event of the core, applied to the state. Idempotent, so that an event heard twice changes nothing.

import { batch } from "@preact/signals";
import type { Chat, CoreEvent, Message } from "../contract.ts";
import { bare } from "../lib/jid.ts";
import { account, connection, files, links, onlineSince, ownShow, ownStatus, role, server, session, settings } from "./app.ts";
import { chats, loadedTimeline, typing } from "./chats.ts";
import { blocked, forgetPresence, loadRoster, putContact, putPresence, requests, type Came } from "./contacts.ts";

/** What others may want to know about an event after it was applied. */
export interface Heard {
  came?: { jid: string; what: Came };
  message?: Message;
  readElsewhere?: string;
}

/** Earlier texts of edited messages, as far as this page has seen them: id → oldest first. At most 500 messages. */
export const versions = new Map<string, { body: string; time: string }[]>();

export function keepVersion(old: Message, body: string): void {
  if (old.body === body || old.retracted) return;
  const list = versions.get(old.id) ?? [];
  versions.set(old.id, [...list.slice(-19), { body: old.body, time: old.edited ?? old.time }]);
  const oldest = versions.keys().next().value;
  if (versions.size > 500 && oldest !== undefined) versions.delete(oldest);
}

const TYPING_MS = 30_000;

export function apply(e: CoreEvent): Heard {
  return batch(() => project(e));
}

function project(e: CoreEvent): Heard {
  switch (e.event) {
    case "session":
      session.value = e.state;
      if (e.account) account.value = bare(e.account);
      return {};
    case "role":
      role.value = e.role;
      return {};
    case "online":
      connection.value = { online: true, retryAt: 0, message: "", final: false, code: "" };
      account.value = bare(e.jid);
      session.value = "open";
      server.value = { address: e.server ?? "", transport: e.transport ?? "", tls: e.tls ?? "", mechanism: e.mechanism ?? "", jid: e.jid };
      if (!e.resumed || onlineSince.value === 0) onlineSince.value = Date.now();
      return {};
    case "offline":
      connection.value = { online: false, retryAt: e.retry_ms ? Date.now() + e.retry_ms : 0, message: e.message ?? "", final: !!e.final, code: e.code ?? "" };
      onlineSince.value = 0;
      forgetPresence();
      links.replace([]);
      if (e.final && e.code === "signed-out") session.value = "none";
      return {};
    case "roster":
      loadRoster(e.items);
      return {};
    case "contact":
      putContact(e);
      return {};
    case "presence":
      return presence(e);
    case "subscription":
      requests.set(bare(e.from), { jid: bare(e.from), status: e.status ?? "" });
      return {};
    case "sent":
    case "delivered":
      return progress(bare(e.to), e.id, e.event, e.path);
    case "read":
      return read(e);
    case "message":
      return arrived(e);
    case "changed":
      changed(e);
      return {};
    case "typing":
      if (e.state === "composing") typing.set(bare(e.chat), Date.now() + TYPING_MS);
      else typing.delete(bare(e.chat));
      return {};
    case "chats":
      chats.replace(e.items.map((c) => [c.chat, c]));
      return {};
    case "chat":
      chats.set(e.chat, withoutEvent(e));
      return {};
    case "link":
      if (e.state === "down") links.delete(e.peer);
      else links.set(e.peer, e);
      return {};
    case "setting":
      putSetting(e.name, e.value, e.with);
      return {};
    case "settings":
      e.items.forEach((s) => putSetting(s.name, s.value, s.with));
      return {};
    case "blocked":
      blocked.replace(e.items.map((j) => [j, true]));
      return {};
    case "file":
      files.set(e.sid, e);
      return {};
    case "error":
      if (e.id) failed(e.id, e.message);
      return {};
    default:
      return {};
  }
}

function withoutEvent<T extends { event: string; tag?: string }>(e: T): Omit<T, "event" | "tag"> {
  const { event: _event, tag: _tag, ...rest } = e;
  return rest;
}

function presence(e: Extract<CoreEvent, { event: "presence" }>): Heard {
  const show = e.show ?? "";
  if (bare(e.from) === account.value) {
    if (e.from === server.value.jid) {
      ownShow.value = show;
      ownStatus.value = e.status ?? "";
    }
    return {};
  }
  const what = putPresence(e.from, e.available ?? false, {
    show,
    status: e.status ?? "",
    client: e.client ?? "",
    direct: e.direct ?? false,
    ...(e.reach ? { reach: e.reach } : {}),
  });
  if (!e.available) typing.delete(bare(e.from));
  return { came: { jid: bare(e.from), what } };
}

const RANK: Record<string, number> = { queued: 0, failed: 0, sent: 1, delivered: 2, read: 3 };

/** A message's state only ever goes forward, whatever order events come in. */
function progress(chat: string, id: string, state: "sent" | "delivered", path: Message["path"]): Heard {
  const forward = (m: Message): Message => {
    const better = (RANK[state] ?? 0) > (RANK[m.state ?? "queued"] ?? 0);
    const { error: _error, ...rest } = m;
    return better ? { ...rest, state, ...(path ? { path } : {}) } : m;
  };
  loadedTimeline(chat)?.update(id, forward);
  const c = chats.peek(chat);
  if (c?.last?.id === id) chats.set(chat, { ...c, last: forward(c.last) });
  return {};
}

function read(e: Extract<CoreEvent, { event: "read" }>): Heard {
  const chat = bare(e.with);
  if (e.by === "self") {
    const c = chats.peek(chat);
    if (c?.unread && (e.id === "" || c.last?.id === e.id)) chats.set(chat, { ...c, unread: 0 });
    return { readElsewhere: chat };
  }
  const tl = loadedTimeline(chat);
  if (tl) {
    const at = tl.items.value.findIndex((m) => m.id === e.id);
    const limit = at >= 0 ? at : tl.items.value.findLastIndex((m) => e.time !== undefined && m.time <= e.time);
    if (limit >= 0) tl.items.value = tl.items.value.map((m, i) => (i <= limit && m.own && (m.state === "sent" || m.state === "delivered") ? { ...m, state: "read" } : m));
  }
  const c = chats.peek(chat);
  if (c?.last?.own && c.last.id === e.id) chats.set(chat, { ...c, last: { ...c.last, state: "read" } });
  return {};
}

function arrived(e: Extract<CoreEvent, { event: "message" }>): Heard {
  const m = normal(withoutEvent(e));
  loadedTimeline(m.chat)?.arrive(m);
  if (!m.own) typing.delete(m.chat);
  const c = chats.peek(m.chat);
  if (!c || (c.time ?? "") <= m.time) bump(c, m);
  return { message: m };
}

/** The line of the chat list, until the core's own `chat` event says it in full. */
function bump(c: Chat | undefined, m: Message): void {
  const known = c?.last?.id === m.id;
  chats.set(m.chat, { ...(c ?? { chat: m.chat }), last: m, time: m.time, unread: (c?.unread ?? 0) + (m.own || m.history || known ? 0 : 1) });
}

function changed(e: Extract<CoreEvent, { event: "changed" }>): void {
  const m = normal(withoutEvent(e));
  loadedTimeline(m.chat)?.update(m.id, (old) => {
    if (!m.retracted) keepVersion(old, m.body);
    else versions.delete(m.id);
    return { ...old, ...m };
  });
  const c = chats.peek(m.chat);
  if (c?.last?.id === m.id) chats.set(m.chat, { ...c, last: { ...c.last, ...m } });
}

/** Fills what older cores leave out. */
export function normal<T extends Message>(m: T): T {
  const own = m.own ?? bare(m.from) === account.value;
  return { ...m, own, chat: bare(m.chat || (own ? m.to : m.from)) };
}

function putSetting(name: string, value: string, withJid?: string): void {
  settings.set(withJid ? `${name}|${withJid}` : name, value);
  if (!withJid) return;
  const c = chats.peek(withJid);
  if (!c) return;
  if (name === "mute") chats.set(withJid, { ...c, muted: value === "on" });
  if (name === "draft") chats.set(withJid, { ...c, draft: value });
}

function failed(id: string, message: string): void {
  for (const [jid, c] of chats.peekAll()) {
    const tl = loadedTimeline(jid);
    if (tl?.find(id)) tl.update(id, (m) => ({ ...m, state: "failed", error: message }));
    if (c.last?.id === id) chats.set(jid, { ...c, last: { ...c.last, state: "failed", error: message } });
  }
}
