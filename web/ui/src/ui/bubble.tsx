// One message.

import { signal } from "@preact/signals";
import type { HTMLAttributes, JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Message } from "../contract.ts";
import { lang, t } from "../i18n/index.ts";
import type { Place } from "../lib/group.ts";
import { flatten } from "../lib/styling.ts";
import { line } from "../lib/text.ts";
import { day, full, hour } from "../lib/time.ts";
import { attempt, resend, retractMessage, toast } from "../state/actions.ts";
import { account } from "../state/app.ts";
import { nameOf } from "../state/contacts.ts";
import { versions } from "../state/project.ts";
import { bare } from "../lib/jid.ts";
import { Body } from "./body.tsx";
import { FileCard } from "./files.tsx";
import { Icon } from "./icons.tsx";
import { Menu, under, type At, type MenuItem } from "./menu.tsx";
import { Dialog, IconButton } from "./parts.tsx";
import { Ticks } from "./ticks.tsx";

/** What the composer answers or edits, by chat. */
export interface Intent {
  kind: "reply" | "edit";
  message: Message;
}
export const intents = signal<ReadonlyMap<string, Intent>>(new Map());

export function setIntent(chat: string, i: Intent | undefined): void {
  const next = new Map(intents.value);
  if (i) next.set(chat, i);
  else next.delete(chat);
  intents.value = next;
}

/** The message whose earlier versions are shown. */
export const history = signal<Message | undefined>(undefined);
/** The message that is about to be taken back. */
export const retracting = signal<Message | undefined>(undefined);

export interface BubbleProps {
  message: Message;
  place: Place;
  tabIndex: number;
  flash: boolean;
  highlight: string;
  onJump: (id: string) => void;
}

export function editable(m: Message): boolean {
  return !!m.own && !m.retracted && !m.file && m.state !== "failed";
}

export function actionsOf(m: Message): MenuItem[] {
  const items: MenuItem[] = [];
  if (m.retracted) return items;
  items.push({ icon: "reply", label: t("msg.reply"), run: () => setIntent(m.chat, { kind: "reply", message: m }) });
  if (m.body) items.push({ icon: "copy", label: t("msg.copy"), run: () => void copy(m.body) });
  if (editable(m)) items.push({ icon: "edit", label: t("msg.edit"), run: () => setIntent(m.chat, { kind: "edit", message: m }) });
  if (m.edited) items.push({ icon: "clock", label: t("msg.versions"), run: () => (history.value = m) });
  if (m.own && m.state === "failed") items.push({ icon: "retry", label: t("msg.retry"), run: () => retry(m) });
  if (m.own && m.state !== "failed") items.push({ icon: "trash", label: t("msg.retract"), danger: true, run: () => (retracting.value = m) });
  return items;
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("msg.copied"));
  } catch {
    toast(t("msg.copy.failed"), true); // no clipboard on plain http
  }
}

export function retry(m: Message): void {
  if (m.file) void attempt({ cmd: "retryfile", sid: m.file.sid });
  else resend(m);
}

export function Bubble({ message: m, place, tabIndex, flash, highlight, onJump }: BubbleProps): JSX.Element {
  const [menu, setMenu] = useState<At | undefined>(undefined);
  const [whole, setWhole] = useState(false);
  const swipe = useSwipe(() => (m.retracted ? undefined : setIntent(m.chat, { kind: "reply", message: m })));
  const who = m.own ? t("msg.you") : nameOf(m.from);
  const l = lang.value;
  const label = [who, m.retracted ? t("msg.retracted") : m.file ? t("msg.file", { name: line(m.file.name, 100) }) : line(flatten(m.body), 300), hour(m.time, l), m.own ? t(`state.${m.state === "received" ? "sent" : (m.state ?? "queued")}`) : ""].filter(Boolean).join(", ");
  const cls = ["msg", m.own ? "own" : "other", place.first ? "first" : "", place.last ? "last" : "", flash ? "flash" : "", m.state === "failed" ? "failed" : ""].filter(Boolean).join(" ");
  return (
    <article
      class={cls}
      data-id={m.id}
      data-testid="message"
      data-state={m.state ?? ""}
      aria-label={label}
      tabIndex={tabIndex}
      onContextMenu={(e) => {
        if ((e.target as Element).closest("a") || getSelection()?.toString()) return;
        e.preventDefault();
        setMenu({ x: e.clientX, y: e.clientY });
      }}
      {...swipe}
    >
      <div class="bubble">
        {m.reply && !m.retracted ? <Quoted reply={m.reply} onJump={onJump} /> : null}
        {m.retracted ? (
          <p class="body gone">
            <Icon name="block" size={15} /> {t("msg.retracted")}
          </p>
        ) : (
          <>
            {m.file ? <FileCard message={m} /> : null}
            {m.body || !m.file ? <Body text={m.body} whole={whole} onWhole={() => setWhole(true)} highlight={highlight} /> : null}
          </>
        )}
        <span class="meta">
          {m.edited && !m.retracted ? (
            <button type="button" class="edited" tabIndex={-1} onClick={() => (history.value = m)} title={t("msg.edited.at", { time: full(m.edited, l) })}>
              {t("msg.edited")}
            </button>
          ) : null}
          <time dateTime={m.time} title={full(m.time, l)}>
            {hour(m.time, l)}
          </time>
          <Ticks message={m} />
        </span>
      </div>
      {m.retracted ? null : (
        <span class="msg-tools">
          <IconButton icon="reply" label={t("msg.reply")} size={18} tabIndex={-1} onClick={() => setIntent(m.chat, { kind: "reply", message: m })} />
          <IconButton icon="more" label={t("msg.more")} size={18} tabIndex={-1} expanded={!!menu} onClick={(e) => setMenu(under(e))} testid="message-more" />
        </span>
      )}
      {m.state === "failed" ? (
        <p class="failed-row" role="alert">
          <span>{m.error ? line(m.error, 200) : t("msg.failed")}</span>
          <button type="button" class="link-button" onClick={() => retry(m)}>
            {t("msg.retry")}
          </button>
        </p>
      ) : null}
      {menu ? <Menu label={t("msg.more")} at={menu} items={actionsOf(m)} onClose={() => setMenu(undefined)} /> : null}
    </article>
  );
}

function Quoted({ reply, onJump }: { reply: NonNullable<Message["reply"]>; onJump: (id: string) => void }): JSX.Element {
  const who = reply.from && bare(reply.from) === account.value ? t("msg.you") : reply.from ? nameOf(reply.from) : "";
  return (
    <button type="button" class="quoted" tabIndex={-1} onClick={() => onJump(reply.id)} title={t("msg.jump")} data-testid="quoted">
      <span class="quoted-who">{who}</span>
      <span class="quoted-text" dir="auto">
        {line(flatten(reply.body ?? ""), 160) || t("msg.original")}
      </span>
    </button>
  );
}

/** Drawing a message aside with a finger answers it. */
function useSwipe(run: () => void): Pick<HTMLAttributes<HTMLElement>, "onTouchStart" | "onTouchMove" | "onTouchEnd"> {
  const from = useRef<{ x: number; y: number } | undefined>(undefined);
  return {
    onTouchStart: (e) => {
      const t0 = e.touches[0];
      from.current = t0 && e.touches.length === 1 ? { x: t0.clientX, y: t0.clientY } : undefined;
    },
    onTouchMove: (e) => {
      const t0 = e.touches[0];
      if (!from.current || !t0) return;
      const dx = t0.clientX - from.current.x;
      if (Math.abs(t0.clientY - from.current.y) > 24) from.current = undefined;
      else e.currentTarget.style.setProperty("--swipe", `${Math.max(-72, Math.min(0, dx))}px`);
    },
    onTouchEnd: (e) => {
      const end = e.changedTouches[0];
      if (from.current && end && end.clientX - from.current.x < -56) run();
      from.current = undefined;
      e.currentTarget.style.removeProperty("--swipe");
    },
  };
}

/** The day between messages. */
export function DayMark({ iso }: { iso: string }): JSX.Element {
  return (
    <div class="day" role="separator" aria-label={day(iso, lang.value)}>
      <span>{day(iso, lang.value)}</span>
    </div>
  );
}

/** The two dialogs about one message. */
export function MessageDialogs(): JSX.Element | null {
  const r = retracting.value;
  if (r)
    return (
      <Dialog
        title={t("msg.retract.title")}
        onClose={() => (retracting.value = undefined)}
        testid="retract-dialog"
        actions={
          <>
            <button type="button" class="button" onClick={() => (retracting.value = undefined)}>
              {t("cancel")}
            </button>
            <button
              type="button"
              class="button danger"
              onClick={() => {
                retractMessage(r);
                retracting.value = undefined;
              }}
            >
              {t("msg.retract")}
            </button>
          </>
        }
      >
        <p>{t("msg.retract.text", { name: nameOf(r.chat) })}</p>
        <blockquote class="quote">{line(flatten(r.body), 200) || (r.file ? line(r.file.name, 200) : "")}</blockquote>
      </Dialog>
    );
  const h = history.value;
  if (!h) return null;
  const old = versions.get(h.id) ?? [];
  return (
    <Dialog title={t("msg.versions")} onClose={() => (history.value = undefined)}>
      <ol class="versions">
        {[...old, { body: h.body, time: h.edited ?? h.time }].map((v, i) => (
          <li key={i}>
            <time class="hint">{full(v.time, lang.value)}</time>
            <Body text={v.body} whole onWhole={() => undefined} />
          </li>
        ))}
      </ol>
      {old.length === 0 ? <p class="hint">{t("msg.versions.none")}</p> : null}
    </Dialog>
  );
}
