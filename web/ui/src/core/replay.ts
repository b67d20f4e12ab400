// What a tab has to be told that joins later, and what is painted before the core runs: the latest of everything that
// has a state. It keeps events, by what they are about; it computes nothing.
import type { CoreEvent } from "../contract.ts";

type Of<K extends CoreEvent["event"]> = Extract<CoreEvent, { event: K }>;

/** How many chats are painted before the core runs. */
const painted = 60;

export class Replay {
  #session: CoreEvent | undefined;
  #connection: CoreEvent | undefined;
  #roster = new Map<string, Of<"roster">["items"][number]>();
  #chats = new Map<string, Of<"chats">["items"][number]>();
  #settings = new Map<string, Of<"settings">["items"][number]>();
  #presence = new Map<string, CoreEvent>();
  #asking = new Map<string, CoreEvent>();
  #links = new Map<string, CoreEvent>();
  #blocked: CoreEvent | undefined;

  hear(e: CoreEvent): void {
    switch (e.event) {
      case "session":
        this.#session = e;
        break;
      case "online":
      case "offline":
        this.#connection = e;
        if (e.event === "offline") this.#presence.clear();
        break;
      case "roster":
        this.#roster = new Map(e.items.map((i) => [i.jid, i]));
        break;
      case "contact": {
        const { event: _, tag: __, ...item } = e;
        if (e.subscription === "remove") this.#roster.delete(e.jid);
        else this.#roster.set(e.jid, item);
        this.#asking.delete(e.jid);
        break;
      }
      case "chats":
        this.#chats = new Map(e.items.map((c) => [c.chat, c]));
        break;
      case "chat": {
        const { event: _, tag: __, ...chat } = e;
        this.#chats.delete(e.chat); // to the end: the newest
        this.#chats.set(e.chat, chat);
        break;
      }
      case "settings":
        this.#settings = new Map(e.items.map((s) => [`${s.with ?? ""} ${s.name}`, s]));
        break;
      case "setting": {
        const { event: _, tag: __, ...setting } = e;
        this.#settings.set(`${e.with ?? ""} ${e.name}`, setting);
        break;
      }
      case "presence":
        if (e.available) this.#presence.set(e.from, e);
        else this.#presence.delete(e.from);
        break;
      case "subscription":
        this.#asking.set(e.from, e);
        break;
      case "link":
        if (e.state === "down" || e.state === "none") this.#links.delete(e.peer);
        else this.#links.set(e.peer, e);
        break;
      case "blocked":
        this.#blocked = e;
        break;
    }
  }

  /** The lists, newest chats first. */
  #lists(most: number): CoreEvent[] {
    const chats = [...this.#chats.values()].sort((a, b) => (b.time ?? "").localeCompare(a.time ?? ""));
    return [
      { event: "settings", items: [...this.#settings.values()] },
      { event: "roster", items: [...this.#roster.values()] },
      { event: "chats", items: chats.slice(0, most) },
    ];
  }

  /** For a tab that joins. */
  all(): CoreEvent[] {
    const events: CoreEvent[] = [];
    if (this.#session) events.push(this.#session);
    events.push(...this.#lists(Infinity));
    if (this.#connection) events.push(this.#connection);
    events.push(...this.#presence.values(), ...this.#asking.values(), ...this.#links.values());
    if (this.#blocked) events.push(this.#blocked);
    return events;
  }

  /** For the next start of the page. */
  snapshot(): CoreEvent[] {
    return this.#lists(painted);
  }

  clear(): void {
    for (const m of [this.#roster, this.#chats, this.#settings, this.#presence, this.#asking, this.#links]) m.clear();
    this.#connection = this.#blocked = undefined;
  }
}
