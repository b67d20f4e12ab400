// The face of somebody who is signed in: navigation, the list, the conversation, and what opens above them.

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { t } from "../i18n/index.ts";
import { dismiss, toasts } from "../state/actions.ts";
import { chatRows } from "../state/chats.ts";
import { back, go, openChat, route } from "../state/route.ts";
import { AddContact, Shortcuts, Switcher } from "./overlays.tsx";
import { MessageDialogs } from "./bubble.tsx";
import { Conversation } from "./conversation.tsx";
import { Lightbox, SendDialog, chosen, lightbox } from "./files.tsx";
import { Empty, IconButton } from "./parts.tsx";
import { Settings } from "./settings.tsx";
import { Nav, Sidebar } from "./sidebar.tsx";

export const adding = signal(false);
export const switching = signal(false);
export const helping = signal(false);

export function Shell(): JSX.Element {
  useKeys();
  const r = route.value;
  const detail = r.page === "chat" || r.page === "settings";
  return (
    <div class={`shell ${detail ? "shell-detail" : "shell-list"} shell-${r.page}`}>
      {r.page === "settings" ? null : <h1 class="sr-only">{r.page === "contacts" ? t("nav.contacts") : t("nav.chats")}</h1>}
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.querySelector<HTMLElement>("main textarea, main")?.focus(); }}>
        {t("skip")}
      </a>
      <Nav />
      <Sidebar />
      {r.page === "chat" ? (
        <Conversation jid={r.jid} panel={r.panel} />
      ) : r.page === "settings" ? (
        <Settings section={r.section} />
      ) : (
        <main id="main" class="nothing" tabIndex={-1}>
          <Empty icon="bird" title={t("nothing.title")} text={t("nothing.text")} />
        </main>
      )}
      {switching.value ? <Switcher onClose={() => (switching.value = false)} /> : null}
      {adding.value ? <AddContact onClose={() => (adding.value = false)} /> : null}
      {helping.value ? <Shortcuts onClose={() => (helping.value = false)} /> : null}
      <SendDialog key={chosen.value ? "open" : ""} />
      <MessageDialogs />
      <Lightbox key={lightbox.value?.url ?? ""} />
      <Toasts />
    </div>
  );
}

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-live="polite" data-testid="toasts">
      {toasts.value.map((x) => (
        <div key={x.id} class={`toast ${x.bad ? "toast-bad" : ""}`}>
          <span dir="auto">{x.text}</span>
          {x.action ? (
            <button
              type="button"
              class="link-button"
              onClick={() => {
                x.action?.run();
                dismiss(x.id);
              }}
            >
              {x.action.label}
            </button>
          ) : null}
          <IconButton icon="close" label={t("close")} size={16} onClick={() => dismiss(x.id)} />
        </div>
      ))}
    </div>
  );
}

/** The keys that work everywhere. */
function useKeys(): void {
  useEffect(() => {
    const onKey = (e: KeyboardEvent): void => {
      if (e.defaultPrevented || e.isComposing) return;
      const mod = e.ctrlKey || e.metaKey;
      const typing = e.target instanceof Element && e.target.closest("input, textarea, [contenteditable]");
      if (mod && !e.shiftKey && !e.altKey && e.key.toLowerCase() === "k") switching.value = !switching.value;
      else if (mod && !e.shiftKey && !e.altKey && e.key === ",") go({ page: "settings", section: "" });
      else if (e.altKey && !mod && (e.key === "ArrowUp" || e.key === "ArrowDown")) step(e.key === "ArrowUp" ? -1 : 1);
      else if (e.key === "?" && !typing) helping.value = true;
      else if (e.key === "/" && !typing && !mod) document.querySelector<HTMLElement>("[data-testid=side-search]")?.focus();
      else if (e.key === "Escape" && !document.querySelector("dialog[open]")) escape();
      else return;
      e.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

function escape(): void {
  const r = route.value;
  if (r.page === "chat" && r.panel) back({ page: "chat", jid: r.jid, panel: "" });
  else if (r.page === "chat") {
    go({ page: "chats" });
    document.querySelector<HTMLElement>(`.vlist [data-jid="${CSS.escape(r.jid)}"]`)?.focus();
  } else if (r.page === "settings") back({ page: "chats" });
}

function step(by: number): void {
  const rows = chatRows.value;
  if (rows.length === 0) return;
  const at = rows.findIndex((c) => c.chat === openChat() && route.value.page === "chat");
  const next = rows[at < 0 ? 0 : (at + by + rows.length) % rows.length];
  if (next) go({ page: "chat", jid: next.chat, panel: "" }, route.value.page === "chat");
}
