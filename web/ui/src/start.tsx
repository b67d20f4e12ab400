// Puts the face on the page: the state listens to the core, the app draws the state.

import { render } from "preact";
import type { CoreEvent } from "./contract.ts";
import type { Core } from "./face.ts";
import { typing } from "./state/chats.ts";
import { useCore } from "./state/app.ts";
import { flush } from "./state/live.ts";
import { hear, startBadges } from "./state/notifier.ts";
import { startPrefs } from "./state/prefs.ts";
import { apply } from "./state/project.ts";
import { startRoute } from "./state/route.ts";
import { startWatch } from "./state/watch.ts";
import { App } from "./ui/app.tsx";

export function start(core: Core): void {
  const root = document.getElementById("app");
  if (!root) throw new Error("the page has no #app");
  useCore(core);
  startPrefs();
  startRoute();
  startWatch();
  startBadges();
  core.on(listen());
  viewport();
  // Who stopped writing without saying so.
  setInterval(() => {
    const now = Date.now();
    for (const [chat, until] of typing.peekAll()) if (until <= now) typing.delete(chat);
  }, 5_000);
  // A dropped file must never replace the page.
  for (const kind of ["dragover", "drop"] as const) addEventListener(kind, (e) => e.preventDefault());
  render(<App />, root);
}

/** Applies events as they come, and announces a burst of them once. */
function listen(): (e: CoreEvent) => void {
  let waiting: CoreEvent[] = [];
  const run = (): void => {
    const now = waiting;
    waiting = [];
    for (const e of now) hear(apply(e));
    flush();
  };
  return (e) => {
    if (waiting.push(e) === 1) queueMicrotask(run);
  };
}

/** The height that the keyboard of a telephone leaves, as --vh. */
function viewport(): void {
  const v = globalThis.visualViewport;
  if (!v) return;
  const set = (): void => {
    document.documentElement.style.setProperty("--vh", `${v.height}px`);
    if (v.offsetTop > 0) window.scrollTo(0, 0);
  };
  set();
  v.addEventListener("resize", set);
  v.addEventListener("scroll", set);
}
