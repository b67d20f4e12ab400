// What belongs to this browser rather than to the account: language, theme and text size. Kept in localStorage so that
// the first paint is right; nothing secret is ever put there.

import { effect, signal } from "@preact/signals";
import { lang, langChoice, type LangChoice } from "../i18n/index.ts";

export type Theme = "system" | "light" | "dark";
export type TextSize = "s" | "m" | "l" | "xl";

export const theme = signal<Theme>("system");
export const textSize = signal<TextSize>("m");

function load<T extends string>(key: string, allowed: readonly T[], otherwise: T): T {
  try {
    const v = localStorage.getItem(`godwit.${key}`);
    return allowed.find((a) => a === v) ?? otherwise;
  } catch {
    return otherwise; // storage is switched off
  }
}

function save(key: string, value: string): void {
  try {
    localStorage.setItem(`godwit.${key}`, value);
  } catch {
    // storage is switched off: it holds until the page is closed
  }
}

/** Reads what was chosen and keeps the page in step with it, in every tab. */
export function startPrefs(): void {
  const read = (): void => {
    langChoice.value = load<LangChoice>("lang", ["auto", "en", "zh-CN"], "auto");
    theme.value = load<Theme>("theme", ["system", "light", "dark"], "system");
    textSize.value = load<TextSize>("size", ["s", "m", "l", "xl"], "m");
  };
  read();
  addEventListener("storage", (e) => {
    if (e.key === null || e.key.startsWith("godwit.")) read();
  });
  const root = document.documentElement;
  effect(() => {
    root.lang = lang.value;
    save("lang", langChoice.value);
  });
  effect(() => {
    if (theme.value === "system") delete root.dataset.theme;
    else root.dataset.theme = theme.value;
    save("theme", theme.value);
  });
  effect(() => {
    root.dataset.size = textSize.value;
    save("size", textSize.value);
  });
}
