// What runs in the Worker: starts the core and carries messages between it and the page. The core itself is Go
// (web/core). Nothing is decided here.
import "wasm_exec";

declare const __CORE__: string;

interface GoProgram {
  importObject: WebAssembly.Imports;
  exit: (code: number) => void;
  run(instance: WebAssembly.Instance): Promise<void>;
}

/** The messages to the page. */
interface Outside {
  post(message: object, transfer: Transferable[]): void;
  event(text: string): void;
  ready(): void;
  exit(): void;
  receive?: (message: unknown) => void;
}

const scope = self as unknown as {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  onmessage: ((e: MessageEvent) => void) | null;
  close(): void;
  location: Location;
  Go: new () => GoProgram;
  godwit: Outside;
};

let waiting: unknown[] | undefined = [];
let events: string[] = [];

/** Events of one turn of the core travel together. */
function flush(): void {
  const texts = events;
  events = [];
  scope.postMessage({ kind: "events", text: `[${texts.join(",")}]` });
}

function crashed(message: string): void {
  if (events.length > 0) flush();
  scope.postMessage({ kind: "crashed", message });
  scope.close();
}

scope.godwit = {
  post: (message, transfer) => scope.postMessage(message, transfer),
  event(text) {
    if (events.push(text) === 1) queueMicrotask(flush);
  },
  ready() {
    const early = waiting ?? [];
    waiting = undefined;
    scope.postMessage({ kind: "ready" });
    for (const m of early) scope.godwit.receive?.(m);
  },
  exit: () => crashed("the core met a defect"),
};

scope.onmessage = (e) => {
  if (waiting) waiting.push(e.data);
  else scope.godwit.receive?.(e.data);
};

async function main(): Promise<void> {
  const go = new scope.Go();
  const response = fetch(new URL(__CORE__, scope.location.href));
  const { instance } = await WebAssembly.instantiateStreaming(response, go.importObject);
  await go.run(instance);
  crashed("the core has ended"); // it never does by itself
}

main().catch((e: unknown) => crashed(e instanceof Error ? e.message : String(e)));
