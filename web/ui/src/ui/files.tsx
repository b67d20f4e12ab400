// Files: the card in a message, the dialog before sending, the picture in full.

import { signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { FileEvent, Message } from "../contract.ts";
import { lang, t } from "../i18n/index.ts";
import { ownAddress } from "../lib/links.ts";
import { bytes, clock } from "../lib/size.ts";
import { line } from "../lib/text.ts";
import { attempt, sendFile } from "../state/actions.ts";
import { files } from "../state/app.ts";
import { Icon } from "./icons.tsx";
import { Dialog, IconButton } from "./parts.tsx";

/** Pictures of kinds that browsers draw without running anything in them. SVG is not among them. */
const PICTURE = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

/** A picture that is shown in full. */
export const lightbox = signal<{ url: string; name: string } | undefined>(undefined);
/** Files that wait for a caption: chosen, dropped or pasted. */
export const chosen = signal<{ chat: string; files: File[] } | undefined>(undefined);

/** The transfer of a message, from its own data and from what is known of it now. */
function transferOf(m: Message): FileEvent {
  const f = m.file ?? { sid: "", name: "", size: 0 };
  let now = files.get(f.sid);
  if (!now) for (const x of files.values()) if (x.id === m.id && x.chat === m.chat) now = x;
  const state = now?.state ?? f.state ?? (f.url ? "complete" : m.own ? "active" : "offered");
  const url = now?.url ?? f.url;
  return { chat: m.chat, direction: m.own ? "out" : "in", ...f, ...now, state, name: line(now?.name ?? f.name, 200) || t("file.unnamed"), ...(url ? { url } : {}) };
}

export function FileCard({ message }: { message: Message }): JSX.Element {
  const f = transferOf(message);
  const safe = f.url && ownAddress(f.url, location.origin) ? f.url : "";
  const picture = safe !== "" && PICTURE.test(f.type ?? "");
  const done = f.done ?? 0;
  const share = f.size > 0 ? Math.min(1, done / f.size) : 0;
  const active = f.state === "active" || f.state === "paused";
  const sid = f.sid;
  return (
    <div class={`file file-${f.state}`} data-testid="file" data-state={f.state} data-path={f.path ?? ""}>
      {picture ? (
        <button type="button" class="thumb" aria-label={t("file.open", { name: f.name })} onClick={() => (lightbox.value = { url: safe, name: f.name })}>
          <img src={safe} alt={f.name} loading="lazy" decoding="async" />
        </button>
      ) : null}
      <div class="file-row">
        <span class="file-icon" aria-hidden="true">
          {active ? <Ring share={share} /> : <Icon name={f.state === "failed" ? "warn" : "file"} size={22} />}
        </span>
        <span class="file-text">
          <span class="file-name" dir="auto">
            {f.name}
          </span>
          <span class="file-facts">{facts(f)}</span>
        </span>
        <span class="file-actions">
          {f.state === "offered" && !message.own ? <IconButton icon="download" label={t("file.accept", { name: f.name })} onClick={() => void attempt({ cmd: "acceptfile", sid })} /> : null}
          {active || (f.state === "offered" && message.own) ? <IconButton icon="close" label={t("file.cancel", { name: f.name })} onClick={() => void attempt({ cmd: "cancelfile", sid })} /> : null}
          {f.state === "failed" || (f.state === "cancelled" && !message.own) ? (
            <IconButton icon="retry" label={t("file.retry", { name: f.name })} onClick={() => void attempt({ cmd: "retryfile", sid })} />
          ) : null}
          {f.state === "complete" && safe ? (
            <a class="icon-button" href={safe} download={f.name} aria-label={t("file.save", { name: f.name })} title={t("file.save", { name: f.name })}>
              <Icon name="download" />
            </a>
          ) : null}
        </span>
      </div>
      {active ? <progress class="bar" max={1} value={share} aria-label={t("file.progress", { name: f.name })} /> : null}
    </div>
  );
}

/** "3.1 of 12 MB · direct 12 MB/s · 0:04 left" */
function facts(f: FileEvent): string {
  const l = lang.value;
  const parts: string[] = [];
  const size = f.size > 0 ? bytes(f.size, l) : "";
  switch (f.state) {
    case "active":
    case "paused":
      parts.push(f.done ? t("file.of", { done: bytes(f.done, l), size }) : size);
      if (f.state === "paused") parts.push(t("file.paused"));
      else if (f.path && f.speed) parts.push(t(f.path === "server" ? "file.via.server" : f.path === "relay" ? "file.via.relay" : "file.via.direct", { speed: `${bytes(f.speed, l)}/s` }));
      else if (!f.done) parts.push(t("file.waiting"));
      if (f.eta_ms) parts.push(t("file.left", { time: clock(f.eta_ms) }));
      break;
    case "failed":
      parts.push(t("file.failed"), line(f.error ?? "", 120));
      break;
    case "cancelled":
      parts.push(size, t("file.cancelled"));
      break;
    case "offered":
      parts.push(size, f.direction === "out" ? t("file.waiting") : t("file.offered"));
      break;
    case "complete":
      parts.push(size);
      if (f.path) parts.push(t(f.path === "server" ? "file.went.server" : f.path === "relay" ? "file.went.relay" : "file.went.direct"));
  }
  return parts.filter(Boolean).join(" · ");
}

function Ring({ share }: { share: number }): JSX.Element {
  const turn = 2 * Math.PI * 10;
  return (
    <svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true">
      <circle cx="13" cy="13" r="10" fill="none" stroke="currentColor" stroke-opacity="0.250" stroke-width="3" />
      <circle cx="13" cy="13" r="10" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-dasharray={`${turn * share} ${turn}`} transform="rotate(-90 13 13)" />
    </svg>
  );
}

/** What is about to be sent, with a caption. */
export function SendDialog(): JSX.Element | null {
  const c = chosen.value;
  const caption = useSignal("");
  if (!c) return null;
  const close = (): void => {
    chosen.value = undefined;
    caption.value = "";
  };
  const send = (): void => {
    c.files.forEach((f, i) => sendFile(c.chat, f, i === 0 ? caption.value.trim() : ""));
    close();
  };
  const drop = (f: File): void => {
    const rest = c.files.filter((x) => x !== f);
    if (rest.length === 0) close();
    else chosen.value = { ...c, files: rest };
  };
  return (
    <Dialog
      title={t("file.send.title", { n: c.files.length })}
      onClose={close}
      testid="send-dialog"
      actions={
        <>
          <button type="button" class="button" onClick={close}>
            {t("cancel")}
          </button>
          <button type="button" class="button primary" onClick={send} data-testid="send-files">
            <Icon name="send" size={18} /> {t("send")}
          </button>
        </>
      }
    >
      <ul class="preview-list">
        {c.files.map((f) => (
          <Preview key={`${f.name}${f.lastModified}${f.size}`} file={f} onDrop={() => drop(f)} />
        ))}
      </ul>
      <div class="field">
        <label for="caption">{t("file.caption")}</label>
        <input
          id="caption"
          value={caption.value}
          onInput={(e) => (caption.value = e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key === "Enter" && !e.isComposing && e.keyCode !== 229) {
              e.preventDefault();
              send();
            }
          }}
          autocomplete="off"
        />
      </div>
    </Dialog>
  );
}

function Preview({ file, onDrop }: { file: File; onDrop: () => void }): JSX.Element {
  const url = useMemo(() => (PICTURE.test(file.type) ? URL.createObjectURL(file) : ""), [file]);
  useEffect(() => () => (url ? URL.revokeObjectURL(url) : undefined), [url]);
  const name = line(file.name, 120) || t("file.unnamed");
  return (
    <li class="preview">
      {url ? <img class="preview-image" src={url} alt="" /> : <span class="preview-icon"><Icon name="file" size={28} /></span>}
      <span class="file-text">
        <span class="file-name" dir="auto">
          {name}
        </span>
        <span class="file-facts">{bytes(file.size, lang.value)}</span>
      </span>
      <IconButton icon="close" label={t("file.remove", { name })} onClick={onDrop} />
    </li>
  );
}

/** The picture in full; Escape, the button or a click beside it closes. */
export function Lightbox(): JSX.Element | null {
  const l = lightbox.value;
  const [big, setBig] = useState(false);
  if (!l) return null;
  const close = (): void => {
    lightbox.value = undefined;
    setBig(false);
  };
  return (
    <Dialog title={l.name} onClose={close} class="lightbox" hideTitle>
      <div class="lightbox-bar">
        <span class="file-name" dir="auto">
          {l.name}
        </span>
        <a class="icon-button" href={l.url} download={l.name} aria-label={t("file.save", { name: l.name })} title={t("file.save", { name: l.name })}>
          <Icon name="download" />
        </a>
        <IconButton icon="close" label={t("close")} onClick={close} />
      </div>
      <div class={`lightbox-stage ${big ? "lightbox-big" : ""}`} tabIndex={0} role="group" aria-label={l.name} onClick={(e) => (e.target === e.currentTarget ? close() : setBig(!big))}>
        <img src={l.url} alt={l.name} />
      </div>
    </Dialog>
  );
}

