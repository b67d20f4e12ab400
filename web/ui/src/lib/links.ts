// Finding links in text and deciding which may be followed. A link shows where it really leads.

export type Vetted = { href: string; text: string; warn?: "lookalike" | "user" };

const FIND = /\b(?:https?:\/\/|mailto:|xmpp:)[^\s<>"'`\u3000-\u303F\uFF00-\uFFEF]+|\bwww\.[^\s<>"'`\u3000-\u303F\uFF00-\uFFEF]+/giu;
const MAX = 2048;

/** Parts of a text: plain strings and links, in order. */
export function linkify(text: string): (string | Vetted)[] {
  const out: (string | Vetted)[] = [];
  let from = 0;
  for (const m of text.matchAll(FIND)) {
    const raw = trimEnd(m[0]);
    const v = vet(raw);
    if (!v) continue;
    const at = m.index;
    if (at > from) out.push(text.slice(from, at));
    out.push(v);
    from = at + raw.length;
  }
  if (from < text.length) out.push(text.slice(from));
  return out;
}

/** Punctuation that ends the sentence is not part of the link; a closing bracket is if it was opened inside. */
function trimEnd(url: string): string {
  let end = url.length;
  for (; end > 0; end--) {
    const c = url[end - 1] ?? "";
    if (".,;:!?*_~…".includes(c)) continue;
    const open = { ")": "(", "]": "[", "}": "{" }[c];
    if (open !== undefined && count(url.slice(0, end), c) > count(url.slice(0, end), open)) continue;
    break;
  }
  return url.slice(0, end);
}

function count(s: string, c: string): number {
  return s.split(c).length - 1;
}

/** The link if it may be followed: http, https, mailto or xmpp, well-formed, of sane length. Never javascript, data, file … */
export function vet(raw: string): Vetted | undefined {
  if (raw.length > MAX) return undefined;
  let url: URL;
  try {
    url = new URL(/^www\./i.test(raw) ? `https://${raw}` : raw);
  } catch {
    return undefined;
  }
  switch (url.protocol) {
    case "mailto:":
    case "xmpp:":
      return /^(mailto|xmpp):[^\s]+$/i.test(raw) && url.pathname.includes("@") ? { href: url.href, text: raw } : undefined;
    case "http:":
    case "https:":
      break;
    default:
      return undefined;
  }
  if (url.hostname === "") return undefined;
  const v: Vetted = { href: url.href, text: raw };
  // user@host in a web address is nearly always a trick: https://bank.example@evil.example
  if (url.username !== "" || url.password !== "") v.warn = "user";
  // A host that mixes scripts is shown as it is on the wire.
  else if (url.hostname.includes("xn--") && mixed(raw)) {
    v.warn = "lookalike";
    v.text = url.href;
  }
  return v;
}

/** Whether one label of the host mixes Latin with Cyrillic or Greek, or is all Cyrillic or Greek letters that look Latin. */
function mixed(raw: string): boolean {
  const host = /^(?:https?:\/\/)?(?:[^/@]*@)?([^/:?#]+)/i.exec(raw)?.[1] ?? "";
  return host.split(".").some((label) => {
    const latin = /\p{Script=Latin}/u.test(label);
    const other = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u.test(label);
    return (latin && other) || (other && /^[асеорхуіјѕԁԛԝӏһαοvνρτυκι-]+$/iu.test(label));
  });
}

/** A file's address may be used by the page itself (a picture, a download) only if it is the page's own or made here. */
export function ownAddress(url: string, origin: string): boolean {
  if (url.startsWith(`blob:${origin}/`)) return true;
  try {
    return new URL(url, origin).origin === origin;
  } catch {
    return false;
  }
}
