// What a browser withholds from pages on plain http, said plainly, with the way out.

import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { t, type Key } from "../i18n/index.ts";
import { Icon } from "./icons.tsx";

/** What does not work here, and is needed for the messenger to be whole. */
export function whatIsMissing(w: { isSecureContext: boolean } = globalThis): Key[] {
  if (w.isSecureContext) return [];
  return ["wall.notify", "wall.offline", "wall.files", "wall.clipboard", "wall.read"];
}

/** On plain http somewhere else than this machine nobody may type a password. */
export function walled(): boolean {
  return !globalThis.isSecureContext;
}

export function Wall({ compact = false, onGoOn }: { compact?: boolean; onGoOn?: () => void }): JSX.Element {
  const sure = useSignal(false);
  const https = `https://${location.host}${location.pathname}${location.hash}`;
  return (
    <section class={compact ? "card wall" : "wall wall-full"} data-testid="wall" aria-label={t("wall.title")}>
      <span class="wall-mark">
        <Icon name="shield" size={28} />
      </span>
      <h2>{t("wall.title")}</h2>
      <p>{t("wall.why")}</p>
      <ul>
        {whatIsMissing({ isSecureContext: false }).map((k) => (
          <li key={k}>{t(k)}</li>
        ))}
      </ul>
      <p>{t("wall.how")}</p>
      <div class="form-end">
        <a class="button primary" href={https}>
          {t("wall.https")}
        </a>
        <a class="button" href="/trust">
          {t("wall.trust")}
        </a>
      </div>
      {onGoOn ? (
        <details class="wall-anyway">
          <summary>{t("wall.anyway")}</summary>
          <label class="check-row">
            <input type="checkbox" class="check" checked={sure.value} onChange={(e) => (sure.value = e.currentTarget.checked)} /> {t("wall.risk")}
          </label>
          <button type="button" class="button small" disabled={!sure.value} onClick={onGoOn}>
            {t("wall.goon")}
          </button>
        </details>
      ) : null}
    </section>
  );
}
