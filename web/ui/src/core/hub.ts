// The leader tab's heart: it owns the Worker with the core, hears what all tabs ask, and tells each what concerns it.
// The account that is signed in, and what was painted last, are remembered by keep.ts.
import type { Command, CoreEvent } from "../contract.ts";
import { Host, type Options } from "./host.ts";
import { account, forget, snapshot } from "./keep.ts";
import { Replay } from "./replay.ts";

/** A command as it travels between tabs and to the core. */
export type Tagged = Command & { tag: string };

/** What a hub tells: to one tab what answers it, to all what everybody must know. */
export interface Told {
  one(tab: string, event: CoreEvent): void;
  all(event: CoreEvent, except?: string): void;
}

/** Where the server and the user are, in words the core takes. */
export interface Place {
  url: string;
  lang(): string;
  device: string;
}

const saved = 2000; // milliseconds from a change to its being remembered
const goodbye = 5000; // milliseconds that signing out may take
const own = "hub"; // the tab of the hub's own commands

/** Answers that are news to the other tabs, too. */
const news = new Set<CoreEvent["event"]>(["message", "changed", "setting", "chat", "contact", "blocked", "file", "read"]);

export class Hub {
  #told: Told;
  #place: Place;
  #host: Host;
  #replay = new Replay();
  #account = "";
  #options: Options | undefined;
  /** The sign-in that is being tried, by its tag. */
  #trial: { tag: string; account: string } | undefined;
  /** Commands that the core has and has not answered. */
  #open = new Map<string, Tagged>();
  #again = new Set<string>(); // those that were sent a second time
  #leaving = new Map<string, () => void>(); // the hub's own, that somebody waits for
  #counter = 0;
  #saving: ReturnType<typeof setTimeout> | undefined;

  constructor(told: Told, place: Place) {
    this.#told = told;
    this.#place = place;
    this.#host = new Host({
      events: (events) => events.forEach((e) => this.#heard(e)),
      ended: (message, code) => this.#ended(message, code),
      crashed: (message, retry) => this.#crashed(message, retry),
    });
  }

  /** Begins with the account that is remembered, if there is one. */
  async start(remembered: CoreEvent[]): Promise<void> {
    for (const e of remembered) this.#replay.hear(e);
    const a = await account.get();
    if (!a) {
      this.#session("none");
      this.#host.warm();
      return;
    }
    this.#account = a.jid;
    this.#session("open");
    this.#begin({ jid: a.jid });
  }

  /** What a tab that joins has to know. */
  join(): CoreEvent[] {
    return this.#replay.all();
  }

  /** Remembers now what would be remembered later: the page is about to go. */
  save(): void {
    clearTimeout(this.#saving);
    this.#saving = undefined;
    if (this.#account) void snapshot.set(this.#replay.snapshot()).catch(() => undefined);
  }

  perform(command: Tagged): void {
    switch (command.cmd) {
      case "signin":
        void this.#signIn(command.tag, { jid: command.account, password: command.password });
        return;
      case "register":
        void this.#signIn(command.tag, { jid: command.account, password: command.password, token: command.token });
        return;
      case "signoutself":
        void this.#signOut(command.tag);
        return;
    }
    if (!this.#host.running) {
      this.#fail(command.tag, command.cmd, "nobody is signed in", "signed-out");
      return;
    }
    this.#pass(command);
  }

  #pass(command: Tagged): void {
    this.#open.set(command.tag, command);
    if (command.cmd === "sendfile") this.#host.command({ ...command, file: this.#host.file(command.file) });
    else this.#host.command(command);
  }

  #begin(who: { jid: string; password?: string; token?: string }): void {
    this.#options = { ...who, url: this.#place.url, lang: this.#place.lang(), device: this.#place.device };
    this.#host.start(this.#options);
    for (const cmd of ["settings", "roster", "chats"] as const) this.#pass({ cmd, tag: this.#tag() });
  }

  #tag(): string {
    return `${own}.${++this.#counter}`;
  }

  async #signIn(tag: string, who: { jid: string; password: string; token?: string }): Promise<void> {
    if (this.#trial) {
      this.#fail(tag, "signin", "another sign-in is under way", "busy");
      return;
    }
    this.#trial = { tag, account: who.jid };
    this.#session("signing-in");
    await this.#host.stop();
    this.#abandon();
    if (bare(who.jid) !== this.#account) this.#replay.clear();
    this.#begin(who);
  }

  /** The sign-in that is tried has failed. */
  async #refused(message: string, code: string): Promise<void> {
    const trial = this.#trial;
    if (!trial) return;
    await this.#host.stop();
    this.#trial = undefined;
    this.#abandon();
    this.#session("none");
    this.#fail(trial.tag, "signin", message, code === "auth" ? "not-authorized" : code || "unreachable");
    this.#host.warm();
  }

  async #signOut(tag: string): Promise<void> {
    if (this.#host.running) {
      const mine = this.#tag();
      const answered = new Promise<void>((resolve) => {
        this.#leaving.set(mine, resolve);
        setTimeout(resolve, goodbye);
      });
      this.#pass({ cmd: "signoutself", tag: mine });
      await answered; // whatever the server says: what is here goes
      this.#leaving.delete(mine);
    }
    await this.#host.stop();
    await this.#forget();
    this.#tell({ event: "done", tag, cmd: "signoutself" });
  }

  async #forget(): Promise<void> {
    const jid = this.#account;
    this.#account = "";
    this.#options = undefined;
    clearTimeout(this.#saving);
    this.#abandon();
    this.#replay.clear();
    if (jid) await forget(jid).catch(() => undefined);
    this.#session("none");
  }

  #session(state: "none" | "signing-in" | "open"): void {
    const e: CoreEvent = this.#account ? { event: "session", state, account: this.#account } : { event: "session", state };
    this.#replay.hear(e);
    this.#told.all(e);
  }

  #heard(e: CoreEvent): void {
    if (this.#trial && e.event === "online") {
      const tag = this.#trial.tag;
      this.#trial = undefined;
      this.#account = bare(e.jid);
      if (this.#options) {
        // What is needed to start again: from now on there is a token.
        const { token: _, ...rest } = this.#options;
        this.#options = rest;
        this.#host.renew(rest);
      }
      void account.set({ jid: this.#account }).catch(() => undefined);
      this.#session("open");
      this.#tell({ event: "done", tag, cmd: "signin" });
    }
    if (this.#trial && e.event === "offline") {
      void this.#refused(e.message ?? "", e.code ?? "");
      return;
    }
    const { tag, ...plain } = e as CoreEvent & { tag?: string };
    const untagged = plain as CoreEvent;
    if (e.event === "done" || e.event === "error") {
      if (tag !== undefined) this.#open.delete(tag);
      const again = tag !== undefined && this.#again.delete(tag);
      if (again && e.event === "error" && e.code === "id-used") {
        this.#tell({ event: "done", tag, cmd: "send" }); // the first time was enough
        return;
      }
    } else {
      this.#replay.hear(untagged);
      if (changesLists.has(e.event)) this.#soon();
    }
    this.#tell(e);
  }

  /** Tells an event to whom it concerns. */
  #tell(e: CoreEvent): void {
    const { tag, ...plain } = e as CoreEvent & { tag?: string };
    const untagged = plain as CoreEvent;
    if (tag === undefined) {
      this.#told.all(untagged);
      return;
    }
    const tab = tag.slice(0, tag.lastIndexOf("."));
    if (tab !== own) {
      this.#told.one(tab, e);
      const history = e.event === "message" && e.history;
      if (news.has(e.event) && !history) this.#told.all(untagged, tab);
    } else if (e.event === "done" || e.event === "error") {
      this.#leaving.get(tag)?.();
    } else {
      this.#told.all(untagged);
    }
  }

  #fail(tag: string, cmd: string, message: string, code: string): void {
    this.#tell({ event: "error", tag, cmd, message, code });
  }

  /** Answers what the core will not answer any more. */
  #abandon(): void {
    for (const [tag, command] of this.#open) this.#fail(tag, command.cmd, "the client was ended", "interrupted");
    this.#open.clear();
    this.#again.clear();
  }

  #ended(message: string, code: string): void {
    if (this.#trial) {
      void this.#refused(message, code);
      return;
    }
    this.#abandon();
    if (code === "signed-out") void this.#forget();
    else if (code === "auth" || code === "") this.#session("none");
    else this.#told.all({ event: "offline", message, code, final: true });
  }

  /** The core died and begins again. Messages are sent again under the same id; whatever else was asked is not. */
  #crashed(message: string, retry: number): void {
    const e: CoreEvent = { event: "offline", message, code: "crashed", retry_ms: retry };
    this.#replay.hear(e);
    this.#told.all(e);
    const sends = [...this.#open.values()].filter((c) => c.cmd === "send");
    for (const c of sends) this.#open.delete(c.tag);
    this.#abandon();
    setTimeout(() => {
      for (const cmd of ["settings", "roster", "chats"] as const) this.#pass({ cmd, tag: this.#tag() });
      for (const c of sends) {
        this.#again.add(c.tag);
        this.#pass(c);
      }
    }, retry + 1); // behind the start, which the host does first
  }

  #soon(): void {
    this.#saving ??= setTimeout(() => this.save(), saved);
  }
}

const changesLists = new Set<CoreEvent["event"]>(["roster", "contact", "chats", "chat", "settings", "setting"]);

function bare(jid: string): string {
  return jid.split("/", 1)[0] ?? jid;
}
