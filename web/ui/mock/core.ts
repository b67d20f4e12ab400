// A core that plays a script in the page: it speaks the contract of the real one. For development and tests; never shipped.
//
// The address chooses what it knows: ?world=small|scale|hostile|empty, &session=none for the sign-in,
// &offline for no connection, &quiet for no little events of its own, &role=follower.

import type { Chat, Command, CoreEvent, Message, Role, Setting } from "../src/contract.ts";
import { CoreError, type Answer, type Core } from "../src/face.ts";
import { makeWorld, ME, type Kind, type World } from "./world.ts";

export class MockCore implements Core {
  readonly role: Role;
  readonly #listeners = new Set<(e: CoreEvent) => void>();
  readonly #params: URLSearchParams;
  #world: World | undefined;
  readonly #settings = new Map<string, Setting>();
  /** Every command, for tests. */
  readonly commands: Command[] = [];
  online = true;

  constructor(params: URLSearchParams) {
    this.#params = params;
    this.role = params.get("role") === "follower" ? "follower" : "leader";
    this.online = !params.has("offline");
  }

  on(listener: (e: CoreEvent) => void): () => void {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) void this.#begin();
    return () => this.#listeners.delete(listener);
  }

  /** Says something as the core would. */
  emit(e: CoreEvent): void {
    this.#listeners.forEach((l) => l(e));
  }

  get world(): World {
    if (!this.#world) throw new Error("the mock has not begun");
    return this.#world;
  }

  async #begin(): Promise<void> {
    if (this.#params.get("session") === "none") this.emit({ event: "session", state: "none" });
    else await this.#open();
  }

  async #open(account = ME): Promise<void> {
    this.#world ??= await makeWorld((this.#params.get("world") ?? "small") as Kind);
    const w = this.world;
    this.emit({ event: "session", state: "open", account });
    this.emit({ event: "roster", items: w.roster });
    this.emit({ event: "chats", items: [...w.chats.values()] });
    this.emit({ event: "settings", items: [{ name: "notify-online", value: "on", with: "mei@godwit.example" }, ...this.#settings.values()] });
    if (!this.online) {
      this.emit({ event: "offline", message: "dial: connection refused", retry_ms: 12_000 });
      return;
    }
    this.emit({ event: "online", jid: `${account}/web.4f2a`, address: "192.0.2.14:53312", server: "203.0.113.2:5443", transport: "websocket", tls: "TLS 1.3", mechanism: "HT-SHA-256-ENDP" });
    for (const p of w.people) if (p.show !== "offline") this.emit({ event: "presence", from: `${p.jid}/phone`, available: true, show: p.show, status: p.status, client: p.client, direct: true });
    w.links.forEach((l) => this.emit({ event: "link", ...l }));
    w.requests.forEach((r) => this.emit({ event: "subscription", from: r.jid, status: r.status }));
    if (this.#params.get("world") === null || this.#params.get("world") === "small") this.#life();
  }

  /** A file on its way and somebody typing. */
  #life(): void {
    const tom = "tom@godwit.example";
    const size = 4_213_000_000;
    let done = 1_890_000_000;
    const tick = (): void => {
      done = Math.min(size, done + 3_000_000);
      const speed = 12_400_000;
      this.emit({ event: "file", sid: "f2", chat: tom, direction: "in", name: "export-2026-11.tar.zst", size, done, speed, eta_ms: ((size - done) / speed) * 1000, state: "active", path: "direct" });
    };
    tick();
    if (this.#params.has("quiet")) return;
    setInterval(tick, 250);
    this.emit({ event: "typing", from: "wangfang@godwit.example/phone", chat: "wangfang@godwit.example", state: "composing" });
  }

  async send(cmd: Command): Promise<Answer> {
    this.commands.push(cmd);
    await new Promise((r) => setTimeout(r, this.#params.has("slow") ? 400 : 0));
    const events: CoreEvent[] = [];
    const a: Answer = { events, more: false, moreBefore: false, moreAfter: false };
    this.#perform(cmd, events, a);
    return a;
  }

  #perform(cmd: Command, out: CoreEvent[], a: Answer): void {
    switch (cmd.cmd) {
      case "signin":
        if (cmd.password === "wrong") throw new CoreError("not-authorized", "auth");
        void this.#open(cmd.account);
        return;
      case "register":
        if (cmd.token === "used") throw new CoreError("gone", "item-not-found");
        void this.#open(cmd.account);
        return;
      case "signoutself":
        this.emit({ event: "offline", final: true, code: "signed-out" });
        return;
      case "send":
        this.#send(cmd);
        return;
      case "retract":
        this.#change(cmd.to, cmd.id, { body: "", retracted: true }, out);
        return;
      case "history":
        this.#history(cmd, out, a);
        return;
      case "search":
        this.#search(cmd, out, a);
        return;
      case "read": {
        const c = this.world.chats.get(cmd.with);
        if (c) {
          const { first_unread: _f, ...rest } = c;
          this.#chat({ ...rest, unread: 0 });
        }
        return;
      }
      case "set": {
        const s: Setting = { name: cmd.name, value: cmd.value, ...(cmd.with ? { with: cmd.with } : {}) };
        this.#settings.set(`${cmd.name}|${cmd.with ?? ""}`, s);
        out.push({ event: "setting", ...s });
        return;
      }
      case "rename": {
        const i = this.world.roster.findIndex((x) => x.jid === cmd.jid);
        const item = { ...(this.world.roster[i] ?? { jid: cmd.jid, subscription: "none" as const, ask: true }), name: cmd.name, groups: cmd.groups ?? [] };
        if (i >= 0) this.world.roster[i] = item;
        out.push({ event: "contact", ...item });
        return;
      }
      case "subscribe":
        out.push({ event: "contact", jid: cmd.jid, name: "", subscription: "none", ask: true });
        return;
      case "accept":
        out.push({ event: "contact", jid: cmd.jid, name: "", subscription: "both" });
        return;
      case "unsubscribe":
        out.push({ event: "contact", jid: cmd.jid, subscription: "remove" });
        return;
      case "presence":
        this.emit({ event: "presence", from: `${ME}/web.4f2a`, available: true, show: cmd.show, status: cmd.status ?? "" });
        return;
      case "block":
        out.push({ event: "blocked", items: [cmd.jid] });
        return;
      case "unblock":
      case "blocked":
        out.push({ event: "blocked", items: cmd.cmd === "blocked" ? ["spam@junk.example"] : [] });
        return;
      case "links":
        out.push(...this.world.links.filter((l) => !cmd.with || l.peer.startsWith(`${cmd.with}/`)).map((l): CoreEvent => ({ event: "link", ...l })));
        if (cmd.with && out.length === 0) out.push({ event: "link", peer: cmd.with, state: "none", path: "server", why: "away", words: cmd.lang === "zh-CN" ? "对方没有设备在线。" : "No device of your contact is online." });
        return;
      case "devices":
        out.push({
          event: "devices",
          items: [
            { id: "1", name: "Firefox on Debian", client: "Godwit 0.3 (Web)", current: true, online: true, address: "192.0.2.14", how: "WebSocket, TLS 1.3" },
            { id: "2", name: "Phone", client: "Godwit 0.3 (Web)", online: true, address: "198.51.100.20", how: "WebSocket, TLS 1.3" },
            { id: "3", name: "", client: "Conversations", last_seen: new Date(Date.now() - 86_400_000 * 3).toISOString(), address: "203.0.113.77", how: "TCP, TLS 1.3" },
          ],
        });
        return;
      case "invite":
        out.push({ event: "invite", uri: "xmpp:lin@godwit.example?roster;preauth=Jd2k", url: "https://godwit.example/invite/Jd2kP0aYx4", expires: new Date(Date.now() + 7 * 86_400_000).toISOString() });
        return;
      case "sendfile":
        this.#sendFile(cmd);
        return;
      case "cancelfile":
        this.emit({ event: "file", sid: cmd.sid, chat: "tom@godwit.example", name: "export-2026-11.tar.zst", size: 4_213_000_000, state: "cancelled" });
        return;
      default:
        return;
    }
  }

  #log(chat: string): Message[] {
    let log = this.world.logs.get(chat);
    const last = this.world.chats.get(chat)?.last;
    if (!log) this.world.logs.set(chat, (log = last ? [last] : []));
    return log;
  }

  #chat(c: Chat): void {
    this.world.chats.set(c.chat, c);
    this.emit({ event: "chat", ...c });
  }

  #send(cmd: Extract<Command, { cmd: "send" }>): void {
    const log = this.#log(cmd.to);
    if (cmd.replace) {
      this.#change(cmd.to, cmd.replace, { body: cmd.body, edited: new Date().toISOString() }, []);
      return;
    }
    const orig = cmd.reply_to ? log.find((m) => m.id === cmd.reply_to) : undefined;
    const m: Message = { chat: cmd.to, from: ME, to: cmd.to, own: true, id: cmd.id, body: cmd.body, time: new Date().toISOString(), state: "queued", cursor: cmd.id, ...(orig ? { reply: { id: orig.id, from: orig.from, body: orig.body } } : {}) };
    log.push(m);
    this.#chat({ ...(this.world.chats.get(cmd.to) ?? { chat: cmd.to }), last: m, time: m.time, unread: 0, draft: "" });
    if (!this.online) return;
    setTimeout(() => this.emit({ event: "sent", id: cmd.id, to: cmd.to, path: "direct" }), 60);
    setTimeout(() => this.emit({ event: "delivered", id: cmd.id, to: cmd.to, path: "direct" }), 160);
  }

  #sendFile(cmd: Extract<Command, { cmd: "sendfile" }>): void {
    const size = cmd.file.size;
    const base = { event: "file" as const, sid: `s-${cmd.id}`, id: cmd.id, chat: cmd.to, direction: "out" as const, name: cmd.name, size, type: cmd.type, path: "direct" as const };
    const url = URL.createObjectURL(cmd.file);
    let done = 0;
    const tick = (): void => {
      done = Math.min(size, done + Math.max(1, size / 5));
      if (done < size) {
        this.emit({ ...base, done, speed: 12_000_000, eta_ms: 1000, state: "active" });
        setTimeout(tick, 80);
      } else {
        this.emit({ ...base, done, state: "complete", url });
        this.emit({ event: "sent", id: cmd.id, to: cmd.to, path: "direct" });
        this.emit({ event: "delivered", id: cmd.id, to: cmd.to, path: "direct" });
      }
    };
    setTimeout(tick, 60);
  }

  #change(chat: string, id: string, change: Partial<Message>, out: CoreEvent[]): void {
    const log = this.#log(chat);
    const at = log.findIndex((m) => m.id === id);
    const old = log[at];
    if (!old) throw new CoreError("no such message", "item-not-found");
    const m = { ...old, ...change };
    log[at] = m;
    const e: CoreEvent = { event: "changed", ...m };
    if (out) out.push(e);
    this.emit(e);
  }

  /** A message arrives from outside. */
  receive(chat: string, body: string, more: Partial<Message> = {}): Message {
    const id = `in-${this.#log(chat).length}-${Math.random().toString(36).slice(2)}`;
    const m: Message = { chat, from: `${chat}/phone`, to: ME, id, body, time: new Date().toISOString(), state: "received", path: "direct", cursor: id, ...more };
    this.#log(chat).push(m);
    this.emit({ event: "message", ...m });
    const c = this.world.chats.get(chat) ?? { chat };
    this.#chat({ ...c, last: m, time: m.time, unread: (c.unread ?? 0) + 1, first_unread: c.first_unread ?? id });
    return m;
  }

  #history(cmd: Extract<Command, { cmd: "history" }>, out: CoreEvent[], a: Answer): void {
    const log = this.#log(cmd.with);
    const place = (cursor: string): number => log.findIndex((m) => m.cursor === cursor);
    let from = Math.max(0, log.length - cmd.max);
    let to = log.length;
    if (cmd.before) {
      to = place(cmd.before);
      from = Math.max(0, to - cmd.max);
    } else if (cmd.after) {
      from = place(cmd.after) + 1;
      to = Math.min(log.length, from + cmd.max);
    } else if (cmd.around) {
      const at = log.findIndex((m) => m.id === cmd.around);
      if (at < 0) throw new CoreError("no such message", "item-not-found");
      from = Math.max(0, at - Math.floor(cmd.max / 2));
      to = Math.min(log.length, from + cmd.max);
    }
    for (const m of log.slice(from, to)) out.push({ event: "message", ...m, history: true });
    a.moreBefore = from > 0;
    a.moreAfter = to < log.length;
  }

  #search(cmd: Extract<Command, { cmd: "search" }>, out: CoreEvent[], a: Answer): void {
    const w = cmd.text.toLowerCase();
    const all = (cmd.with ? [this.#log(cmd.with)] : [...this.world.logs.values()]).flat().filter((m) => m.body.toLowerCase().includes(w));
    all.sort((x, y) => (x.time < y.time ? 1 : -1));
    const from = cmd.before ? all.findIndex((m) => m.cursor === cmd.before) + 1 : 0;
    out.push({ event: "found", items: all.slice(from, from + cmd.max) });
    a.more = from + cmd.max < all.length;
  }
}

declare global {
  // For tests: the scripted core of this page.
  var mock: MockCore;
}
