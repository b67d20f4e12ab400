// Messages of the catalogue: "{name} is online", "{n, plural, =0 {none} one {# file} other {# files}}". The part of ICU
// MessageFormat that the catalogue uses, parsed once per message.

export type Params = Record<string, string | number>;
type Part = string | { name: string; plural?: Map<string, Part[]> };

const cache = new Map<string, Part[]>();

/** Fills a message of a language. Unknown parameters show as their name, so that a mistake is seen. */
export function format(message: string, params: Params, lang: string): string {
  let parts = cache.get(message);
  if (!parts) cache.set(message, (parts = compile(message)));
  return fill(parts, params, lang, undefined);
}

function fill(parts: readonly Part[], params: Params, lang: string, count: number | undefined): string {
  let out = "";
  for (const p of parts) {
    if (typeof p === "string") {
      out += count === undefined ? p : p.replaceAll("#", new Intl.NumberFormat(lang).format(count));
      continue;
    }
    const v = params[p.name];
    if (!p.plural) {
      out += v === undefined ? `{${p.name}}` : typeof v === "number" ? new Intl.NumberFormat(lang).format(v) : v;
      continue;
    }
    const n = Number(v ?? 0);
    const chosen = p.plural.get(`=${n}`) ?? p.plural.get(new Intl.PluralRules(lang).select(n)) ?? p.plural.get("other") ?? [];
    out += fill(chosen, params, lang, n);
  }
  return out;
}

/** Parses a message; throws where braces do not match, which the test of the catalogue would show. */
export function compile(message: string): Part[] {
  let i = 0;
  const sequence = (nested: boolean): Part[] => {
    const parts: Part[] = [];
    let text = "";
    for (; i < message.length; i++) {
      const c = message[i];
      if (c === "}") {
        if (!nested) throw new Error(`unmatched } in ${message}`);
        break;
      }
      if (c !== "{") {
        text += c;
        continue;
      }
      if (text) parts.push(text);
      text = "";
      parts.push(argument());
    }
    if (nested && i >= message.length) throw new Error(`missing } in ${message}`);
    if (text) parts.push(text);
    return parts;
  };
  const argument = (): Part => {
    const end = message.indexOf("}", i);
    const head = /^\{\s*(\w+)\s*(,\s*plural\s*,)?/.exec(message.slice(i));
    if (!head || end < 0) throw new Error(`bad argument in ${message}`);
    const name = head[1] ?? "";
    if (!head[2]) {
      i = end;
      return { name };
    }
    i += head[0].length;
    const plural = new Map<string, Part[]>();
    for (;;) {
      const key = /^\s*(=\d+|zero|one|two|few|many|other)\s*\{/.exec(message.slice(i));
      if (!key) break;
      i += key[0].length;
      plural.set(key[1] ?? "", sequence(true));
      i++;
    }
    i += /^\s*/.exec(message.slice(i))?.[0].length ?? 0;
    if (message[i] !== "}" || !plural.has("other")) throw new Error(`bad plural in ${message}`);
    return { name, plural };
  };
  return sequence(false);
}

/** The names of the parameters of a message, for the test that languages agree. */
export function parameters(message: string): string[] {
  const names = new Set<string>();
  const walk = (parts: readonly Part[]): void => {
    for (const p of parts) {
      if (typeof p === "string") continue;
      names.add(p.name);
      p.plural?.forEach((x) => walk(x));
    }
  };
  walk(compile(message));
  return [...names].sort();
}
