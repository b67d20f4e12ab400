// The core as one tab sees it. The first tab is the leader (Web Locks): it has the core in a Worker, the connection and the
// notifications. The others reach it over a BroadcastChannel; when it is closed, one of them takes over.
import type { Command, CoreEvent } from "../contract.ts";
import { CoreError, type Answer, type Core, type Role } from "../face.ts";
import { Hub, type Place, type Tagged } from "./hub.ts";
import { account, snapshot } from "./keep.ts";
import { keepShell } from "./shell.ts";

/** Between tabs. */
type Message = { from: string; to: string } & (
  | { kind: "leader" } // I am the leader from now on
  | { kind: "hello" } // tell me what there is
  | { kind: "bye" }
  | { kind: "events"; events: CoreEvent[] }
  | { kind: "command"; command: Tagged }
);

interface Waiting {
  command: Command;
  events: CoreEvent[];
  resolve(a: Answer): void;
  reject(e: Error): void;
}

const everybody = "*";
const leader = "leader";

/** Where the server is: where the page came from. */
function place(): Place {
  const secure = location.protocol === "https:";
  return {
    url: `${secure ? "wss" : "ws"}://${location.host}/xmpp-websocket`,
    lang: () => (document.documentElement.lang.startsWith("zh") ? "zh-CN" : "en"),
    device: deviceName(navigator.userAgent),
  };
}

/** What a person would call this browser, as far as it says. */
export function deviceName(agent: string): string {
  const first = (pairs: [RegExp, string][]): string => pairs.find(([r]) => r.test(agent))?.[1] ?? "";
  const browser = first([
    [/Edg/, "Edge"],
    [/OPR\//, "Opera"],
    [/Firefox\//, "Firefox"],
    [/Chrom(e|ium)\//, "Chromium"],
    [/Safari\//, "Safari"],
  ]);
  const system = first([
    [/Android/, "Android"],
    [/iPhone|iPad/, "iOS"],
    [/Windows/, "Windows"],
    [/Mac OS X/, "macOS"],
    [/CrOS/, "ChromeOS"],
    [/Linux/, "Linux"],
  ]);
  return [browser || "Web", system].filter(Boolean).join(", ");
}

class Tab implements Core {
  #id = Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join("");
  #role: Role = "follower";
  #ready = false; // there is a leader that hears us
  #hub: Hub | undefined;
  #others = new Set<string>(); // as the leader knows them
  #channel = new BroadcastChannel("godwit");
  #listeners = new Set<(e: CoreEvent) => void>();
  #early: CoreEvent[] | undefined = []; // before anybody listens
  #waiting = new Map<string, Waiting>();
  #unsent: Tagged[] = [];
  #counter = 0;

  constructor() {
    this.#channel.onmessage = (e: MessageEvent<Message>) => this.#message(e.data);
    addEventListener("pagehide", () => {
      this.#hub?.save();
      this.#post({ kind: "bye" }, everybody);
    });
    for (const kind of ["online", "offline"]) addEventListener(kind, () => this.#network());
    let hidden = 0;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) hidden = Date.now();
      else if (hidden > 0 && Date.now() - hidden > 30_000) this.#network();
    });
    void this.#begin();
  }

  get role(): Role {
    return this.#role;
  }

  send(command: Command): Promise<Answer> {
    const tag = `${this.#id}.${++this.#counter}`;
    return new Promise((resolve, reject) => {
      this.#waiting.set(tag, { command, events: [], resolve, reject });
      this.#out({ ...command, tag });
    });
  }

  on(listener: (e: CoreEvent) => void): () => void {
    this.#listeners.add(listener);
    const early = this.#early;
    this.#early = undefined;
    if (early) queueMicrotask(() => early.forEach(listener));
    return () => this.#listeners.delete(listener);
  }

  async #begin(): Promise<void> {
    const [a, painted] = await Promise.all([account.get(), snapshot.get()]);
    const remembered = a ? (painted ?? []) : [];
    if (a && !this.#ready) [{ event: "session", state: "open", account: a.jid } satisfies CoreEvent, ...remembered].forEach((e) => this.#deliver(e));
    if (!("locks" in navigator)) {
      await this.#lead(remembered);
      return;
    }
    const lead = (lock: Lock | null): Promise<unknown> | undefined => (lock ? this.#lead(remembered).then(forever) : undefined);
    let first = true;
    await new Promise<void>((resolve) => {
      void navigator.locks.request("godwit", { ifAvailable: true }, (lock) => {
        first = lock !== null;
        resolve();
        return lead(lock);
      });
    });
    if (first) return;
    this.#deliver({ event: "role", role: "follower" });
    this.#post({ kind: "hello" }, leader);
    void navigator.locks.request("godwit", lead);
  }

  /** Becomes the leader. */
  async #lead(remembered: CoreEvent[]): Promise<void> {
    this.#role = "leader";
    this.#hub = new Hub(
      {
        one: (tab, e) => (tab === this.#id ? this.#deliver(e) : this.#post({ kind: "events", events: [e] }, tab)),
        all: (e, except) => {
          if (this.#id !== except) this.#deliver(e);
          for (const tab of this.#others) if (tab !== except) this.#post({ kind: "events", events: [e] }, tab);
        },
      },
      place(),
    );
    this.#deliver({ event: "role", role: "leader" });
    this.#post({ kind: "leader" }, everybody);
    await this.#hub.start(remembered);
    this.#heard();
    keepShell();
  }

  /** There is a leader that hears us, maybe a new one: what the old one did not answer is asked again where that is safe. */
  #heard(): void {
    const lost = this.#ready ? [...this.#waiting] : [];
    this.#ready = true;
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const c of unsent) this.#out(c);
    for (const [tag, w] of lost) {
      if (w.command.cmd === "send") {
        w.events = [];
        this.#out({ ...w.command, tag });
      } else {
        this.#waiting.delete(tag);
        w.reject(new CoreError("the tab that had the connection was closed", "interrupted"));
      }
    }
  }

  #network(): void {
    if (this.#hub) this.#hub.perform({ cmd: "network", tag: `${this.#id}.${++this.#counter}` });
  }

  #out(command: Tagged): void {
    if (!this.#ready) this.#unsent.push(command);
    else if (this.#hub) this.#hub.perform(command);
    else this.#post({ kind: "command", command }, leader);
  }

  #post(message: { kind: Message["kind"] } & Record<string, unknown>, to: string): void {
    this.#channel.postMessage({ ...message, from: this.#id, to });
  }

  #message(m: Message): void {
    if (m.to !== everybody && m.to !== this.#id && !(m.to === leader && this.#hub)) return;
    switch (m.kind) {
      case "leader":
        this.#post({ kind: "hello" }, leader);
        break;
      case "hello":
        this.#others.add(m.from);
        this.#post({ kind: "events", events: [{ event: "role", role: "follower" }, ...(this.#hub?.join() ?? [])] }, m.from);
        break;
      case "bye":
        this.#others.delete(m.from);
        break;
      case "events":
        m.events.forEach((e) => this.#deliver(e));
        if (m.events[0]?.event === "role") this.#heard();
        break;
      case "command":
        this.#others.add(m.from);
        this.#hub?.perform(m.command);
        break;
    }
  }

  #deliver(e: CoreEvent): void {
    const waiting = e.tag === undefined ? undefined : this.#waiting.get(e.tag);
    if (waiting && e.tag !== undefined) {
      if (e.event === "done") {
        this.#waiting.delete(e.tag);
        waiting.resolve({ events: waiting.events, more: e.more ?? false, moreBefore: e.more_before ?? false, moreAfter: e.more_after ?? false });
      } else if (e.event === "error") {
        this.#waiting.delete(e.tag);
        waiting.reject(new CoreError(e.message, e.code));
      } else {
        waiting.events.push(e);
      }
      return;
    }
    if (e.tag !== undefined) return; // somebody asked who does not wait any more
    if (this.#early) this.#early.push(e);
    else for (const listener of this.#listeners) listener(e);
  }
}

/** Held locks are held until the page goes. */
function forever(): Promise<never> {
  return new Promise(() => undefined);
}

export function connect(): Core {
  return new Tab();
}
