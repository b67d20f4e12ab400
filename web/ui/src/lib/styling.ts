// Message styling (XEP-0393): blocks (preformatted, quotation, plain) and spans (strong, emphasis, strike, preformatted)
// of a body, as a tree of plain values. Nothing of the text is lost: the directives stay, as §6 asks, in parts of their own.

export type Span =
  | { kind: "text"; text: string }
  | { kind: "strong" | "emph" | "strike"; mark: string; inner: Span[] }
  | { kind: "code"; mark: string; text: string };

export type Block =
  | { kind: "line"; spans: Span[] }
  | { kind: "pre"; open: string; text: string; close: string }
  | { kind: "quote"; blocks: Block[] };

/** How deep quotations may nest, and spans; beyond that text is plain. */
const DEPTH = 8;

/** Parses a body into blocks. */
export function parse(body: string): Block[] {
  return blocks(body.split("\n"), 0);
}

function blocks(lines: string[], depth: number): Block[] {
  const out: Block[] = [];
  for (let i = 0; i < lines.length; ) {
    const l = lines[i] ?? "";
    if (l.startsWith("```")) {
      let end = i + 1;
      while (end < lines.length && lines[end] !== "```") end++;
      const closed = end < lines.length;
      out.push({ kind: "pre", open: l, text: lines.slice(i + 1, end).join("\n"), close: closed ? "```" : "" });
      i = closed ? end + 1 : end;
      continue;
    }
    if (l.startsWith(">") && depth < DEPTH) {
      const inner: string[] = [];
      while (i < lines.length && (lines[i] ?? "").startsWith(">")) inner.push(unquote(lines[i++] ?? ""));
      out.push({ kind: "quote", blocks: blocks(inner, depth + 1) });
      continue;
    }
    out.push({ kind: "line", spans: spans(l, 0) });
    i++;
  }
  return out;
}

function unquote(l: string): string {
  return l[1] === " " ? l.slice(2) : l.slice(1);
}

const KINDS: Record<string, "strong" | "emph" | "strike" | "code"> = { "*": "strong", _: "emph", "~": "strike", "`": "code" };

/** Parses one line into spans. */
export function spans(text: string, depth: number): Span[] {
  const out: Span[] = [];
  let plain = 0;
  let dead = ""; // marks that nothing closes from here on: no need to look again and again
  for (let i = 0; i < text.length; i++) {
    const mark = text[i] ?? "";
    const kind = KINDS[mark];
    if (!kind || depth >= DEPTH || dead.includes(mark) || !opens(text, i)) continue;
    const end = closes(text, i, mark);
    if (end < 0) {
      dead += mark;
      continue;
    }
    if (i > plain) out.push({ kind: "text", text: text.slice(plain, i) });
    const inner = text.slice(i + 1, end);
    out.push(kind === "code" ? { kind, mark, text: inner } : { kind, mark, inner: spans(inner, depth + 1) });
    plain = end + 1;
    i = end;
  }
  if (plain < text.length) out.push({ kind: "text", text: text.slice(plain) });
  return out;
}

/** §6.2: an opening directive stands at the beginning, after whitespace or after another directive, and no whitespace follows. */
function opens(text: string, at: number): boolean {
  const next = text[at + 1];
  if (next === undefined || /\s/u.test(next)) return false;
  const prev = text[at - 1];
  return prev === undefined || /\s/u.test(prev) || prev in KINDS;
}

/** The closing directive: the first same mark on the line that no whitespace precedes and that encloses something. */
function closes(text: string, open: number, mark: string): number {
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] !== mark || i === open + 1 || /\s/u.test(text[i - 1] ?? " ")) continue;
    return i;
  }
  return -1;
}

/** The body as one line of plain text without directives, for previews and notifications. */
export function flatten(body: string): string {
  const walkSpan = (s: Span): string => (s.kind === "text" || s.kind === "code" ? s.text : s.inner.map(walkSpan).join(""));
  const walk = (b: Block): string => {
    switch (b.kind) {
      case "line":
        return b.spans.map(walkSpan).join("");
      case "pre":
        return b.text;
      case "quote":
        return "";
    }
  };
  const all = parse(body);
  const own = all.map(walk).filter(Boolean).join(" ");
  return own || all.map((b) => (b.kind === "quote" ? b.blocks.map(walk).join(" ") : "")).join(" ");
}
