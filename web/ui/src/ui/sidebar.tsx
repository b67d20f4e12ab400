// The left side: oneself, the search, chats or contacts.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Show } from "../contract.ts";
import { t } from "../i18n/index.ts";
import type { Presence } from "../lib/order.ts";
import { line, hue, initials } from "../lib/text.ts";
import { local } from "../lib/jid.ts";
import { attempt } from "../state/actions.ts";
import { account, connection, ownShow, ownStatus } from "../state/app.ts";
import { chatFilter, unreadTotal } from "../state/chats.ts";
import { contactFilter, requests } from "../state/contacts.ts";
import { go, route } from "../state/route.ts";
import { ChatList } from "./chatlist.tsx";
import { ContactList } from "./contactlist.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { Dialog, Dot, Field, IconButton, presenceWord } from "./parts.tsx";
import { adding, switching } from "./shell.tsx";
import { FoundMessages } from "./search.tsx";

export function Sidebar(): JSX.Element {
  const page = route.value.page === "contacts" ? "contacts" : "chats";
  const filter = page === "contacts" ? contactFilter : chatFilter;
  return (
    <div class="sidebar" data-testid="sidebar">
      <header class="side-head">
        <Me />
        <IconButton icon="userPlus" label={t("contact.add")} onClick={() => (adding.value = true)} testid="add-contact" />
      </header>
      <search class="side-search">
        <Icon name="search" size={18} />
        <input
          type="search"
          class="search-input"
          aria-label={t(page === "contacts" ? "contacts.search" : "chats.search")}
          placeholder={t(page === "contacts" ? "contacts.search" : "chats.search")}
          value={filter.value}
          data-testid="side-search"
          onInput={(e) => (filter.value = e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key === "Escape" && filter.value) {
              e.stopPropagation();
              filter.value = "";
            } else if (e.key === "ArrowDown") {
              e.preventDefault();
              document.querySelector<HTMLElement>(".vlist [data-focus]")?.focus();
            }
          }}
        />
        <kbd class="not-narrow" aria-hidden="true" onClick={() => (switching.value = true)}>
          {/Mac|iPhone|iPad/.test(navigator.platform) ? "⌘K" : "Ctrl K"}
        </kbd>
      </search>
      <Offline />
      {page === "contacts" ? <ContactList /> : <ChatList />}
      {page === "chats" && chatFilter.value ? <FoundMessages words={chatFilter.value} /> : null}
    </div>
  );
}

const SHOWS: { show: Show; of: Presence }[] = [
  { show: "", of: "online" },
  { show: "away", of: "away" },
  { show: "dnd", of: "dnd" },
  { show: "xa", of: "xa" },
];

/** Oneself, and how present one is. */
function Me(): JSX.Element {
  const open = useSignal(false);
  const of: Presence = !connection.value.online ? "offline" : ownShow.value === "" ? "online" : ownShow.value;
  return (
    <>
      <button type="button" class="me" onClick={() => (open.value = true)} title={t("me.title")} data-testid="me">
        <span class={`avatar avatar-m hue-${hue(account.value)}`} aria-hidden="true">
          {initials(local(account.value))}
          <span class="avatar-dot">
            <Dot of={of} />
          </span>
        </span>
        <span class="me-text">
          <span class="me-name" dir="auto">
            {line(local(account.value), 60)}
          </span>
          <span class="me-state">
            {ownStatus.value ? (
              <>
                <span class="sr-only">{presenceWord(of)} </span>
                {line(ownStatus.value, 60)}
              </>
            ) : (
              presenceWord(of)
            )}
          </span>
        </span>
        <Icon name="down" size={16} />
      </button>
      {open.value ? <StatusDialog onClose={() => (open.value = false)} /> : null}
    </>
  );
}

function StatusDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const show = useSignal<Show>(ownShow.value);
  const status = useSignal(ownStatus.value);
  return (
    <Dialog title={t("me.title")} onClose={onClose}>
      <form
        class="form"
        onSubmit={(e) => {
          e.preventDefault();
          ownShow.value = show.value;
          ownStatus.value = status.value.trim();
          void attempt({ cmd: "presence", show: show.value, status: status.value.trim() });
          onClose();
        }}
      >
        <div class="choices" role="radiogroup" aria-label={t("me.title")}>
          {SHOWS.map((s) => (
            <label key={s.show} class={`choice ${show.value === s.show ? "choice-on" : ""}`}>
              <input type="radio" name="show" class="sr-only" checked={show.value === s.show} onChange={() => (show.value = s.show)} />
              <Dot of={s.of} />
              <span class="row-text">
                <span>{presenceWord(s.of)}</span>
                <span class="hint">{t(`me.${s.of}.hint` as "me.online.hint")}</span>
              </span>
              {show.value === s.show ? <Icon name="check" size={18} /> : null}
            </label>
          ))}
        </div>
        <Field id="status" label={t("me.status")} value={status.value} onInput={(v) => (status.value = v)} placeholder={t("me.status.placeholder")} maxLength={200} />
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            {t("cancel")}
          </button>
          <button type="submit" class="button primary">
            {t("save")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Says plainly that there is no connection, and that nothing is lost. */
function Offline(): JSX.Element | null {
  const c = connection.value;
  const tick = useSignal(0);
  const ref = useRef(0);
  useEffect(() => {
    if (c.online) return undefined;
    ref.current = window.setInterval(() => tick.value++, 1000);
    return () => clearInterval(ref.current);
  }, [c.online]);
  if (c.online) return null;
  void tick.value;
  const left = c.retryAt ? Math.max(0, Math.ceil((c.retryAt - Date.now()) / 1000)) : 0;
  return (
    <div class="offline" role="status" data-testid="offline">
      <Icon name="cloud" size={18} />
      <span class="row-text">
        <span>{c.final ? t(c.code === "auth" ? "offline.auth" : "offline.final") : left > 1 ? t("offline.retry", { n: left }) : t("offline.trying")}</span>
        <span class="hint">{t("offline.hint")}</span>
      </span>
      {c.final ? null : (
        <button type="button" class="link-button" onClick={() => void attempt({ cmd: "network" })}>
          {t("offline.now")}
        </button>
      )}
    </div>
  );
}

/** The places of the face: at the left on a wide page, at the bottom on a telephone. */
export function Nav(): JSX.Element {
  const page = route.value.page;
  const asks = requests.size;
  const items: { to: "chats" | "contacts" | "settings"; icon: IconName; label: string; count: number }[] = [
    { to: "chats", icon: "chats", label: t("nav.chats"), count: unreadTotal.value },
    { to: "contacts", icon: "contacts", label: t("nav.contacts"), count: asks },
    { to: "settings", icon: "settings", label: t("nav.settings"), count: 0 },
  ];
  return (
    <nav class="nav" aria-label={t("nav.label")}>
      {items.map((i) => {
        const on = page === i.to || (i.to === "chats" && page === "chat");
        return (
          <a
            key={i.to}
            href={i.to === "chats" ? "#/" : `#/${i.to}`}
            class={`nav-item ${on ? "nav-on" : ""}`}
            aria-current={on ? "page" : undefined}
            data-testid={`nav-${i.to}`}
            onClick={(e) => {
              e.preventDefault();
              go(i.to === "settings" ? { page: "settings", section: "" } : { page: i.to });
            }}
          >
            <span class="nav-icon">
              <Icon name={i.icon} size={22} />
              {i.count > 0 ? <span class="count">{i.count > 99 ? "99+" : i.count}</span> : null}
            </span>
            <span class="nav-label">{i.label}</span>
          </a>
        );
      })}
    </nav>
  );
}
