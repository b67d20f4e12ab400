// Making foreign text safe to look at. Text always reaches the page as text nodes; what remains is text that lies to the
// eye (direction overrides, invisible floods) or that weighs too much to lay out.

const DIRECTION = /[\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C]/g;
// Invisible characters that have no use in a name. ZWJ and ZWNJ stay: emoji and several scripts need them.
const INVISIBLE = /[\u200B\u2060-\u2064\u206A-\u206F\uFEFF\u00AD\u034F\u115F\u1160\u17B4\u17B5\u180B-\u180F\u3164\uFFA0\uFFF9-\uFFFB\u{E0000}-\u{E0FFF}]/gu;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u2028\u2029]/g;
const MARKS = /(\p{M}{4})\p{M}+/gu;
const JOINERS = /[\u200C\u200D]{2,}/g;

/** A name, a status or another short text, on one line: no directions, nothing invisible, no towers of marks. */
export function line(text: string, max = 256): string {
  let s = text.length > max * 4 ? text.slice(0, max * 4) : text;
  s = s.replace(CONTROL, " ").replace(DIRECTION, "").replace(INVISIBLE, "").replace(JOINERS, "\u200D").replace(MARKS, "$1");
  s = s.replace(/\s+/g, " ").trim();
  return clip(s, max);
}

/** A message body: lines stay, directions are closed by the caller's isolation, floods are cut to a few. */
export function body(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(CONTROL, "\uFFFD")
    .replace(/[\u202D\u202E]/g, "") // overrides show letters in another order than they are; embeddings and isolates are kept
    .replace(INVISIBLE, "")
    .replace(JOINERS, "\u200D")
    .replace(MARKS, "$1");
}

/** At most max UTF-16 units, never cutting a pair or a cluster's joiner, with an ellipsis when cut. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  let end = max - 1;
  const c = text.charCodeAt(end - 1);
  if (c >= 0xd800 && c < 0xdc00) end--;
  while (end > 0 && /[\u200D\uFE0F]/.test(text[end - 1] ?? "")) end--;
  return text.slice(0, end) + "…";
}

/** The one or two letters of an avatar. */
export function initials(name: string): string {
  const words = line(name).split(/[\s._\-@]+/u).filter(Boolean);
  const first = words[0];
  if (!first) return "?";
  const letters = graphemes(first, 2);
  // One Han, Hangul or Kana character says enough, and the last of a Chinese given name says more than the family name.
  if (/\p{Script=Han}/u.test(first)) return [...first.matchAll(/\p{Script=Han}/gu)].at(-1)?.[0] ?? "?";
  if (/[\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(letters[0] ?? "")) return letters[0] ?? "?";
  const second = words[1] ? graphemes(words[1], 1)[0] : undefined;
  return ((letters[0] ?? "?") + (second ?? "")).toUpperCase();
}

const segmenter = typeof Intl !== "undefined" && "Segmenter" in Intl ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : undefined;

function graphemes(text: string, max: number): string[] {
  if (!segmenter) return [...text].slice(0, max);
  const out: string[] = [];
  for (const s of segmenter.segment(text.slice(0, 64))) {
    out.push(s.segment);
    if (out.length === max) break;
  }
  return out;
}

/** Which of the 8 tints an address gets: always the same one. */
export function hue(jid: string): number {
  let h = 2166136261;
  for (let i = 0; i < jid.length; i++) h = Math.imul(h ^ jid.charCodeAt(i), 16777619);
  return (h >>> 8) % 8;
}

/** How many emoji a message consists of, if of nothing else; 0 for more than 3 or anything else. */
export function onlyEmoji(text: string): number {
  const s = text.trim();
  if (s === "" || s.length > 48 || !/^[\p{Emoji}\u200D\uFE0F\u20E3\p{Emoji_Modifier}\u{E0020}-\u{E007F}\s]+$/u.test(s) || /^[\d\s#*]+$/.test(s)) return 0;
  const g = graphemes(s.replace(/\s/g, ""), 4);
  if (g.length === 0 || g.length > 3) return 0;
  return g.every((x) => /\p{Emoji_Presentation}|\p{Extended_Pictographic}|\uFE0F/u.test(x)) ? g.length : 0;
}

/** Text folded for searching and filtering: case, width and accents do not matter. */
export function fold(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}
