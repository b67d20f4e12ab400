// What a person can do, as commands to the core. Answers go through the same projection as events.

import { signal } from "@preact/signals";
import type { Command, FileInfo, Message } from "../contract.ts";
import { CoreError, type Answer } from "../face.ts";
import { t, isKey } from "../i18n/index.ts";
import { account, core, files } from "./app.ts";
import { chats, PAGE, timeline, type Timeline } from "./chats.ts";
import { apply, keepVersion, normal } from "./project.ts";

/** Short notices at the bottom of the page. */
export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action?: { label: string; run: () => void };
}
export const toasts = signal<readonly Toast[]>([]);
let toastId = 0;

export function toast(text: string, bad = false, action?: Toast["action"]): void {
  const id = ++toastId;
  toasts.value = [...toasts.value.slice(-2), { id, text, bad, ...(action ? { action } : {}) }];
  setTimeout(() => dismiss(id), bad || action ? 8000 : 4000);
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((x) => x.id !== id);
}

/** An error in words the reader understands. */
export function explain(e: unknown): string {
  if (e instanceof CoreError) {
    const key = `error.${e.code}`;
    if (e.code && isKey(key)) return t(key);
    return e.message ? t("error.detail", { detail: e.message }) : t("error.unknown");
  }
  return t("error.unknown");
}

/** Sends a command; its answer is applied to the state and returned. */
export async function ask(cmd: Command): Promise<Answer> {
  const answer = await core().send(cmd);
  for (const e of answer.events) if (e.event !== "found" && e.event !== "done" && !(e.event === "message" && e.history)) apply(e);
  return answer;
}

/** Sends a command whose failure is told by a notice. Resolves with whether it was done. */
export async function attempt(cmd: Command, done = ""): Promise<boolean> {
  try {
    await ask(cmd);
    if (done) toast(done);
    return true;
  } catch (e) {
    toast(explain(e), true);
    return false;
  }
}

/** A new origin-id. crypto.randomUUID is not there on plain http. */
export function newId(): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
}

/** Writes a message: it is on the screen at once and in the outbox of the core. */
export function sendMessage(chat: string, body: string, reply?: Message): void {
  const id = newId();
  const tl = timeline(chat);
  const m: Message = {
    from: account.value,
    to: chat,
    chat,
    id,
    body,
    own: true,
    state: "queued",
    time: new Date().toISOString(),
    ...(reply ? { reply: { id: reply.id, from: reply.from, body: reply.body } } : {}),
  };
  const show = (): void => {
    tl.arrive(m);
    const c = chats.peek(chat);
    chats.set(chat, { ...(c ?? { chat }), last: m, time: m.time, draft: "" });
  };
  if (tl.moreAfter.value) void openNewest(tl).then(show);
  else show();
  core()
    .send({ cmd: "send", to: chat, body, id, ...(reply ? { reply_to: reply.id } : {}) })
    .then((a) => a.events.forEach((e) => e.event !== "done" && apply(e)))
    .catch((e: unknown) => tl.update(id, (x) => ({ ...x, state: "failed", error: explain(e) })));
}

/** Tries a failed message again, under an id of its own so that nothing shows twice. */
export function resend(m: Message): void {
  const tl = timeline(m.chat);
  tl.items.value = tl.items.value.filter((x) => x.id !== m.id);
  const reply = m.reply ? tl.find(m.reply.id) : undefined;
  sendMessage(m.chat, m.body, reply);
}

export function editMessage(m: Message, body: string): void {
  const tl = timeline(m.chat);
  keepVersion(m, body);
  tl.update(m.id, (x) => ({ ...x, body, edited: new Date().toISOString() }));
  core()
    .send({ cmd: "send", to: m.chat, body, id: newId(), replace: m.id })
    .then((a) => a.events.forEach((e) => (e.event === "changed" ? apply(e) : undefined)))
    .catch((e: unknown) => {
      tl.update(m.id, () => m);
      toast(explain(e), true);
    });
}

export function retractMessage(m: Message): void {
  void attempt({ cmd: "retract", to: m.chat, id: m.id });
}

function pageOf(a: Answer): Message[] {
  return a.events.flatMap((e) => (e.event === "message" ? [normal(e)] : []));
}

/** The newest page of a conversation, instead of what is loaded. */
export async function openNewest(tl: Timeline): Promise<void> {
  await load(tl, { cmd: "history", with: tl.chat, max: PAGE });
  tl.below.value = 0;
}

/** The page around a message, instead of what is loaded. */
export async function openAround(tl: Timeline, id: string): Promise<void> {
  await load(tl, { cmd: "history", with: tl.chat, max: PAGE, around: id });
}

async function load(tl: Timeline, cmd: Command): Promise<void> {
  if (tl.loading.value) return;
  tl.loading.value = true;
  try {
    const a = await core().send(cmd);
    const page = pageOf(a);
    const ids = new Set(page.map((m) => m.id));
    // What was written while the answer was on its way stays.
    const fresh = a.moreAfter ? [] : tl.items.value.filter((m) => m.state === "queued" && !ids.has(m.id));
    tl.items.value = [...page, ...fresh];
    tl.moreBefore.value = a.moreBefore;
    tl.moreAfter.value = a.moreAfter;
    tl.loaded.value = true;
  } catch (e) {
    toast(explain(e), true);
  } finally {
    tl.loading.value = false;
  }
}

/** One page more at an end of what is loaded. Resolves with how many came. */
export async function loadMore(tl: Timeline, where: "before" | "after"): Promise<number> {
  if (tl.loading.value || !(where === "before" ? tl.moreBefore : tl.moreAfter).value) return 0;
  const edge = where === "before" ? tl.items.value.find((m) => m.cursor) : tl.items.value.findLast((m) => m.cursor);
  if (!edge?.cursor) {
    (where === "before" ? tl.moreBefore : tl.moreAfter).value = false;
    return 0;
  }
  tl.loading.value = true;
  try {
    const a = await core().send({ cmd: "history", with: tl.chat, max: PAGE, [where]: edge.cursor });
    const known = new Set(tl.items.value.map((m) => m.id));
    const page = pageOf(a).filter((m) => !known.has(m.id));
    if (where === "before") {
      tl.items.value = [...page, ...tl.items.value];
      tl.moreBefore.value = a.moreBefore && page.length > 0;
      tl.trim("start");
    } else {
      tl.items.value = [...tl.items.value, ...page];
      tl.moreAfter.value = a.moreAfter && page.length > 0;
      tl.trim("end");
    }
    return page.length;
  } catch (e) {
    toast(explain(e), true);
    return 0;
  } finally {
    tl.loading.value = false;
  }
}

/** Sends a file: the card is on the screen at once. */
export function sendFile(chat: string, file: File, caption: string): void {
  const id = newId();
  const sid = `local-${id}`;
  const info: FileInfo = { sid, name: file.name || "file", size: file.size, type: file.type, state: "active" };
  const tl = timeline(chat);
  const url = file.type.startsWith("image/") ? URL.createObjectURL(file) : undefined;
  tl.arrive({ from: account.value, to: chat, chat, id, body: caption, own: true, state: "queued", time: new Date().toISOString(), file: { ...info, ...(url ? { url } : {}) } });
  core()
    .send({ cmd: "sendfile", to: chat, file, name: info.name, type: file.type || "application/octet-stream", caption, id })
    .then((a) => a.events.forEach((e) => e.event !== "done" && apply(e)))
    .catch((e: unknown) => {
      tl.update(id, (m) => ({ ...m, state: "failed", error: explain(e) }));
      files.set(sid, { ...info, chat, id, state: "failed", error: explain(e) });
    });
}

/** Everything in a chat has been seen. */
export function markRead(chat: string): void {
  const c = chats.peek(chat);
  if (!c?.unread && !c?.first_unread) return;
  const { first_unread: _first, ...rest } = c;
  chats.set(chat, { ...rest, unread: 0 });
  core()
    .send({ cmd: "read", with: chat, id: c.last?.own ? "" : (c.last?.id ?? "") })
    .catch(() => undefined); // offline: the core keeps it for later
}

export function setSetting(name: string, value: string, withJid?: string): void {
  apply({ event: "setting", name, value, ...(withJid ? { with: withJid } : {}) });
  void attempt({ cmd: "set", name, value, ...(withJid ? { with: withJid } : {}) });
}
