// The emoji picker: a grid by kind, a field to search in both languages, what was used last in front.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n/index.ts";
import { CATEGORIES, EMOJI, findEmoji, type Emoji } from "../lib/emoji.ts";
import { setSetting } from "../state/actions.ts";
import { setting } from "../state/app.ts";

const COLUMNS = 8;

export function EmojiPicker({ onPick, onClose }: { onPick: (char: string) => void; onClose: () => void }): JSX.Element {
  const typed = useSignal("");
  const ref = useRef<HTMLDivElement>(null);
  const recent = setting("ui.emoji", "").split(" ").filter(Boolean).map((char): Emoji => ({ char, words: char }));

  useEffect(() => {
    ref.current?.querySelector("input")?.focus();
    const away = (e: Event): void => {
      if (!ref.current?.contains(e.target as Node)) onClose();
    };
    document.addEventListener("pointerdown", away, true);
    return () => document.removeEventListener("pointerdown", away, true);
  }, []);

  const pick = (char: string): void => {
    const next = [char, ...recent.map((r) => r.char).filter((c) => c !== char)].slice(0, COLUMNS * 2);
    setSetting("ui.emoji", next.join(" "));
    onPick(char);
  };

  const onKey = (e: KeyboardEvent): void => {
    if (e.key === "Escape") {
      e.stopPropagation();
      onClose();
      return;
    }
    const all = [...(ref.current?.querySelectorAll<HTMLElement>(".emoji-cell") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    if (at < 0 && e.key === "Enter") {
      e.preventDefault();
      all[0]?.click();
    }
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[e.key];
    if (step === undefined || (at < 0 && e.key !== "ArrowDown")) return;
    e.preventDefault();
    const to = at < 0 ? 0 : at + step;
    if (to < 0) ref.current?.querySelector("input")?.focus();
    else all[Math.min(to, all.length - 1)]?.focus();
  };

  const found = typed.value ? findEmoji(typed.value) : undefined;
  return (
    <div class="emoji-picker" role="dialog" aria-label={t("emoji.title")} ref={ref} onKeyDown={onKey} data-testid="emoji-picker">
      <input type="search" class="search-input" aria-label={t("emoji.search")} placeholder={t("emoji.search")} value={typed.value} onInput={(e) => (typed.value = e.currentTarget.value)} />
      <div class="emoji-scroll" tabIndex={-1}>
        {found ? (
          <Grid title={t("emoji.found", { n: found.length })} list={found} pick={pick} />
        ) : (
          <>
            {recent.length > 0 ? <Grid title={t("emoji.recent")} list={recent} pick={pick} /> : null}
            {CATEGORIES.map((c) => (
              <Grid key={c} title={t(`emoji.${c}`)} list={EMOJI[c]} pick={pick} />
            ))}
          </>
        )}
      </div>
    </div>
  );
}

function Grid({ title, list, pick }: { title: string; list: readonly Emoji[]; pick: (char: string) => void }): JSX.Element {
  return (
    <section class="emoji-group">
      <h3>{title}</h3>
      <div class="emoji-grid">
        {list.map((e, i) => (
          <button key={e.char} type="button" class="emoji-cell" tabIndex={i === 0 ? 0 : -1} aria-label={`${e.char} ${e.words}`} onClick={() => pick(e.char)}>
            {e.char}
          </button>
        ))}
      </div>
    </section>
  );
}
