// The sections of the settings that ask the server: devices, password, blocked addresses, invitations.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Device } from "../contract.ts";
import { lang, t } from "../i18n/index.ts";
import { line } from "../lib/text.ts";
import { vet } from "../lib/links.ts";
import { full } from "../lib/time.ts";
import { ask, attempt, explain, toast } from "../state/actions.ts";
import { blocked, nameOf } from "../state/contacts.ts";
import { Icon } from "./icons.tsx";
import { Avatar, Dialog, Empty, Field, Segmented } from "./parts.tsx";

export function DevicesSection(): JSX.Element {
  const list = useSignal<Device[] | undefined>(undefined);
  const error = useSignal("");
  const leaving = useSignal<Device | undefined>(undefined);
  const load = async (): Promise<void> => {
    try {
      const a = await ask({ cmd: "devices" });
      list.value = a.events.flatMap((e) => (e.event === "devices" ? e.items : []));
      error.value = "";
    } catch (e) {
      error.value = explain(e);
    }
  };
  useEffect(() => void load(), []);
  if (error.value)
    return (
      <Empty small icon="cloud" title={t("devices.failed")} text={error.value}>
        <button type="button" class="button" onClick={() => void load()}>
          {t("retry")}
        </button>
      </Empty>
    );
  const all = [...(list.value ?? [])].sort((a, b) => Number(!!b.current) - Number(!!a.current) || Number(!!b.online) - Number(!!a.online) || (b.last_seen ?? "").localeCompare(a.last_seen ?? ""));
  const l = lang.value;
  return (
    <>
      <p class="lead">{t("devices.text")}</p>
      <section class="card" data-testid="devices" aria-busy={!list.value}>
        {!list.value ? <p class="hint">{t("loading")}</p> : null}
        <ul class="plain">
          {all.map((d) => (
            <li key={d.id} class="device" data-testid="device" data-current={d.current ? "true" : "false"}>
              <span class="device-icon">
                <Icon name="devices" />
              </span>
              <span class="row-text">
                <span class="device-title">
                  {line(d.name || d.client || d.id, 80)}
                  {d.current ? <span class="chip chip-on">{t("devices.this")}</span> : null}
                </span>
                <span class="hint">{[d.client && d.name ? line(d.client, 60) : "", d.online ? t("devices.online") : d.last_seen ? t("devices.seen", { time: full(d.last_seen, l) }) : "", line(d.address ?? "", 60), line(d.how ?? "", 40)].filter(Boolean).join(" · ")}</span>
              </span>
              {d.current ? null : (
                <button type="button" class="button small" onClick={() => (leaving.value = d)}>
                  {t("devices.signout")}
                </button>
              )}
            </li>
          ))}
        </ul>
      </section>
      {leaving.value ? (
        <Dialog
          title={t("devices.signout.title")}
          onClose={() => (leaving.value = undefined)}
          actions={
            <>
              <button type="button" class="button" onClick={() => (leaving.value = undefined)}>
                {t("cancel")}
              </button>
              <button
                type="button"
                class="button danger"
                onClick={() => {
                  const id = leaving.value?.id ?? "";
                  leaving.value = undefined;
                  void attempt({ cmd: "signout", id }, t("devices.signedout")).then(load);
                }}
              >
                {t("devices.signout")}
              </button>
            </>
          }
        >
          <p>{t("devices.signout.text", { name: line(leaving.value.name || leaving.value.client || leaving.value.id, 80) })}</p>
        </Dialog>
      ) : null}
    </>
  );
}

export function AccountSection(): JSX.Element {
  const first = useSignal("");
  const second = useSignal("");
  const error = useSignal("");
  const busy = useSignal(false);
  const leaving = useSignal(false);
  const submit = async (): Promise<void> => {
    if (first.value.length < 8) error.value = t("password.short");
    else if (first.value !== second.value) error.value = t("password.differ");
    else {
      busy.value = true;
      try {
        await ask({ cmd: "password", new: first.value });
        toast(t("password.done"));
        first.value = second.value = error.value = "";
      } catch (e) {
        error.value = explain(e);
      }
      busy.value = false;
    }
  };
  return (
    <>
      <section class="card">
        <h3>{t("password.title")}</h3>
        <form
          class="form"
          onSubmit={(e) => {
            e.preventDefault();
            void submit();
          }}
        >
          <Field id="pw1" type="password" autocomplete="new-password" label={t("password.new")} hint={t("password.hint")} value={first.value} onInput={(v) => (first.value = v)} />
          <Field id="pw2" type="password" autocomplete="new-password" label={t("password.again")} value={second.value} onInput={(v) => (second.value = v)} error={error.value} />
          <div class="form-end">
            <button type="submit" class="button primary" disabled={busy.value || first.value === ""}>
              {t("password.submit")}
            </button>
          </div>
        </form>
      </section>
      <section class="card">
        <h3>{t("signout.title")}</h3>
        <p class="hint">{t("signout.text")}</p>
        <div class="form-end">
          <button type="button" class="button danger" onClick={() => (leaving.value = true)} data-testid="signout">
            <Icon name="exit" size={18} /> {t("signout")}
          </button>
        </div>
      </section>
      {leaving.value ? (
        <Dialog
          title={t("signout.title")}
          onClose={() => (leaving.value = false)}
          actions={
            <>
              <button type="button" class="button" onClick={() => (leaving.value = false)}>
                {t("cancel")}
              </button>
              <button type="button" class="button danger" onClick={() => void attempt({ cmd: "signoutself" })} data-testid="signout-confirm">
                {t("signout")}
              </button>
            </>
          }
        >
          <p>{t("signout.text")}</p>
        </Dialog>
      ) : null}
    </>
  );
}

export function BlockedSection(): JSX.Element {
  useEffect(() => void ask({ cmd: "blocked" }).catch(() => undefined), []);
  const all = [...blocked.keys()].sort();
  if (all.length === 0) return <Empty small icon="block" title={t("blocked.none")} text={t("blocked.none.text")} />;
  return (
    <section class="card">
      <ul class="plain">
        {all.map((jid) => (
          <li key={jid} class="device">
            <Avatar jid={jid} size="s" presence={false} />
            <span class="row-text">
              <span dir="auto">{nameOf(jid)}</span>
              <span class="hint">{line(jid, 120)}</span>
            </span>
            <button type="button" class="button small" onClick={() => void attempt({ cmd: "unblock", jid }).then((ok) => ok && blocked.delete(jid))}>
              {t("unblock")}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function InviteSection(): JSX.Element {
  const kind = useSignal<"contact" | "account">("account");
  const made = useSignal<{ url: string; expires: string } | undefined>(undefined);
  const error = useSignal("");
  const make = async (): Promise<void> => {
    try {
      const a = await ask({ cmd: "invite", kind: kind.value });
      const i = a.events.find((e) => e.event === "invite");
      if (i?.event === "invite") made.value = { url: i.url || i.uri, expires: i.expires ?? "" };
      error.value = "";
    } catch (e) {
      error.value = explain(e);
    }
  };
  const link = made.value ? vet(made.value.url) : undefined;
  return (
    <>
      <p class="lead">{t("invite.text")}</p>
      <section class="card">
        <Segmented
          label={t("settings.invite")}
          value={kind.value}
          onChange={(v) => (kind.value = v)}
          choices={[
            { value: "account", label: t("invite.account") },
            { value: "contact", label: t("invite.contact") },
          ]}
        />
        <p class="hint">{t(kind.value === "account" ? "invite.account.hint" : "invite.contact.hint")}</p>
        <div class="form-end">
          <button type="button" class="button primary" onClick={() => void make()} data-testid="invite-make">
            <Icon name="ticket" size={18} /> {t("invite.make")}
          </button>
        </div>
        {error.value ? <p class="field-error">{error.value}</p> : null}
      </section>
      {made.value ? (
        <section class="card invite-made" data-testid="invite-made">
          <h3>{t("invite.link")}</h3>
          <input readOnly class="mono" value={made.value.url} aria-label={t("invite.link")} onFocus={(e) => e.currentTarget.select()} />
          {made.value.expires ? <p class="hint">{t("invite.expires", { time: full(made.value.expires, lang.value) })}</p> : null}
          <div class="form-end">
            <button type="button" class="button" onClick={() => void navigator.clipboard?.writeText(made.value?.url ?? "").then(() => toast(t("msg.copied")))}>
              <Icon name="copy" size={18} /> {t("msg.copy")}
            </button>
            {link ? (
              <a class="button" href={link.href} target="_blank" rel="noopener noreferrer">
                {t("invite.qr")}
              </a>
            ) : null}
          </div>
        </section>
      ) : null}
    </>
  );
}
