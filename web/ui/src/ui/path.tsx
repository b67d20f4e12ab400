// The badge that says how a chat travels, and the panel that explains it.

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Link, Reach } from "../contract.ts";
import { isKey, lang, t } from "../i18n/index.ts";
import { millis } from "../lib/size.ts";
import { line } from "../lib/text.ts";
import { ask } from "../state/actions.ts";
import { linkOf, setting } from "../state/app.ts";
import { nameOf } from "../state/contacts.ts";
import { go } from "../state/route.ts";
import { setSetting } from "../state/actions.ts";
import { Icon, type IconName } from "./icons.tsx";
import { Segmented, type Choice } from "./parts.tsx";

type Way = "direct" | "relay" | "server" | "connecting";

function wayOf(l: Link | undefined): Way {
  if (!l) return "server";
  if (l.state === "up" && (l.path === "direct" || l.path === "relay")) return l.path;
  return l.state === "connecting" ? "connecting" : "server";
}

const ICONS: Record<Way, IconName> = { direct: "direct", relay: "relay", server: "cloud", connecting: "cloud" };

export function PathBadge({ chat, open }: { chat: string; open: boolean }): JSX.Element {
  const l = linkOf(chat);
  const way = wayOf(l);
  const rtt = l && l.state === "up" && l.rtt_ms ? millis(l.rtt_ms, lang.value) : "";
  const words = `${t(`path.${way}`)}${way === "direct" && rtt ? ` ${rtt}` : ""}`;
  return (
    <button
      type="button"
      class={`path-badge path-${way}`}
      aria-label={t("path.label", { words })}
      aria-expanded={open}
      title={t("path.explain")}
      data-testid="path-badge"
      data-path={way === "connecting" ? "server" : way}
      onClick={() => go({ page: "chat", jid: chat, panel: open ? "" : "path" }, open)}
    >
      <Icon name={ICONS[way]} size={16} />
      <span>{words}</span>
    </button>
  );
}

export function PathPanel({ chat }: { chat: string }): JSX.Element {
  const language = lang.value;
  useEffect(() => {
    void ask({ cmd: "links", with: chat, lang: language }).catch(() => undefined);
  }, [chat, language]);
  const l = linkOf(chat);
  const way = wayOf(l);
  const name = nameOf(chat);
  const routes: Choice<string>[] = [
    { value: "auto", label: t("path.route.auto") },
    { value: "direct", label: t("path.route.direct") },
    { value: "server", label: t("path.route.server") },
  ];
  return (
    <div class="path-panel" data-testid="path-panel">
      <Route way={way} name={name} />
      <p class="path-lead">{t(`path.${way}.lead`, { name })}</p>
      {l?.words ? <p class="path-words">{line(l.words, 400)}</p> : null}
      {l?.help?.length ? (
        <section class="card">
          <h3>{t("path.help")}</h3>
          <ul class="plain-list">
            {l.help.map((h, i) => (
              <li key={i}>{line(h.words, 300)}</li>
            ))}
          </ul>
        </section>
      ) : null}
      <section class="card">
        <h3>{t("path.facts")}</h3>
        <dl class="facts">
          {l?.rtt_ms ? <Fact name={t("path.rtt")} value={millis(l.rtt_ms, language)} /> : null}
          <Fact name={t("path.nat.self")} value={natWord(l?.nat?.self)} />
          <Fact name={t("path.nat.peer")} value={natWord(l?.nat?.peer)} />
          {l?.local ? <Fact name={t("path.local")} value={l.local} mono /> : null}
          {l?.remote ? <Fact name={t("path.remote")} value={l.remote} mono /> : null}
          {l?.relay ? <Fact name={t("path.relay.server")} value={`${l.relay} ${l.relay_protocol ?? ""}`} mono /> : null}
          {l?.failure ? <Fact name={t("path.failure")} value={failureWord(l.failure)} /> : null}
          {l?.next_ms ? <Fact name={t("path.next")} value={t("path.seconds", { n: Math.max(1, Math.round(l.next_ms / 1000)) })} /> : null}
        </dl>
      </section>
      <section class="card">
        <h3>{t("path.route")}</h3>
        <Segmented label={t("path.route")} value={setting("route", "auto", chat)} choices={routes} onChange={(v) => setSetting("route", v === "auto" ? "" : v, chat)} />
        <p class="hint">{t(`path.route.${routes.find((r) => r.value === setting("route", "auto", chat))?.value === "direct" ? "direct" : setting("route", "auto", chat) === "server" ? "server" : "auto"}.hint`)}</p>
      </section>
    </div>
  );
}

/** A little picture: this device, what lies between, the other one. */
function Route({ way, name }: { way: Way; name: string }): JSX.Element {
  const mid: IconName | undefined = way === "direct" ? undefined : way === "relay" ? "relay" : "cloud";
  return (
    <div class={`route route-${way}`} aria-hidden="true">
      <span class="route-end">
        <Icon name="devices" size={22} />
        <small>{t("path.you")}</small>
      </span>
      <span class="route-line" />
      {mid ? (
        <>
          <span class="route-mid">
            <Icon name={mid} size={22} />
          </span>
          <span class="route-line" />
        </>
      ) : null}
      <span class="route-end">
        <Icon name="user" size={22} />
        <small>{name}</small>
      </span>
    </div>
  );
}

function Fact({ name, value, mono = false }: { name: string; value: string; mono?: boolean }): JSX.Element {
  return (
    <>
      <dt>{name}</dt>
      <dd class={mono ? "mono" : ""}>{value}</dd>
    </>
  );
}

function natWord(r: Reach | undefined): string {
  const key = `nat.${r?.class ?? "unknown"}`;
  return isKey(key) ? t(key) : t("nat.unknown");
}

function failureWord(code: string): string {
  const key = `failure.${code}`;
  return isKey(key) ? t(key) : line(code, 100);
}
