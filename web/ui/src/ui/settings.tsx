// Settings: sections at the left, one of them open; on a telephone one after the other.

import type { JSX } from "preact";
import { t, lang, langChoice, type LangChoice } from "../i18n/index.ts";
import { line } from "../lib/text.ts";
import { setSetting, toast } from "../state/actions.ts";
import { account, onlineMode, server, setting } from "../state/app.ts";
import { askPermission, permitted, supported } from "../state/notifier.ts";
import { textSize, theme, type TextSize, type Theme } from "../state/prefs.ts";
import { back, go } from "../state/route.ts";
import { useSignal } from "@preact/signals";
import { Bird, Icon, type IconName } from "./icons.tsx";
import { IconButton, Segmented, Switch } from "./parts.tsx";
import { AccountSection, BlockedSection, DevicesSection, InviteSection } from "./account.tsx";
import { helping } from "./shell.tsx";
import { Wall, whatIsMissing } from "./wall.tsx";

type Section = "look" | "notices" | "writing" | "privacy" | "devices" | "account" | "blocked" | "invite" | "about";

const SECTIONS: { id: Section; icon: IconName; title: () => string }[] = [
  { id: "look", icon: "palette", title: () => t("settings.look") },
  { id: "notices", icon: "bell", title: () => t("settings.notices") },
  { id: "writing", icon: "keyboard", title: () => t("settings.writing") },
  { id: "privacy", icon: "shield", title: () => t("settings.privacy") },
  { id: "devices", icon: "devices", title: () => t("settings.devices") },
  { id: "account", icon: "key", title: () => t("settings.account") },
  { id: "blocked", icon: "block", title: () => t("settings.blocked") },
  { id: "invite", icon: "ticket", title: () => t("settings.invite") },
  { id: "about", icon: "info", title: () => t("settings.about") },
];

export function Settings({ section }: { section: string }): JSX.Element {
  const chosen = SECTIONS.find((s) => s.id === section);
  const shown = chosen ?? SECTIONS[0];
  return (
    <main id="main" class={`settings ${chosen ? "settings-one" : "settings-all"}`} tabIndex={-1} data-testid="settings">
      <nav class="settings-nav" aria-label={t("nav.settings")}>
        <header class="panel-head">
          <IconButton icon="back" label={t("back")} class="only-narrow" onClick={() => back({ page: "chats" })} />
          <h1>{t("nav.settings")}</h1>
        </header>
        <p class="settings-who">{line(account.value, 120)}</p>
        {SECTIONS.map((s) => (
          <a
            key={s.id}
            href={`#/settings/${s.id}`}
            class={`settings-item ${shown?.id === s.id ? "on" : ""}`}
            aria-current={chosen?.id === s.id ? "page" : undefined}
            data-testid={`settings-${s.id}`}
            onClick={(e) => {
              e.preventDefault();
              go({ page: "settings", section: s.id }, !!chosen);
            }}
          >
            <Icon name={s.icon} /> {s.title()}
          </a>
        ))}
      </nav>
      <section class="settings-body" aria-label={shown?.title() ?? ""}>
        <header class="panel-head">
          <IconButton icon="back" label={t("back")} class="only-narrow" onClick={() => back({ page: "settings", section: "" })} />
          <h2>{shown?.title()}</h2>
        </header>
        <div class="settings-content">{shown ? <SectionView id={shown.id} /> : null}</div>
      </section>
    </main>
  );
}

function SectionView({ id }: { id: Section }): JSX.Element {
  switch (id) {
    case "look":
      return <Look />;
    case "notices":
      return <Notices />;
    case "writing":
      return <Writing />;
    case "privacy":
      return <Privacy />;
    case "devices":
      return <DevicesSection />;
    case "account":
      return <AccountSection />;
    case "blocked":
      return <BlockedSection />;
    case "invite":
      return <InviteSection />;
    case "about":
      return <About />;
  }
}

export function Row({ label, hint, children }: { label: string; hint?: string; children: JSX.Element }): JSX.Element {
  return (
    <div class="setting-row">
      <span class="row-text">
        <span>{label}</span>
        {hint ? <span class="hint">{hint}</span> : null}
      </span>
      {children}
    </div>
  );
}

export function LanguageChoice(): JSX.Element {
  return (
    <Segmented<LangChoice>
      label={t("look.language")}
      value={langChoice.value}
      onChange={(v) => (langChoice.value = v)}
      choices={[
        { value: "auto", label: t("look.auto") },
        { value: "en", label: "English" },
        { value: "zh-CN", label: "中文" },
      ]}
    />
  );
}

function Look(): JSX.Element {
  return (
    <section class="card">
      <Row label={t("look.language")}>
        <LanguageChoice />
      </Row>
      <Row label={t("look.theme")}>
        <Segmented<Theme>
          label={t("look.theme")}
          value={theme.value}
          onChange={(v) => (theme.value = v)}
          choices={[
            { value: "system", label: t("look.system") },
            { value: "light", label: t("look.light") },
            { value: "dark", label: t("look.dark") },
          ]}
        />
      </Row>
      <Row label={t("look.size")}>
        <Segmented<TextSize>
          label={t("look.size")}
          value={textSize.value}
          onChange={(v) => (textSize.value = v)}
          choices={[
            { value: "s", label: t("look.size.s") },
            { value: "m", label: t("look.size.m") },
            { value: "l", label: t("look.size.l") },
            { value: "xl", label: t("look.size.xl") },
          ]}
        />
      </Row>
    </section>
  );
}

function Notices(): JSX.Element {
  const granted = useSignal(permitted());
  const on = (name: string, d: "on" | "off"): boolean => setting(name, d) === "on";
  return (
    <>
      {supported() && !granted.value ? (
        <div class="notice-card">
          <Icon name="bell" />
          <span class="row-text">
            <span>{t("notices.ask")}</span>
            <span class="hint">{t(Notification.permission === "denied" ? "notices.denied" : "notices.ask.hint")}</span>
          </span>
          {Notification.permission === "denied" ? null : (
            <button type="button" class="button small primary" onClick={() => void askPermission().then((ok) => (granted.value = ok))}>
              {t("notices.allow")}
            </button>
          )}
        </div>
      ) : null}
      {supported() ? null : <p class="notice-card">{t("notices.unsupported")}</p>}
      <section class="card">
        <Switch label={t("notices.messages")} on={on("ui.notify", "on")} onChange={(v) => setSetting("ui.notify", v ? "on" : "off")} />
        <Switch label={t("notices.hide")} hint={t("notices.hide.hint")} on={on("ui.notify-hide", "off")} onChange={(v) => setSetting("ui.notify-hide", v ? "on" : "off")} />
      </section>
      <section class="card">
        <Row label={t("notices.online")} hint={t("notices.online.hint")}>
          <Segmented
            label={t("notices.online")}
            value={onlineMode.value}
            onChange={(v) => setSetting("ui.notify-online", v)}
            choices={[
              { value: "off", label: t("notices.off") },
              { value: "favourites", label: t("notices.favourites") },
              { value: "all", label: t("notices.all") },
            ]}
          />
        </Row>
      </section>
    </>
  );
}

function Writing(): JSX.Element {
  return (
    <section class="card">
      <Row label={t("writing.enter")} hint={t("writing.enter.hint")}>
        <Segmented
          label={t("writing.enter")}
          value={setting("ui.enter", "enter") === "ctrl" ? "ctrl" : "enter"}
          onChange={(v) => setSetting("ui.enter", v)}
          choices={[
            { value: "enter", label: "Enter" },
            { value: "ctrl", label: "Ctrl+Enter" },
          ]}
        />
      </Row>
      <Switch label={t("writing.typing")} hint={t("writing.typing.hint")} on={setting("typing", "on") !== "off"} onChange={(v) => setSetting("typing", v ? "on" : "off")} testid="set-typing" />
      <Switch label={t("writing.read")} hint={t("writing.read.hint")} on={setting("receipts", "on") !== "off"} onChange={(v) => setSetting("receipts", v ? "on" : "off")} testid="set-receipts" />
      <button type="button" class="row-button" onClick={() => (helping.value = true)}>
        <Icon name="keyboard" /> {t("keys.title")}
      </button>
    </section>
  );
}

function Privacy(): JSX.Element {
  const share = setting("share-address", "chats");
  const value = share === "contacts" || share === "never" ? share : "chats";
  return (
    <>
      <section class="card">
        <Row label={t("privacy.share")} hint={t(`privacy.share.${value}`)}>
          <Segmented
            label={t("privacy.share")}
            value={value}
            onChange={(v) => setSetting("share-address", v)}
            choices={[
              { value: "contacts", label: t("privacy.contacts") },
              { value: "chats", label: t("privacy.chats") },
              { value: "never", label: t("privacy.never") },
            ]}
          />
        </Row>
      </section>
      <section class="card">
        <Switch label={t("privacy.deposit")} hint={t("privacy.deposit.hint")} on={setting("deposit", "on") !== "off"} onChange={(v) => setSetting("deposit", v ? "on" : "off")} testid="set-deposit" />
      </section>
    </>
  );
}

function About(): JSX.Element {
  const s = server.value;
  const facts: [string, string][] = [
    [t("about.server"), s.address],
    [t("about.transport"), [s.transport, s.tls].filter(Boolean).join(" · ")],
    [t("about.signin"), s.mechanism],
    [t("about.session"), s.jid],
    [t("about.language"), lang.value],
  ];
  const missing = whatIsMissing();
  return (
    <>
      <section class="card about">
        <Bird size={64} />
        <h3>{t("app.name")}</h3>
        <p>{t("about.text")}</p>
      </section>
      <section class="card">
        <h3>{t("about.connection")}</h3>
        <dl class="facts">
          {facts
            .filter(([, v]) => v)
            .map(([k, v]) => (
              <>
                <dt key={k}>{k}</dt>
                <dd class="mono">{line(v, 200)}</dd>
              </>
            ))}
        </dl>
        <button type="button" class="button small" onClick={() => void navigator.clipboard?.writeText(facts.map((f) => f.join(": ")).join("\n")).then(() => toast(t("msg.copied")))}>
          <Icon name="copy" size={16} /> {t("about.copy")}
        </button>
      </section>
      {missing.length > 0 ? <Wall compact /> : null}
    </>
  );
}
