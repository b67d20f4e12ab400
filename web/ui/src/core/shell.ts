// The service worker keeps the page itself, so that it opens without a network. A newer page waits until the older one
// is closed everywhere, or takes over at once when this is the only tab and it has just been opened.
import { scriptURL } from "./trusted.ts";

const young = 5000; // milliseconds in which nobody has begun to do anything

export function keepShell(): void {
  if (!("serviceWorker" in navigator) || !window.isSecureContext) return;
  const opened = performance.now();
  navigator.serviceWorker.addEventListener("message", (e: MessageEvent<{ go?: unknown }>) => {
    const where = e.data?.go;
    if (typeof where === "string" && where.startsWith("./#/")) location.hash = where.slice(2);
  });
  void navigator.serviceWorker
    .register(scriptURL("sw.js"))
    .then((registration) => {
      const offer = (): void => {
        const next = registration.waiting;
        if (!next || !navigator.serviceWorker.controller || performance.now() - opened > young) return;
        next.postMessage("take over if alone");
        navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      };
      offer();
      registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", offer));
    })
    .catch((e: unknown) => console.warn("the page can not be kept for later", e)); // it works all the same
}
