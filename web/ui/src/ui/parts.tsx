// Small parts that every screen uses.

import type { ComponentChildren, JSX, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n/index.ts";
import type { Presence } from "../lib/order.ts";
import { hue, initials } from "../lib/text.ts";
import { nameOf, presenceOf } from "../state/contacts.ts";
import { Icon, type IconName } from "./icons.tsx";

export function presenceWord(p: Presence): string {
  return t(`presence.${p}`);
}

/** Shape and colour of a presence: disc, half, bar, ring. The word stands beside it or is its label. */
export function Dot({ of, labelled = false }: { of: Presence; labelled?: boolean }): JSX.Element {
  const label = labelled ? { role: "img" as const, "aria-label": presenceWord(of) } : { "aria-hidden": "true" as const };
  return (
    <svg class={`dot dot-${of}`} width="12" height="12" viewBox="0 0 12 12" {...label}>
      {of === "offline" ? <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="2" /> : <circle cx="6" cy="6" r="5" fill="currentColor" />}
      {of === "away" || of === "xa" ? <path class="dot-cut" d="M6 3v3.300l2 1.300" fill="none" stroke-width="1.500" stroke-linecap="round" /> : null}
      {of === "dnd" ? <path class="dot-cut" d="M3.500 6h5" stroke-width="1.800" stroke-linecap="round" /> : null}
    </svg>
  );
}

export function Avatar({ jid, size = "m", presence = true }: { jid: string; size?: "s" | "m" | "l" | "xl"; presence?: boolean }): JSX.Element {
  const p = presence ? presenceOf(jid) : "offline";
  return (
    <span class={`avatar avatar-${size} hue-${hue(jid)}`} aria-hidden="true">
      {initials(nameOf(jid))}
      {presence && p !== "offline" ? (
        <span class="avatar-dot">
          <Dot of={p} />
        </span>
      ) : null}
    </span>
  );
}

/** A button that is only an icon; its label is read and shown as a tip. */
export function IconButton(p: {
  icon: IconName;
  label: string;
  onClick?: (e: MouseEvent) => void;
  class?: string;
  pressed?: boolean;
  expanded?: boolean;
  disabled?: boolean;
  testid?: string;
  size?: number;
  tabIndex?: number;
  buttonRef?: RefObject<HTMLButtonElement>;
}): JSX.Element {
  return (
    <button
      type="button"
      class={`icon-button ${p.class ?? ""}`}
      aria-label={p.label}
      title={p.label}
      onClick={p.onClick}
      disabled={p.disabled ?? false}
      {...(p.pressed === undefined ? {} : { "aria-pressed": p.pressed })}
      {...(p.expanded === undefined ? {} : { "aria-expanded": p.expanded })}
      {...(p.testid ? { "data-testid": p.testid } : {})}
      {...(p.tabIndex === undefined ? {} : { tabIndex: p.tabIndex })}
      {...(p.buttonRef ? { ref: p.buttonRef } : {})}
    >
      <Icon name={p.icon} size={p.size ?? 20} />
    </button>
  );
}

/** A modal dialog: the browser traps the focus, makes the rest inert and closes it by Escape. */
export function Dialog(p: { title: string; onClose: () => void; children: ComponentChildren; class?: string; hideTitle?: boolean; testid?: string; actions?: ComponentChildren }): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = ref.current;
    const before = document.activeElement;
    if (d && !d.open) d.showModal();
    return () => {
      d?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      class={`dialog ${p.class ?? ""}`}
      aria-label={p.title}
      {...(p.testid ? { "data-testid": p.testid } : {})}
      onCancel={(e) => {
        e.preventDefault();
        p.onClose();
      }}
      onMouseDown={(e) => {
        if (e.target === ref.current) p.onClose();
      }}
    >
      <div class="dialog-inner">
        {p.hideTitle ? null : (
          <header class="dialog-head">
            <h2>{p.title}</h2>
            <IconButton icon="close" label={t("close")} onClick={p.onClose} />
          </header>
        )}
        <div class="dialog-body">{p.children}</div>
        {p.actions ? <footer class="dialog-actions">{p.actions}</footer> : null}
      </div>
    </dialog>
  );
}

/** What stands where there is nothing, with what can be done about it. */
export function Empty(p: { icon: IconName | "bird"; title: string; text: string; children?: ComponentChildren; small?: boolean }): JSX.Element {
  return (
    <div class={`empty ${p.small ? "empty-small" : ""}`}>
      <span class="empty-mark">{p.icon === "bird" ? <FlightMark /> : <Icon name={p.icon} size={28} />}</span>
      <p class="empty-title">{p.title}</p>
      <p class="empty-text">{p.text}</p>
      {p.children ? <div class="empty-actions">{p.children}</div> : null}
    </div>
  );
}

/** A godwit over the water, for the big empty places. */
export function FlightMark(): JSX.Element {
  return (
    <svg class="flight" width="180" height="120" viewBox="0 0 180 120" fill="none" aria-hidden="true" focusable="false">
      <circle class="flight-sun" cx="128" cy="44" r="22" />
      <path class="flight-wave" d="M8 96c14 0 14-6 27-6s14 6 28 6 14-6 27-6 14 6 28 6 14-6 27-6 14 6 27 6" />
      <path class="flight-wave flight-wave-2" d="M30 110c12 0 12-5 23-5s12 5 24 5 12-5 23-5 12 5 24 5" />
      <path class="flight-bird" d="M24 58c12-.5 21-2.500 29-6.500C57 41 66 28 82 18c-1 12-1 20 1 27 12-3 26-3 44 3-13 2-20 6-26 11-9 8-25 9-37 3-5 1-9 .500-14-1-9-.500-17-1-26-3z" />
      <path class="flight-trail" d="M8 57c5-.5 9-.3 14 .8" />
    </svg>
  );
}

export interface Choice<T extends string> {
  value: T;
  label: string;
  hint?: string;
}

/** One of a few, as a row of buttons that looks like one control; arrow keys move. */
export function Segmented<T extends string>(p: { label: string; value: T; choices: readonly Choice<T>[]; onChange: (v: T) => void }): JSX.Element {
  return (
    <div class="segmented" role="radiogroup" aria-label={p.label}>
      {p.choices.map((c) => (
        <label key={c.value} class={`segment ${c.value === p.value ? "segment-on" : ""}`}>
          <input type="radio" class="sr-only" name={p.label} checked={c.value === p.value} onChange={() => p.onChange(c.value)} />
          {c.label}
        </label>
      ))}
    </div>
  );
}

export function Switch(p: { label: string; hint?: string; on: boolean; onChange: (on: boolean) => void; testid?: string; disabled?: boolean }): JSX.Element {
  return (
    <label class="switch-row">
      <span class="row-text">
        <span>{p.label}</span>
        {p.hint ? <span class="hint">{p.hint}</span> : null}
      </span>
      <input type="checkbox" role="switch" class="switch" checked={p.on} disabled={p.disabled ?? false} onChange={(e) => p.onChange(e.currentTarget.checked)} {...(p.testid ? { "data-testid": p.testid } : {})} />
    </label>
  );
}

export function Field(p: {
  label: string;
  value: string;
  onInput: (v: string) => void;
  type?: "text" | "password";
  hint?: string;
  error?: string;
  autocomplete?: string;
  autofocus?: boolean;
  placeholder?: string;
  testid?: string;
  id: string;
  maxLength?: number;
}): JSX.Element {
  const described = [p.hint ? `${p.id}-hint` : "", p.error ? `${p.id}-error` : ""].filter(Boolean).join(" ");
  const ref = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (p.autofocus) ref.current?.focus();
  }, []);
  return (
    <div class="field">
      <label for={p.id}>{p.label}</label>
      <input
        ref={ref}
        id={p.id}
        type={(p.type ?? "text") as "text" /* the types of the element tell one from another, this part need not */}
        value={p.value}
        onInput={(e) => p.onInput(e.currentTarget.value)}
        autocomplete={p.autocomplete ?? "off"}
        autocapitalize="none"
        spellcheck={false}
        placeholder={p.placeholder ?? ""}
        maxLength={p.maxLength ?? 1024}
        aria-invalid={p.error ? "true" : "false"}
        {...(described ? { "aria-describedby": described } : {})}
        {...(p.testid ? { "data-testid": p.testid } : {})}
      />
      {p.hint ? (
        <span class="hint" id={`${p.id}-hint`}>
          {p.hint}
        </span>
      ) : null}
      {p.error ? (
        <span class="field-error" id={`${p.id}-error`}>
          <Icon name="warn" size={16} /> {p.error}
        </span>
      ) : null}
    </div>
  );
}
