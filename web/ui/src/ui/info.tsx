// Who a conversation is with: name, groups, devices, notices, and the ways to part.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { t } from "../i18n/index.ts";
import { line } from "../lib/text.ts";
import { attempt, setSetting } from "../state/actions.ts";
import { setting } from "../state/app.ts";
import { chats } from "../state/chats.ts";
import { blocked, contacts, nameOf, presenceOf, presences, statusOf } from "../state/contacts.ts";
import { go } from "../state/route.ts";
import { Icon } from "./icons.tsx";
import { Avatar, Dialog, Dot, Field, presenceWord, Switch } from "./parts.tsx";

export function InfoPanel({ jid }: { jid: string }): JSX.Element {
  const c = contacts.get(jid);
  const p = presenceOf(jid);
  const devices = [...(presences.get(jid)?.entries() ?? [])];
  const editing = useSignal(false);
  const removing = useSignal(false);
  const status = statusOf(jid);
  const isBlocked = blocked.has(jid);
  return (
    <div class="info" data-testid="info-panel">
      <div class="info-top">
        <Avatar jid={jid} size="xl" />
        <h3 class="info-name" dir="auto">
          {nameOf(jid)}
        </h3>
        <p class="info-jid">{line(jid, 200)}</p>
        <p class="info-presence">
          <Dot of={p} /> {presenceWord(p)}
        </p>
        {status ? (
          <p class="info-status" dir="auto">
            {status}
          </p>
        ) : null}
        {c ? (
          <button type="button" class="button small" onClick={() => (editing.value = true)}>
            <Icon name="edit" size={16} /> {t("info.rename")}
          </button>
        ) : (
          <button type="button" class="button small primary" onClick={() => void attempt({ cmd: "subscribe", jid }, t("request.sent"))}>
            <Icon name="userPlus" size={16} /> {t("contact.add")}
          </button>
        )}
      </div>
      {c?.groups?.length ? (
        <section class="card">
          <h3>{t("info.groups")}</h3>
          <p class="chips">
            {c.groups.map((g) => (
              <span key={g} class="chip" dir="auto">
                {line(g, 60)}
              </span>
            ))}
          </p>
        </section>
      ) : null}
      <section class="card">
        <Switch label={t("info.notify")} hint={t("info.notify.hint")} on={setting("notify-online", "off", jid) === "on"} onChange={(on) => setSetting("notify-online", on ? "on" : "", jid)} testid="notify-online" />
        <Switch label={t("chat.mute")} hint={t("info.mute.hint")} on={!!chats.get(jid)?.muted} onChange={(on) => setSetting("mute", on ? "on" : "", jid)} testid="mute" />
      </section>
      {devices.length > 0 ? (
        <section class="card">
          <h3>{t("info.devices")}</h3>
          <ul class="plain device-lines">
            {devices.map(([resource, d]) => (
              <li key={resource}>
                <Dot of={d.show === "" ? "online" : d.show} labelled />
                <span class="device-name">{line(d.client || resource, 80)}</span>
                <span class="hint">{d.direct ? t("info.direct") : t("info.server")}</span>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <section class="card card-actions">
        <button type="button" class="row-button" onClick={() => void attempt({ cmd: isBlocked ? "unblock" : "block", jid }, isBlocked ? "" : t("block.done", { name: nameOf(jid) }))}>
          <Icon name="block" /> {t(isBlocked ? "unblock" : "block")}
        </button>
        {c ? (
          <button type="button" class="row-button danger" onClick={() => (removing.value = true)}>
            <Icon name="trash" /> {t("info.remove")}
          </button>
        ) : null}
      </section>
      {editing.value && c ? <RenameDialog jid={jid} onClose={() => (editing.value = false)} /> : null}
      {removing.value ? (
        <Dialog
          title={t("info.remove.title", { name: nameOf(jid) })}
          onClose={() => (removing.value = false)}
          actions={
            <>
              <button type="button" class="button" onClick={() => (removing.value = false)}>
                {t("cancel")}
              </button>
              <button
                type="button"
                class="button danger"
                onClick={() => {
                  removing.value = false;
                  void attempt({ cmd: "unsubscribe", jid }).then((ok) => ok && go({ page: "contacts" }, true));
                }}
              >
                {t("info.remove")}
              </button>
            </>
          }
        >
          <p>{t("info.remove.text")}</p>
        </Dialog>
      ) : null}
    </div>
  );
}

export function RenameDialog({ jid, onClose }: { jid: string; onClose: () => void }): JSX.Element {
  const c = contacts.get(jid);
  const name = useSignal(c?.name ?? "");
  const groups = useSignal((c?.groups ?? []).join(", "));
  const save = (): void => {
    onClose();
    const list = [...new Set(groups.value.split(/[,，、]/u).map((g) => g.trim()).filter(Boolean))];
    void attempt({ cmd: "rename", jid, name: name.value.trim(), groups: list });
  };
  return (
    <Dialog title={t("info.rename")} onClose={onClose}>
      <form
        class="form"
        onSubmit={(e) => {
          e.preventDefault();
          save();
        }}
      >
        <Field id="rename-name" label={t("info.name")} value={name.value} onInput={(v) => (name.value = v)} placeholder={nameOf(jid)} autofocus maxLength={120} />
        <Field id="rename-groups" label={t("info.groups")} hint={t("info.groups.hint")} value={groups.value} onInput={(v) => (groups.value = v)} />
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
