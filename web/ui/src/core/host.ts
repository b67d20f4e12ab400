// The Worker with the core, as the leader tab holds it: it is started with an account, told commands, and started again
// when it dies. Nothing is lost then: what was sent is in the core's database.
import type { CoreEvent } from "../contract.ts";
import { Connections, type ToCore } from "./rtc.ts";
import { scriptURL } from "./trusted.ts";

declare const __WORKER__: string;

/** What a client is started with (web/core/options.go). */
export interface Options {
  jid: string;
  password?: string;
  token?: string; // of an invitation, to make the account with
  url: string;
  lang: string;
  device: string;
}

/** What the host tells. */
export interface Heard {
  events(events: CoreEvent[]): void;
  /** The client has ended by itself, or could not begin. */
  ended(message: string, code: string): void;
  /** The Worker died and will be started again in so many milliseconds. */
  crashed(message: string, retry: number): void;
}

type FromCore =
  | { kind: "ready" | "started" }
  | { kind: "events"; text: string }
  | { kind: "ended"; message?: string; code?: string }
  | { kind: "defect"; message: string }
  | { kind: "crashed"; message: string }
  | { kind: "rtc"; id: number };

const firstPause = 500; // milliseconds
const longestPause = 30_000;
const stable = 60_000; // a Worker that lived so long begins anew with the shortest pause

export class Host {
  #heard: Heard;
  #worker: Worker | undefined;
  #options: Options | undefined;
  #connections: Connections | undefined;
  #pause = firstPause;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #began = 0;
  #stopped: (() => void) | undefined;
  #handles = 0;

  constructor(heard: Heard) {
    this.#heard = heard;
  }

  get running(): boolean {
    return this.#options !== undefined;
  }

  /** Starts a client. The one before must have been stopped. */
  start(options: Options): void {
    this.#options = options;
    this.#spawn();
    this.#post({ kind: "start", options: JSON.stringify(options) });
  }

  /** What to start with when the Worker has to be started again. */
  renew(options: Options): void {
    if (this.#options) this.#options = options;
  }

  /** Fetches and compiles the core before it is needed. */
  warm(): void {
    this.#spawn();
  }

  command(command: object): void {
    this.#post({ kind: "command", text: JSON.stringify(command) });
  }

  /** Hands a file to the core and returns the handle that commands name it by. */
  file(file: Blob): string {
    const handle = `file-${++this.#handles}`;
    this.#post({ kind: "file", handle, file });
    return handle;
  }

  /** Ends the client politely, and waits for that. */
  stop(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#options || !this.#worker) {
      this.#options = undefined;
      return Promise.resolve();
    }
    this.#options = undefined;
    return new Promise((resolve) => {
      const patience = setTimeout(() => {
        this.#drop();
        resolve();
      }, 5000);
      this.#stopped = () => {
        clearTimeout(patience);
        resolve();
      };
      this.#post({ kind: "stop" });
    });
  }

  #post(message: ToCore): void {
    this.#worker?.postMessage(message);
  }

  #spawn(): void {
    if (this.#worker) return;
    const worker = new Worker(scriptURL(__WORKER__), { type: "module", name: "godwit" });
    this.#worker = worker;
    this.#began = Date.now();
    this.#connections = new Connections((message, transfer) => worker.postMessage(message, transfer));
    worker.onmessage = (e: MessageEvent<FromCore>) => {
      if (this.#worker === worker) this.#hear(e.data);
    };
    worker.onerror = (e) => {
      if (this.#worker === worker) this.#crashed(e.message || "the worker could not be started");
    };
  }

  #drop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#connections?.close();
    this.#connections = undefined;
  }

  #hear(m: FromCore): void {
    switch (m.kind) {
      case "events":
        this.#heard.events(JSON.parse(m.text) as CoreEvent[]);
        break;
      case "ended": {
        const stopped = this.#stopped;
        this.#stopped = undefined;
        this.#connections?.close();
        if (stopped) stopped();
        else {
          this.#options = undefined;
          this.#heard.ended(m.message ?? "", m.code ?? "");
        }
        break;
      }
      case "defect":
        console.error("the core met a defect", m.message);
        break;
      case "crashed":
        this.#crashed(m.message);
        break;
      case "rtc":
        this.#connections?.hear(m);
        break;
    }
  }

  #crashed(message: string): void {
    const lived = Date.now() - this.#began;
    this.#drop();
    this.#stopped?.();
    this.#stopped = undefined;
    const options = this.#options;
    if (!options) return;
    if (lived >= stable) this.#pause = firstPause;
    const pause = this.#pause;
    this.#pause = Math.min(pause * 2, longestPause);
    this.#heard.crashed(message, pause);
    this.#timer = setTimeout(() => {
      if (this.#options === options) this.start(options);
    }, pause);
  }
}
