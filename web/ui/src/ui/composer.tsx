// Where messages are written.

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n/index.ts";
import { keyAction } from "../lib/compose.ts";
import { flatten } from "../lib/styling.ts";
import { line } from "../lib/text.ts";
import { editMessage, sendMessage, setSetting } from "../state/actions.ts";
import { core, setting } from "../state/app.ts";
import { chats, timeline } from "../state/chats.ts";
import { nameOf } from "../state/contacts.ts";
import { bare } from "../lib/jid.ts";
import { account } from "../state/app.ts";
import { editable, intents, setIntent, type Intent } from "./bubble.tsx";
import { EmojiPicker } from "./emoji.tsx";
import { chosen } from "./files.tsx";
import { Icon } from "./icons.tsx";
import { IconButton } from "./parts.tsx";

const COMPOSING_EVERY = 5_000;
const PAUSED_AFTER = 4_000;
const DRAFT_AFTER = 600;

/** Longer than the core takes in one message. */
const MAX = 128 * 1024;

export function Composer({ chat }: { chat: string }): JSX.Element {
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(() => chats.peek(chat)?.draft ?? "");
  const [picker, setPicker] = useState(false);
  const composed = useRef(false);
  const intent = intents.value.get(chat);
  const typing = useTyping(chat);
  const kept = useRef("");
  const enterSends = setting("ui.enter", "enter") === "enter";

  useDraft(chat, text, intent);

  // Beginning to edit puts the old text here; ending gives back what was being written.
  useEffect(() => {
    if (intent?.kind === "edit") {
      kept.current = text;
      setText(intent.message.body);
    }
    if (intent) area.current?.focus();
    return () => {
      if (intent?.kind === "edit") setText(kept.current);
    };
  }, [intent]);

  useLayoutEffect(() => {
    const el = area.current;
    if (!el) return;
    el.style.height = "auto";
    el.style.height = `${Math.min(el.scrollHeight, Math.round(innerHeight * 0.4))}px`;
  }, [text]);

  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) area.current?.focus();
  }, [chat]);

  const send = (): void => {
    const body = text.replace(/\s+$/u, "");
    if (body.trim() === "" || new TextEncoder().encode(body).length > MAX) return;
    typing.stop();
    if (intent?.kind === "edit") {
      if (body !== intent.message.body) editMessage(intent.message, body);
      setIntent(chat, undefined);
      return;
    }
    sendMessage(chat, body, intent?.message);
    setText("");
    if (intent) setIntent(chat, undefined);
    area.current?.focus();
  };

  const onKey = (e: KeyboardEvent): void => {
    const el = area.current;
    const action = keyAction({
      key: e.key,
      shift: e.shiftKey,
      ctrl: e.ctrlKey || e.metaKey,
      alt: e.altKey,
      composing: e.isComposing || e.keyCode === 229,
      justComposed: composed.current,
      empty: text === "",
      atStart: el?.selectionStart === 0,
      enterSends,
    });
    switch (action) {
      case "send":
        e.preventDefault();
        send();
        break;
      case "edit-last": {
        const last = timeline(chat).items.value.findLast(editable);
        if (last) {
          e.preventDefault();
          setIntent(chat, { kind: "edit", message: last });
        }
        break;
      }
      case "escape":
        if (intent) {
          e.stopPropagation();
          setIntent(chat, undefined);
        }
        break;
      default:
    }
  };

  const insert = (s: string): void => {
    const el = area.current;
    if (!el) return;
    const at = el.selectionStart;
    const next = text.slice(0, at) + s + text.slice(el.selectionEnd);
    setText(next);
    requestAnimationFrame(() => {
      el.focus();
      el.setSelectionRange(at + s.length, at + s.length);
    });
  };

  const tooLong = text.length > MAX / 4 && new TextEncoder().encode(text).length > MAX;
  return (
    <div class="composer-wrap">
      {intent ? <IntentBar chat={chat} intent={intent} /> : null}
      <form
        class="composer"
        onSubmit={(e) => {
          e.preventDefault();
          send();
        }}
      >
        <label class="icon-button" title={t("chat.attach")}>
          <Icon name="attach" />
          <span class="sr-only">{t("chat.attach")}</span>
          <input
            type="file"
            multiple
            class="sr-only"
            data-testid="attach"
            onChange={(e) => {
              const list = [...(e.currentTarget.files ?? [])];
              e.currentTarget.value = "";
              if (list.length > 0) chosen.value = { chat, files: list };
            }}
          />
        </label>
        <textarea
          ref={area}
          rows={1}
          dir="auto"
          value={text}
          aria-label={t("chat.write", { name: nameOf(chat) })}
          placeholder={t("chat.placeholder")}
          data-testid="composer"
          aria-invalid={tooLong}
          onInput={(e) => {
            setText(e.currentTarget.value);
            if (e.currentTarget.value) typing.type();
            else typing.stop();
          }}
          onKeyDown={onKey}
          onCompositionEnd={() => {
            // Safari and some input methods send the Enter that chose the candidate after this event, in the same turn.
            composed.current = true;
            setTimeout(() => (composed.current = false), 0);
          }}
          onPaste={(e) => {
            const list = [...(e.clipboardData?.files ?? [])];
            if (list.length === 0) return;
            e.preventDefault();
            chosen.value = { chat, files: list };
          }}
        />
        <span class="emoji-anchor">
          <IconButton icon="emoji" label={t("emoji.title")} expanded={picker} onClick={() => setPicker(!picker)} testid="emoji" />
          {picker ? (
            <EmojiPicker
              onPick={insert}
              onClose={() => {
                setPicker(false);
                area.current?.focus();
              }}
            />
          ) : null}
        </span>
        <button type="submit" class="icon-button send" disabled={text.trim() === "" || tooLong} aria-label={t("send")} title={t(enterSends ? "chat.send.enter" : "chat.send.ctrl")} data-testid="send">
          <Icon name={intent?.kind === "edit" ? "check" : "send"} />
        </button>
      </form>
      {tooLong ? <p class="field-error composer-error">{t("chat.toolong")}</p> : null}
    </div>
  );
}

function IntentBar({ chat, intent }: { chat: string; intent: Intent }): JSX.Element {
  const m = intent.message;
  const who = m.own || bare(m.from) === account.value ? t("msg.you") : nameOf(m.from);
  return (
    <div class="intent" data-testid="intent">
      <Icon name={intent.kind === "reply" ? "reply" : "edit"} size={18} />
      <span class="intent-text">
        <span class="quoted-who">{intent.kind === "reply" ? t("chat.replying", { name: who }) : t("chat.editing")}</span>
        <span class="quoted-text" dir="auto">
          {line(flatten(m.body), 160) || (m.file ? line(m.file.name, 100) : "")}
        </span>
      </span>
      <IconButton icon="close" label={t("cancel")} onClick={() => setIntent(chat, undefined)} />
    </div>
  );
}

/** Tells the other side, at most every few seconds, and takes it back when the hands rest. */
function useTyping(chat: string): { type: () => void; stop: () => void } {
  const state = useRef({ last: 0, timer: 0 });
  const say = (s: "composing" | "paused" | "active"): void => {
    if (setting("typing", "on") === "off") return;
    core().send({ cmd: "typing", to: chat, state: s }).catch(() => undefined);
  };
  const end = (s: "paused" | "active"): void => {
    clearTimeout(state.current.timer);
    if (state.current.last === 0) return;
    state.current.last = 0;
    say(s);
  };
  useEffect(() => () => end("paused"), [chat]);
  return {
    type: () => {
      const now = Date.now();
      if (now - state.current.last > COMPOSING_EVERY) {
        state.current.last = now;
        say("composing");
      }
      clearTimeout(state.current.timer);
      state.current.timer = window.setTimeout(() => end("paused"), PAUSED_AFTER);
    },
    stop: () => end("active"),
  };
}

/** Keeps what is being written, here and on the other devices. */
function useDraft(chat: string, text: string, intent: Intent | undefined): void {
  const latest = useRef(text);
  latest.current = intent?.kind === "edit" ? (chats.peek(chat)?.draft ?? "") : text;
  const save = (): void => {
    if (latest.current !== (chats.peek(chat)?.draft ?? "")) setSetting("draft", latest.current.slice(0, 4000), chat);
  };
  useEffect(() => {
    const timer = setTimeout(save, DRAFT_AFTER);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    addEventListener("pagehide", save);
    return () => {
      removeEventListener("pagehide", save);
      save();
    };
  }, [chat]);
}
