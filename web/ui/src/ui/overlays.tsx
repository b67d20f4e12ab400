// What opens above everything: the switcher, adding a contact, the sheet of keys.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { t, type Key } from "../i18n/index.ts";
import { complete, plausible } from "../lib/jid.ts";
import { match } from "../lib/order.ts";
import { line } from "../lib/text.ts";
import { ask, explain, toast } from "../state/actions.ts";
import { home } from "../state/app.ts";
import { chatRows } from "../state/chats.ts";
import { findContacts, groupNames, nameOf, presenceOf } from "../state/contacts.ts";
import { go } from "../state/route.ts";
import { Icon } from "./icons.tsx";
import { Avatar, Dialog, Field, presenceWord } from "./parts.tsx";

/** Ctrl/⌘K: a name, Enter, there. */
export function Switcher({ onClose }: { onClose: () => void }): JSX.Element {
  const typed = useSignal("");
  const at = useSignal(0);
  const filter = typed.value.trim();
  const recent = chatRows.value.map((c) => c.chat);
  const found =
    filter === ""
      ? recent.slice(0, 9)
      : [...new Set([...recent.map((j) => ({ j, m: match(filter, nameOf(j), j) })).filter((x) => x.m >= 0).sort((a, b) => a.m - b.m).map((x) => x.j), ...findContacts(filter, 30)])].slice(0, 30);
  const pick = (jid: string | undefined): void => {
    if (!jid) return;
    onClose();
    go({ page: "chat", jid, panel: "" });
  };
  const stranger = found.length === 0 && plausible(complete(filter, home.value)) ? complete(filter, home.value) : "";
  return (
    <Dialog title={t("switcher.title")} onClose={onClose} hideTitle class="switcher" testid="switcher">
      <div class="side-search">
        <Icon name="search" size={18} />
        <input
          type="text"
          class="search-input"
          role="combobox"
          aria-expanded="true"
          aria-controls="switcher-list"
          aria-activedescendant={found[at.value] ? `switch-${at.value}` : ""}
          aria-label={t("switcher.title")}
          placeholder={t("switcher.placeholder")}
          value={typed.value}
          autofocus
          onInput={(e) => {
            typed.value = e.currentTarget.value;
            at.value = 0;
          }}
          onKeyDown={(e) => {
            if (e.isComposing || e.keyCode === 229) return;
            const n = Math.max(1, found.length);
            if (e.key === "ArrowDown") at.value = (at.value + 1) % n;
            else if (e.key === "ArrowUp") at.value = (at.value - 1 + n) % n;
            else if (e.key === "Enter") pick(found[at.value] ?? stranger);
            else return;
            e.preventDefault();
            document.getElementById(`switch-${at.value}`)?.scrollIntoView({ block: "nearest" });
          }}
        />
      </div>
      <div id="switcher-list" role="listbox" aria-label={t("switcher.title")} class="switcher-list">
        {found.map((jid, i) => (
          <div key={jid} id={`switch-${i}`} role="option" aria-selected={i === at.value} class={`list-row ${i === at.value ? "on" : ""}`} onClick={() => pick(jid)}>
            <Avatar jid={jid} size="s" />
            <span class="list-text">
              <span class="list-name" dir="auto">
                {nameOf(jid)}
              </span>
            </span>
            <span class="hint">{presenceWord(presenceOf(jid))}</span>
          </div>
        ))}
      </div>
      {stranger ? (
        <button type="button" class="row-button" onClick={() => pick(stranger)}>
          <Icon name="chats" /> {t("switcher.write", { jid: stranger })}
        </button>
      ) : found.length === 0 ? (
        <p class="hint pad">{t("switcher.none")}</p>
      ) : null}
    </Dialog>
  );
}

export function AddContact({ onClose }: { onClose: () => void }): JSX.Element {
  const jid = useSignal("");
  const name = useSignal("");
  const group = useSignal("");
  const error = useSignal("");
  const busy = useSignal(false);
  const submit = async (): Promise<void> => {
    const whom = complete(jid.value, home.value);
    if (!plausible(whom)) {
      error.value = t("add.bad");
      return;
    }
    busy.value = true;
    try {
      await ask({ cmd: "subscribe", jid: whom });
      if (name.value.trim() || group.value.trim()) await ask({ cmd: "rename", jid: whom, name: name.value.trim(), groups: group.value.trim() ? [group.value.trim()] : [] });
      toast(t("add.done", { name: line(name.value, 60) || whom }));
      onClose();
    } catch (e) {
      error.value = explain(e);
      busy.value = false;
    }
  };
  return (
    <Dialog title={t("contact.add")} onClose={onClose} testid="add-dialog">
      <form
        class="form"
        onSubmit={(e) => {
          e.preventDefault();
          void submit();
        }}
      >
        <Field id="add-jid" label={t("add.address")} hint={t("add.address.hint", { home: home.value })} value={jid.value} onInput={(v) => { jid.value = v; error.value = ""; }} error={error.value} autofocus testid="add-jid" />
        <Field id="add-name" label={t("add.name")} value={name.value} onInput={(v) => (name.value = v)} maxLength={120} testid="add-name" />
        <Field id="add-group" label={t("add.group")} hint={groupNames.value.length > 0 ? t("add.group.hint", { groups: groupNames.value.slice(0, 4).map((g) => line(g, 30)).join(t("list.comma")) }) : ""} value={group.value} onInput={(v) => (group.value = v)} maxLength={120} />
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            {t("cancel")}
          </button>
          <button type="submit" class="button primary" disabled={busy.value || jid.value.trim() === ""} data-testid="add-submit">
            {t("add.submit")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const MAC = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);
const MOD = MAC ? "⌘" : "Ctrl";

const SHEET: { title: Key; rows: [string[], Key][] }[] = [
  {
    title: "keys.everywhere",
    rows: [
      [[MOD, "K"], "keys.switch"],
      [["Alt", "↑ / ↓"], "keys.step"],
      [["/"], "keys.search"],
      [[MOD, "F"], "keys.find"],
      [[MOD, ","], "keys.settings"],
      [["Esc"], "keys.back"],
      [["?"], "keys.help"],
    ],
  },
  {
    title: "keys.writing",
    rows: [
      [["Enter"], "keys.send"],
      [["Shift", "Enter"], "keys.newline"],
      [["↑"], "keys.edit"],
    ],
  },
  {
    title: "keys.message",
    rows: [
      [["↑ / ↓"], "keys.move"],
      [["R"], "msg.reply"],
      [["E"], "msg.edit"],
      [["Delete"], "msg.retract"],
      [["Enter"], "msg.more"],
    ],
  },
];

export function Shortcuts({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <Dialog title={t("keys.title")} onClose={onClose} class="shortcuts" testid="shortcuts">
      <div class="sheet">
        {SHEET.map((s) => (
          <section key={s.title}>
            <h3>{t(s.title)}</h3>
            <dl>
              {s.rows.map(([keys, what]) => (
                <div key={what}>
                  <dt>
                    {keys.map((k) => (
                      <kbd key={k}>{k}</kbd>
                    ))}
                  </dt>
                  <dd>{t(what)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
