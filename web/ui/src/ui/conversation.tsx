// A conversation: header with name, presence and path, the messages, the composer, and the panel beside it.

import { useSignal } from "@preact/signals";
import type { HTMLAttributes, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n/index.ts";
import { setSetting, attempt } from "../state/actions.ts";
import { chats, typing } from "../state/chats.ts";
import { blocked, contacts, nameOf, presenceOf, requests, statusOf } from "../state/contacts.ts";
import { back, go } from "../state/route.ts";
import { Composer } from "./composer.tsx";
import { chosen } from "./files.tsx";
import { Icon } from "./icons.tsx";
import { InfoPanel } from "./info.tsx";
import { Menu, under, type At } from "./menu.tsx";
import { Avatar, Dot, IconButton, presenceWord } from "./parts.tsx";
import { PathBadge, PathPanel } from "./path.tsx";
import { ChatSearch } from "./search.tsx";
import { Timeline } from "./timeline.tsx";

export function Conversation({ jid, panel }: { jid: string; panel: "" | "info" | "path" }): JSX.Element {
  const drop = useDrop(jid);
  const searching = useSignal(false);
  useEffect(() => {
    searching.value = false;
  }, [jid]);
  useEffect(() => {
    const onKey = (e: KeyboardEvent): void => {
      if ((e.ctrlKey || e.metaKey) && !e.shiftKey && e.key.toLowerCase() === "f") {
        e.preventDefault();
        searching.value = true;
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <div class="conversation-with-panel">
      <main id="main" class="conversation" {...drop.handlers} data-testid="conversation" aria-label={nameOf(jid)}>
        <Header jid={jid} panel={panel} onSearch={() => (searching.value = !searching.value)} searching={searching.value} />
        {searching.value ? <ChatSearch chat={jid} onClose={() => (searching.value = false)} /> : null}
        <Standing jid={jid} />
        <Timeline key={jid} chat={jid} />
        {blocked.has(jid) ? <BlockedBar jid={jid} /> : <Composer key={`c${jid}`} chat={jid} />}
        {drop.over.value ? (
          <div class="drop" aria-hidden="true">
            <span>
              <Icon name="attach" size={32} />
              {t("chat.drop", { name: nameOf(jid) })}
            </span>
          </div>
        ) : null}
      </main>
      {panel ? (
        <aside class="panel" aria-label={t(panel === "info" ? "info.title" : "path.title")}>
          <header class="panel-head">
            <h2>{t(panel === "info" ? "info.title" : "path.title")}</h2>
            <IconButton icon="close" label={t("close")} onClick={() => back({ page: "chat", jid, panel: "" })} />
          </header>
          <div class="panel-body">{panel === "info" ? <InfoPanel jid={jid} /> : <PathPanel chat={jid} />}</div>
        </aside>
      ) : null}
    </div>
  );
}

function Header({ jid, panel, onSearch, searching }: { jid: string; panel: string; onSearch: () => void; searching: boolean }): JSX.Element {
  const menu = useSignal<At | undefined>(undefined);
  const muted = !!chats.get(jid)?.muted;
  return (
    <header class="chat-head">
      <IconButton icon="back" label={t("back")} class="only-narrow" onClick={() => back({ page: "chats" })} testid="back" />
      <button type="button" class="chat-who" onClick={() => go({ page: "chat", jid, panel: panel === "info" ? "" : "info" }, panel !== "")} aria-expanded={panel === "info"} data-testid="chat-who">
        <Avatar jid={jid} />
        <span class="chat-who-text">
          <span class="chat-name" dir="auto">
            {nameOf(jid)}
            {muted ? <Icon name="mute" size={15} /> : null}
          </span>
          <Subline jid={jid} />
        </span>
      </button>
      <PathBadge chat={jid} open={panel === "path"} />
      <IconButton icon="search" label={t("chat.search")} pressed={searching} onClick={onSearch} class="not-tiny" testid="chat-search" />
      <IconButton icon="more" label={t("chat.more")} expanded={!!menu.value} onClick={(e) => (menu.value = under(e))} testid="chat-more" />
      {menu.value ? (
        <Menu
          label={t("chat.more")}
          at={menu.value}
          onClose={() => (menu.value = undefined)}
          items={[
            { icon: "info", label: t("info.title"), run: () => go({ page: "chat", jid, panel: "info" }, panel !== "") },
            { icon: "search", label: t("chat.search"), run: onSearch },
            { icon: muted ? "bell" : "mute", label: t(muted ? "chat.unmute" : "chat.mute"), run: () => setSetting("mute", muted ? "" : "on", jid) },
          ]}
        />
      ) : null}
    </header>
  );
}

function Subline({ jid }: { jid: string }): JSX.Element {
  const until = typing.get(jid);
  if (until && until > Date.now()) {
    return (
      <span class="chat-sub typing-sub" data-testid="typing">
        <span class="dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
        {t("chat.typing")}
      </span>
    );
  }
  const p = presenceOf(jid);
  const status = statusOf(jid);
  return (
    <span class="chat-sub">
      <Dot of={p} /> {presenceWord(p)}
      {status ? <span class="chat-status" dir="auto">{` · ${status}`}</span> : null}
    </span>
  );
}

/** What there is to say about standing with this person: asks to be a contact, is not one, has not answered. */
function Standing({ jid }: { jid: string }): JSX.Element | null {
  const c = contacts.get(jid);
  if (requests.has(jid))
    return (
      <div class="standing" role="status">
        <span>{t("request.asks", { name: nameOf(jid) })}</span>
        <button type="button" class="button small primary" onClick={() => void attempt({ cmd: "accept", jid }).then((ok) => ok && requests.delete(jid))}>
          {t("request.accept")}
        </button>
        <button type="button" class="button small" onClick={() => void attempt({ cmd: "decline", jid }).then((ok) => ok && requests.delete(jid))}>
          {t("request.decline")}
        </button>
      </div>
    );
  if (c?.ask && c.subscription !== "both" && c.subscription !== "to") return <p class="standing">{t("request.pending", { name: nameOf(jid) })}</p>;
  if (c && c.subscription !== "none") return null;
  return (
    <div class="standing">
      <span>{t("request.stranger", { name: nameOf(jid) })}</span>
      <button type="button" class="button small" onClick={() => void attempt({ cmd: "subscribe", jid }, t("request.sent"))}>
        {t("contact.add")}
      </button>
      <button type="button" class="button small" onClick={() => void attempt({ cmd: "block", jid }, t("block.done", { name: nameOf(jid) }))}>
        {t("block")}
      </button>
    </div>
  );
}

function BlockedBar({ jid }: { jid: string }): JSX.Element {
  return (
    <div class="standing standing-bottom">
      <span>{t("block.is", { name: nameOf(jid) })}</span>
      <button type="button" class="button small" onClick={() => void attempt({ cmd: "unblock", jid })}>
        {t("unblock")}
      </button>
    </div>
  );
}

function useDrop(chat: string): { over: { value: boolean }; handlers: Pick<HTMLAttributes<HTMLElement>, "onDragEnter" | "onDragOver" | "onDragLeave" | "onDrop"> } {
  const over = useSignal(false);
  const depth = useRef(0);
  const isFiles = (e: DragEvent): boolean => !!e.dataTransfer?.types.includes("Files");
  return {
    over,
    handlers: {
      onDragEnter: (e) => {
        if (!isFiles(e)) return;
        e.preventDefault();
        depth.current++;
        over.value = true;
      },
      onDragOver: (e) => {
        if (isFiles(e)) e.preventDefault();
      },
      onDragLeave: (e) => {
        if (isFiles(e) && --depth.current <= 0) {
          depth.current = 0;
          over.value = false;
        }
      },
      onDrop: (e) => {
        if (!isFiles(e)) return;
        e.preventDefault();
        depth.current = 0;
        over.value = false;
        const list = [...(e.dataTransfer?.files ?? [])];
        if (list.length > 0) chosen.value = { chat, files: list };
      },
    },
  };
}
