// Pop-ups, the title and the badge. What decides is lib/notify.ts; this is the hands.

import { effect } from "@preact/signals";
import { t } from "../i18n/index.ts";
import { notifyMessage, notifyOnline } from "../lib/notify.ts";
import { flatten } from "../lib/styling.ts";
import { line } from "../lib/text.ts";
import { onlineMode, onlineSince, ownShow, role, session, setting } from "./app.ts";
import { toast } from "./actions.ts";
import { chats, unreadTotal } from "./chats.ts";
import { nameOf } from "./contacts.ts";
import type { Heard } from "./project.ts";
import { go } from "./route.ts";
import { isWatched, looking } from "./watch.ts";

const wentAway = new Map<string, number>();
const lastShown = new Map<string, number>();
const shown = new Map<string, Notification>();

export function supported(): boolean {
  return "Notification" in globalThis && isSecureContext;
}

export function permitted(): boolean {
  return supported() && Notification.permission === "granted";
}

export async function askPermission(): Promise<boolean> {
  return supported() && (await Notification.requestPermission()) === "granted";
}

/** Looks at what an event meant and pops up what is due. */
export function hear(h: Heard): void {
  if (h.came) presenceChanged(h.came.jid, h.came.what);
  if (h.message) {
    const m = h.message;
    const ok = notifyMessage({
      enabled: setting("ui.notify", "on") === "on",
      permitted: permitted(),
      leader: role.value === "leader",
      own: !!m.own,
      history: !!m.history || !!m.late,
      muted: !!chats.peek(m.chat)?.muted,
      ownShow: ownShow.value,
      watching: isWatched(m.chat),
      read: m.state === "read",
    });
    if (ok) {
      const hide = setting("ui.notify-hide", "off") === "on";
      pop(`chat:${m.chat}`, hide ? t("app.name") : nameOf(m.chat), hide ? t("notify.hidden") : m.file ? t("msg.file", { name: line(m.file.name, 80) }) : line(flatten(m.body), 160), m.chat);
    }
  }
  if (h.readElsewhere) close(`chat:${h.readElsewhere}`);
}

function presenceChanged(jid: string, what: "came" | "went" | "same"): void {
  const now = Date.now();
  if (what === "went") {
    wentAway.set(jid, now);
    return;
  }
  if (what !== "came") return;
  const favourite = setting("notify-online", "off", jid) === "on";
  const facts = {
    now,
    ownOnline: onlineSince.value,
    wentAway: wentAway.get(jid) ?? 0,
    lastShown: lastShown.get(jid) ?? 0,
    mode: onlineMode.value,
    favourite,
    ownShow: ownShow.value,
    leader: role.value === "leader",
    // With the page in front a quiet notice inside it does; it needs no permission.
    permitted: permitted() || looking.value,
    watching: isWatched(jid),
  };
  if (!notifyOnline(facts)) return;
  lastShown.set(jid, now);
  const text = t("notify.online", { name: nameOf(jid) });
  const open = (): void => go({ page: "chat", jid, panel: "" });
  if (looking.value) toast(text, false, { label: t("notify.open"), run: open });
  else pop(`online:${jid}`, text, t("notify.online.text"), jid);
}

function pop(tag: string, title: string, body: string, chat: string): void {
  try {
    const n = new Notification(title, { body, tag, icon: "icon-192.png", silent: false });
    shown.set(tag, n);
    n.onclick = () => {
      window.focus();
      go({ page: "chat", jid: chat, panel: "" });
      n.close();
    };
    n.onclose = () => shown.delete(tag);
  } catch {
    // Chrome on Android allows notifications from the service worker only.
    void navigator.serviceWorker?.ready.then((r) => r.showNotification(title, { body, tag, icon: "icon-192.png", data: { chat } }));
  }
}

function close(tag: string): void {
  shown.get(tag)?.close();
  shown.delete(tag);
  void navigator.serviceWorker?.getRegistration().then(async (r) => (await r?.getNotifications({ tag }))?.forEach((n) => n.close()));
}

/** The number in the title, on the icon of the page and on that of the installed app. */
export function startBadges(): void {
  effect(() => {
    const n = session.value === "open" ? unreadTotal.value : 0;
    document.title = n > 0 ? `(${n}) ${t("app.name")}` : t("app.name");
    const icon = document.querySelector<HTMLLinkElement>("#favicon");
    if (icon) icon.href = n > 0 ? "icon-unread.svg" : "icon.svg";
    if ("setAppBadge" in navigator) void (n > 0 ? navigator.setAppBadge(n) : navigator.clearAppBadge()).catch(() => undefined);
  });
  effect(() => {
    for (const c of chats.values()) if (!c.unread && shown.has(`chat:${c.chat}`)) close(`chat:${c.chat}`);
  });
}
