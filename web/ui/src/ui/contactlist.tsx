// The contacts in their groups, who is there first; requests above them.

import type { JSX } from "preact";
import { t } from "../i18n/index.ts";
import { line } from "../lib/text.ts";
import { attempt } from "../state/actions.ts";
import { contactFilter, contactRows, contacts, folded, nameOf, presenceOf, requests, showOffline, statusOf, type Row } from "../state/contacts.ts";
import { go } from "../state/route.ts";
import { Icon } from "./icons.tsx";
import { Avatar, Empty, presenceWord } from "./parts.tsx";
import { adding } from "./shell.tsx";
import { VList } from "./vlist.tsx";

const ROW = 60;
const GROUP = 36;

export function ContactList(): JSX.Element {
  const rows = contactRows.value;
  return (
    <>
      <Requests />
      {contacts.size === 0 && requests.size === 0 ? (
        <Empty icon="people" title={t("contacts.empty.title")} text={t("contacts.empty.text")}>
          <button type="button" class="button primary" onClick={() => (adding.value = true)}>
            <Icon name="userPlus" size={18} /> {t("contact.add")}
          </button>
          <button type="button" class="button" onClick={() => go({ page: "settings", section: "invite" })}>
            {t("settings.invite")}
          </button>
        </Empty>
      ) : rows.length === 0 ? (
        <Empty small icon="search" title={t("contacts.none", { filter: line(contactFilter.value, 40) })} text={t("contacts.none.text")} />
      ) : (
        <VList
          label={t("nav.contacts")}
          items={rows}
          height={(r) => (r.kind === "group" ? GROUP : ROW)}
          keyOf={keyOf}
          testid="contact-list"
          render={(r, focus) => (r.kind === "group" ? <GroupRow row={r} tabIndex={focus.tabIndex} /> : <ContactRow jid={r.jid} tabIndex={focus.tabIndex} />)}
        />
      )}
      <label class="list-foot">
        <input type="checkbox" class="check" checked={showOffline.value} onChange={(e) => (showOffline.value = e.currentTarget.checked)} /> {t("contacts.offline")}
      </label>
    </>
  );
}

/** A contact may stand in two groups: its rows are told apart by the group, which the maker of the rows puts in. */
function keyOf(r: Row): string {
  return r.kind === "group" ? `g:${r.name}` : `c:${r.group}:${r.jid}`;
}

function GroupRow({ row, tabIndex }: { row: Extract<Row, { kind: "group" }>; tabIndex: number }): JSX.Element {
  const name = row.name === "" ? t("contacts.nogroup") : line(row.name, 60);
  return (
    <button
      type="button"
      class="group-row"
      data-focus
      tabIndex={tabIndex}
      aria-expanded={!row.folded}
      onClick={() => {
        const next = new Set(folded.value);
        if (!next.delete(row.name)) next.add(row.name);
        folded.value = next;
      }}
    >
      <span class={`chevron ${row.folded ? "" : "chevron-open"}`}>
        <Icon name="down" size={16} />
      </span>
      <span dir="auto">{name}</span>
      <span class="group-count" aria-label={t("contacts.count", { online: row.online, n: row.count })}>
        {row.online}/{row.count}
      </span>
    </button>
  );
}

function ContactRow({ jid, tabIndex }: { jid: string; tabIndex: number }): JSX.Element {
  const p = presenceOf(jid);
  const c = contacts.get(jid);
  const pending = c?.ask && c.subscription !== "both" && c.subscription !== "to";
  const status = statusOf(jid);
  return (
    <a
      href={`#/chat/${encodeURIComponent(jid)}`}
      class={`list-row contact-row ${p === "offline" ? "faint" : ""}`}
      data-focus
      data-testid="contact-row"
      data-jid={jid}
      data-presence={p}
      tabIndex={tabIndex}
      onClick={(e) => {
        e.preventDefault();
        go({ page: "chat", jid, panel: "" });
      }}
    >
      <Avatar jid={jid} />
      <span class="list-text">
        <span class="list-name" dir="auto">
          {nameOf(jid)}
        </span>
        <span class="list-line" dir="auto">
          {pending ? t("contacts.pending") : status ? `${presenceWord(p)} · ${status}` : presenceWord(p)}
        </span>
      </span>
    </a>
  );
}

function Requests(): JSX.Element | null {
  if (requests.size === 0) return null;
  return (
    <section class="requests" aria-label={t("request.title")} data-testid="requests">
      <h3 class="list-head">{t("request.title")}</h3>
      {[...requests.values()].slice(0, 20).map((r) => (
        <div key={r.jid} class="request">
          <Avatar jid={r.jid} presence={false} />
          <span class="list-text">
            <span class="list-name" dir="auto">
              {nameOf(r.jid)}
            </span>
            <span class="list-line" dir="auto">
              {line(r.status, 120) || line(r.jid, 80)}
            </span>
            <span class="request-actions">
              <button type="button" class="button small primary" onClick={() => void attempt({ cmd: "accept", jid: r.jid }).then((ok) => ok && requests.delete(r.jid))}>
                {t("request.accept")}
              </button>
              <button type="button" class="button small" onClick={() => void attempt({ cmd: "decline", jid: r.jid }).then((ok) => ok && requests.delete(r.jid))}>
                {t("request.decline")}
              </button>
              <button type="button" class="button small quiet" onClick={() => void attempt({ cmd: "block", jid: r.jid }).then((ok) => ok && requests.delete(r.jid))}>
                {t("block")}
              </button>
            </span>
          </span>
        </div>
      ))}
    </section>
  );
}
