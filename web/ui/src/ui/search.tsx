// Searching: in one chat, step by step, and everywhere, as a list of what was found in its surroundings.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Message } from "../contract.ts";
import { lang, t } from "../i18n/index.ts";
import { flatten } from "../lib/styling.ts";
import { line } from "../lib/text.ts";
import { short } from "../lib/time.ts";
import { explain } from "../state/actions.ts";
import { core } from "../state/app.ts";
import { nameOf } from "../state/contacts.ts";
import { normal } from "../state/project.ts";
import { go } from "../state/route.ts";
import { Marked } from "./body.tsx";
import { Icon } from "./icons.tsx";
import { Avatar, Empty, IconButton } from "./parts.tsx";
import { jump } from "./timeline.tsx";

const PAGE = 40;
const WAIT_MS = 200;

interface Found {
  words: string;
  items: readonly Message[];
  more: boolean;
  busy: boolean;
  error: string;
}

const NOTHING: Found = { words: "", items: [], more: false, busy: false, error: "" };

/** Asks the core as the words are typed; an answer to older words is thrown away. */
export function useSearch(words: string, chat?: string): { found: Found; more: () => void } {
  const found = useSignal<Found>(NOTHING);
  const turn = useRef(0);
  const run = async (w: string, before?: string): Promise<void> => {
    const mine = ++turn.current;
    found.value = { ...(before ? found.value : { ...NOTHING, items: found.value.items }), words: w, busy: true };
    try {
      const a = await core().send({ cmd: "search", text: w, max: PAGE, ...(chat ? { with: chat } : {}), ...(before ? { before } : {}) });
      if (mine !== turn.current) return;
      const items = a.events.flatMap((e) => (e.event === "found" ? e.items.map(normal) : []));
      found.value = { words: w, items: before ? [...found.value.items, ...items] : items, more: a.more, busy: false, error: "" };
    } catch (e) {
      if (mine === turn.current) found.value = { ...NOTHING, words: w, error: explain(e) };
    }
  };
  useEffect(() => {
    const w = words.trim();
    if (w === "") {
      turn.current++;
      found.value = NOTHING;
      return undefined;
    }
    const timer = setTimeout(() => void run(w), WAIT_MS);
    return () => clearTimeout(timer);
  }, [words, chat]);
  return {
    found: found.value,
    more: () => {
      const cursor = found.value.items.at(-1)?.cursor;
      if (cursor && !found.value.busy) void run(found.value.words, cursor);
    },
  };
}

export function ChatSearch({ chat, onClose }: { chat: string; onClose: () => void }): JSX.Element {
  const words = useSignal("");
  const at = useSignal(-1);
  const input = useRef<HTMLInputElement>(null);
  const { found, more } = useSearch(words.value, chat);
  useEffect(() => input.current?.focus(), []);
  useEffect(() => {
    at.value = -1;
    if (found.items.length > 0 && !found.busy) step(0);
  }, [found.words, found.busy]);
  const step = (to: number): void => {
    const m = found.items[to];
    if (!m) return;
    at.value = to;
    jump.value = { chat, id: m.id, words: found.words };
    if (to >= found.items.length - 3 && found.more) more();
  };
  return (
    <search class="chat-search" aria-label={t("chat.search")}>
      <Icon name="search" size={18} />
      <input
        ref={input}
        type="search"
        class="search-input"
        aria-label={t("chat.search")}
        placeholder={t("chat.search")}
        value={words.value}
        data-testid="chat-search-input"
        onInput={(e) => (words.value = e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.isComposing) return;
          if (e.key === "Enter") step(e.shiftKey ? at.value - 1 : at.value + 1);
          else if (e.key === "Escape") {
            e.stopPropagation();
            onClose();
          }
        }}
      />
      <span class="hint" role="status">
        {words.value.trim() === "" ? "" : found.busy ? t("search.busy") : found.items.length === 0 ? t("search.none.short") : t("search.position", { at: at.value + 1, n: found.more ? `${found.items.length}+` : found.items.length })}
      </span>
      <IconButton icon="up" label={t("search.older")} disabled={at.value + 1 >= found.items.length} onClick={() => step(at.value + 1)} />
      <IconButton icon="down" label={t("search.newer")} disabled={at.value <= 0} onClick={() => step(at.value - 1)} />
      <IconButton icon="close" label={t("close")} onClick={onClose} />
    </search>
  );
}

/** Messages everywhere that hold the words. */
export function FoundMessages({ words }: { words: string }): JSX.Element | null {
  const { found, more } = useSearch(words);
  if (words.trim() === "") return null;
  return (
    <section class="found" aria-label={t("search.messages")} data-testid="found">
      <h3 class="list-head">
        {t("search.messages")} {found.busy ? <span class="hint">{t("search.busy")}</span> : null}
      </h3>
      {found.error ? <p class="hint pad">{found.error}</p> : null}
      {!found.busy && !found.error && found.words !== "" && found.items.length === 0 ? <Empty small icon="search" title={t("search.none")} text={t("search.none.text")} /> : null}
      <ul class="plain">
        {found.items.map((m) => (
          <li key={`${m.chat} ${m.id}`}>
            <button
              type="button"
              class="list-row found-row"
              onClick={() => {
                jump.value = { chat: m.chat, id: m.id, words: found.words };
                go({ page: "chat", jid: m.chat, panel: "" });
              }}
            >
              <Avatar jid={m.chat} presence={false} />
              <span class="list-text">
                <span class="list-top">
                  <span class="list-name" dir="auto">
                    {nameOf(m.chat)}
                  </span>
                  <time class="list-time">{short(m.time, lang.value)}</time>
                </span>
                <span class="list-line" dir="auto">
                  {m.own ? `${t("msg.you")}: ` : ""}
                  <Marked text={around(line(flatten(m.body), 4000), found.words)} words={found.words} />
                </span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      {found.more ? (
        <button type="button" class="link-button pad" onClick={more}>
          {t("search.more")}
        </button>
      ) : null}
    </section>
  );
}

/** The part of a text around the first place of the words. */
export function around(text: string, words: string): string {
  const at = text.toLowerCase().indexOf(words.toLowerCase());
  if (at <= 30) return text.slice(0, 200);
  return `…${text.slice(at - 24, at + 176)}`;
}
