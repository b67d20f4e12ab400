// The service worker: keeps the files of the page, all of one build together, and opens the page when a notification is
// clicked. It touches nothing else: the WebSocket, files of people, invitations and trust pages go to the server.

declare const __VERSION__: string;
declare const __SHELL__: string;

interface ExtendableEvent extends Event {
  waitUntil(p: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(r: Response | Promise<Response>): void;
}
interface WindowClient {
  readonly url: string;
  readonly focused: boolean;
  focus(): Promise<WindowClient>;
  postMessage(message: unknown): void;
}
interface NotificationEvent extends ExtendableEvent {
  readonly notification: Notification;
}

const scope = self as unknown as {
  addEventListener(kind: string, f: (e: never) => void): void;
  registration: { scope: string };
  clients: {
    claim(): Promise<void>;
    matchAll(o: { type: "window"; includeUncontrolled: boolean }): Promise<WindowClient[]>;
    openWindow(url: string): Promise<WindowClient | null>;
  };
  skipWaiting(): Promise<void>;
};

const kept = `godwit-${__VERSION__}`;
const shell = JSON.parse(__SHELL__) as string[];
const at = (name: string): string => new URL(name, scope.registration.scope).href;
const files = new Set(shell.map(at));

scope.addEventListener("install", (e: ExtendableEvent) => {
  e.waitUntil(
    caches.open(kept).then((cache) => cache.addAll(shell.map((name) => new Request(at(name), { cache: "no-cache" })))),
  );
});

scope.addEventListener("activate", (e: ExtendableEvent) => {
  e.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((n) => n.startsWith("godwit-") && n !== kept).map((n) => caches.delete(n))))
      .then(() => scope.clients.claim()),
  );
});

scope.addEventListener("fetch", (e: FetchEvent) => {
  const request = e.request;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  const name = url.origin + url.pathname;
  const page = request.mode === "navigate" && (name === at("./") || name === at("index.html"));
  if (!page && !files.has(name)) return;
  const wanted = page ? at("index.html") : name;
  e.respondWith(
    caches
      .open(kept)
      .then((cache) => cache.match(wanted))
      .then((found) => found ?? fetch(request)),
  );
});

scope.addEventListener("message", (e: MessageEvent & ExtendableEvent) => {
  if (e.data !== "take over if alone") return;
  e.waitUntil(
    scope.clients.matchAll({ type: "window", includeUncontrolled: true }).then((all) => (all.length <= 1 ? scope.skipWaiting() : undefined)),
  );
});

scope.addEventListener("notificationclick", (e: NotificationEvent) => {
  e.notification.close();
  const data = e.notification.data as { chat?: string } | null;
  e.waitUntil(
    scope.clients.matchAll({ type: "window", includeUncontrolled: true }).then(async (all) => {
      const where = data?.chat ? `./#/chat/${encodeURIComponent(data.chat)}` : "./";
      const open = all.find((c) => c.focused) ?? all[0];
      if (!open) {
        await scope.clients.openWindow(at(where));
        return;
      }
      if (!open.focused) await open.focus().catch(() => undefined);
      open.postMessage({ go: where });
    }),
  );
});
