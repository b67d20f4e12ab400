// The language of the face. One catalogue, two columns; what changes is drawn again by itself because t() reads a signal.

import { computed, signal } from "@preact/signals";
import { en } from "./en.ts";
import { zh } from "./zh.ts";
import { format, type Params } from "./format.ts";

export type Key = keyof typeof en;
export type Lang = "en" | "zh-CN";
export type LangChoice = Lang | "auto";

const catalogues: Record<Lang, Record<Key, string>> = { en, "zh-CN": zh };

/** What the person chose; "auto" follows the browser. */
export const langChoice = signal<LangChoice>("auto");

/** The language in use. */
export const lang = computed<Lang>(() => (langChoice.value === "auto" ? prefer(navigator.languages) : langChoice.value));

/** The first language of a list that we speak, else English. */
export function prefer(languages: readonly string[]): Lang {
  for (const l of languages) {
    if (/^zh\b/i.test(l)) return "zh-CN";
    if (/^en\b/i.test(l)) return "en";
  }
  return "en";
}

/** The words for a key in the language in use. */
export function t(key: Key, params: Params = {}): string {
  const l = lang.value;
  return format(catalogues[l][key], params, l);
}

/** Whether a text is a key, for codes that come from elsewhere. */
export function isKey(key: string): key is Key {
  return key in en;
}
