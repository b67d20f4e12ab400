// Which chat is being looked at, in this tab and in the others, so that the leader pops nothing up about it.

import { computed, effect, signal } from "@preact/signals";
import { openChat } from "./route.ts";
import { route } from "./route.ts";

/** The tab is in front and has the focus. */
export const looking = signal(true);
/** The chat that this tab's reader looks at, or "". */
export const watched = computed(() => (looking.value && route.value.page === "chat" ? openChat() : ""));

const others = new Map<string, { chat: string; at: number }>();
/** A tab that says nothing for this long is gone. */
const STALE_MS = 90_000;

/** Whether some tab shows this chat to somebody. */
export function isWatched(chat: string): boolean {
  if (watched.value === chat) return true;
  const now = Date.now();
  for (const o of others.values()) if (o.chat === chat && now - o.at < STALE_MS) return true;
  return false;
}

/** Whether some tab of this client has the focus. */
export function isLooking(): boolean {
  return looking.value || [...others.values()].some((o) => o.chat !== "" && Date.now() - o.at < STALE_MS);
}

export function startWatch(): void {
  const read = (): void => {
    looking.value = document.visibilityState === "visible" && document.hasFocus();
  };
  read();
  addEventListener("focus", read);
  addEventListener("blur", read);
  document.addEventListener("visibilitychange", read);
  if (!("BroadcastChannel" in globalThis)) return;
  const me = Array.from(crypto.getRandomValues(new Uint8Array(8)), (x) => x.toString(16)).join("");
  const channel = new BroadcastChannel("godwit-watch");
  channel.onmessage = (e: MessageEvent<unknown>) => {
    const d = e.data;
    if (typeof d !== "object" || d === null || !("tab" in d) || !("chat" in d)) return;
    if (typeof d.tab === "string" && typeof d.chat === "string") others.set(d.tab, { chat: d.chat, at: Date.now() });
    if (others.size > 64) others.clear();
  };
  const say = (): void => channel.postMessage({ tab: me, chat: watched.value });
  effect(say);
  setInterval(say, STALE_MS / 3);
  addEventListener("pagehide", () => channel.postMessage({ tab: me, chat: "" }));
}
