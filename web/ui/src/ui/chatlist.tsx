// The chats, newest first.

import type { JSX } from "preact";
import type { Chat } from "../contract.ts";
import { lang, t } from "../i18n/index.ts";
import { flatten } from "../lib/styling.ts";
import { line } from "../lib/text.ts";
import { short } from "../lib/time.ts";
import { chatFilter, chatRows, typing } from "../state/chats.ts";
import { nameOf, presenceOf } from "../state/contacts.ts";
import { go, openChat, route } from "../state/route.ts";
import { Icon } from "./icons.tsx";
import { Avatar, Empty, presenceWord } from "./parts.tsx";
import { adding } from "./shell.tsx";
import { Ticks } from "./ticks.tsx";
import { VList } from "./vlist.tsx";

/** The height of a row; style.css has the same in --row. */
export const ROW = 68;

export function ChatList(): JSX.Element {
  const rows = chatRows.value;
  if (rows.length === 0 && chatFilter.value === "")
    return (
      <Empty icon="bird" title={t("chats.empty.title")} text={t("chats.empty.text")}>
        <button type="button" class="button primary" onClick={() => (adding.value = true)}>
          <Icon name="userPlus" size={18} /> {t("contact.add")}
        </button>
        <button type="button" class="button" onClick={() => go({ page: "contacts" })}>
          {t("nav.contacts")}
        </button>
      </Empty>
    );
  if (rows.length === 0) return <span class="sr-only">{t("chats.none")}</span>;
  return (
    <VList
      label={t("nav.chats")}
      items={rows}
      height={() => ROW}
      keyOf={(c) => c.chat}
      selected={openChat()}
      testid="chat-list"
      render={(c, focus) => <ChatRow chat={c} tabIndex={focus.tabIndex} />}
    />
  );
}

function ChatRow({ chat: c, tabIndex }: { chat: Chat; tabIndex: number }): JSX.Element {
  const on = route.value.page === "chat" && openChat() === c.chat;
  const unread = c.unread ?? 0;
  const name = nameOf(c.chat);
  const time = c.time ?? c.last?.time ?? "";
  const words = unread > 0 ? t("chats.unread", { n: unread }) : "";
  return (
    <a
      href={`#/chat/${encodeURIComponent(c.chat)}`}
      class={`list-row chat-row ${on ? "on" : ""} ${unread > 0 ? "unread" : ""}`}
      tabIndex={tabIndex}
      data-focus
      data-testid="chat-row"
      data-jid={c.chat}
      aria-current={on ? "true" : undefined}
      onClick={(e) => {
        e.preventDefault();
        go({ page: "chat", jid: c.chat, panel: "" }, route.value.page === "chat");
      }}
    >
      <Avatar jid={c.chat} />
      <span class="list-text">
        <span class="list-top">
          <span class="list-name" dir="auto">
            {name}
          </span>
          <span class="sr-only">{presenceWord(presenceOf(c.chat))}</span>
          {c.muted ? (
            <>
              <Icon name="mute" size={14} />
              <span class="sr-only">{t("chats.muted")}</span>
            </>
          ) : null}
          <time class="list-time">{short(time, lang.value)}</time>
        </span>
        <span class="list-bottom">
          <Line chat={c} />
          {unread > 0 ? (
            <span class={`count ${c.muted ? "count-muted" : ""}`}>
              <span aria-hidden="true">{unread > 999 ? "999+" : unread}</span>
              <span class="sr-only">{words}</span>
            </span>
          ) : null}
        </span>
      </span>
    </a>
  );
}

function preview(c: Chat): { text: string; draft: boolean } {
  if (c.draft && !c.unread) return { text: line(c.draft, 120), draft: true };
  const m = c.last;
  if (!m) return { text: "", draft: false };
  if (m.retracted) return { text: t("msg.retracted"), draft: false };
  if (m.file) return { text: t("msg.file", { name: line(m.file.name, 80) }), draft: false };
  return { text: line(flatten(m.body.slice(0, 600)), 160), draft: false };
}

function Line({ chat: c }: { chat: Chat }): JSX.Element {
  const until = typing.get(c.chat);
  if (until && until > Date.now()) return <span class="list-line typing-line">{t("chat.typing")}</span>;
  const p = preview(c);
  return (
    <span class="list-line">
      {p.draft ? <span class="draft">{t("chats.draft")} </span> : c.last ? <Ticks message={c.last} /> : null}
      <bdi>{p.text}</bdi>
    </span>
  );
}
