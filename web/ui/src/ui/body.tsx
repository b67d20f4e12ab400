// The text of a message: message styling (XEP-0393), links and big emoji, as elements and text nodes only.

import type { ComponentChildren, JSX } from "preact";
import { t } from "../i18n/index.ts";
import { linkify } from "../lib/links.ts";
import { parse, type Block, type Span } from "../lib/styling.ts";
import { body as clean, onlyEmoji } from "../lib/text.ts";

/** Longer bodies are folded: laying out a megabyte of text would stop the page. */
const FOLD = 6000;

export function Body({ text, whole, onWhole, highlight }: { text: string; whole: boolean; onWhole: () => void; highlight?: string }): JSX.Element {
  const safe = clean(text);
  const emoji = onlyEmoji(safe);
  if (emoji > 0)
    return (
      <p class={`body big-emoji big-emoji-${emoji}`} dir="auto">
        {safe.trim()}
      </p>
    );
  const long = safe.length > FOLD && !whole;
  return (
    <div class="body">
      {parse(long ? safe.slice(0, FOLD) : safe).map((b, i) => (
        <BlockView key={i} block={b} highlight={highlight ?? ""} />
      ))}
      {long ? (
        <button type="button" class="link-button" onClick={onWhole}>
          {t("msg.whole", { n: safe.length })}
        </button>
      ) : null}
    </div>
  );
}

function BlockView({ block, highlight }: { block: Block; highlight: string }): JSX.Element {
  switch (block.kind) {
    case "line":
      return (
        <p class="line" dir="auto">
          {block.spans.length === 0 ? "\u200B" : block.spans.map((s, i) => <SpanView key={i} span={s} highlight={highlight} />)}
        </p>
      );
    case "pre":
      return (
        <pre class="pre" dir="ltr" tabIndex={0}>
          {block.text}
        </pre>
      );
    case "quote":
      return (
        <blockquote class="quote">
          {block.blocks.map((b, i) => (
            <BlockView key={i} block={b} highlight={highlight} />
          ))}
        </blockquote>
      );
  }
}

function SpanView({ span, highlight }: { span: Span; highlight: string }): JSX.Element {
  switch (span.kind) {
    case "text":
      return <>{linked(span.text, highlight)}</>;
    case "code":
      return <code>{span.text}</code>;
    case "strong":
      return <strong>{span.inner.map((s, i) => <SpanView key={i} span={s} highlight={highlight} />)}</strong>;
    case "emph":
      return <em>{span.inner.map((s, i) => <SpanView key={i} span={s} highlight={highlight} />)}</em>;
    case "strike":
      return <s>{span.inner.map((s, i) => <SpanView key={i} span={s} highlight={highlight} />)}</s>;
  }
}

function linked(text: string, highlight: string): ComponentChildren[] {
  return linkify(text).map((part, i) =>
    typeof part === "string" ? (
      <Marked key={i} text={part} words={highlight} />
    ) : (
      <span key={i}>
        <a href={part.href} target="_blank" rel="noopener noreferrer" dir="ltr" title={part.href}>
          {part.text}
        </a>
        {part.warn ? <span class="link-warn"> {t(`link.${part.warn}`)}</span> : null}
      </span>
    ),
  );
}

/** Text with the words that were searched for marked. */
export function Marked({ text, words }: { text: string; words: string }): JSX.Element {
  if (!words) return <>{text}</>;
  const lower = text.toLowerCase();
  const w = words.toLowerCase();
  if (lower.length !== text.length || w === "") return <>{text}</>;
  const out: ComponentChildren[] = [];
  let from = 0;
  for (let at = lower.indexOf(w); at >= 0 && out.length < 200; at = lower.indexOf(w, from)) {
    out.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + w.length)}</mark>);
    from = at + w.length;
  }
  out.push(text.slice(from));
  return <>{out}</>;
}
