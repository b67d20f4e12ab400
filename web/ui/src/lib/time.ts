// Dates and times in the reader's language and time zone.

const cache = new Map<string, Intl.DateTimeFormat>();

function fmt(lang: string, o: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = lang + JSON.stringify(o);
  let f = cache.get(key);
  if (!f) cache.set(key, (f = new Intl.DateTimeFormat(lang, o)));
  return f;
}

const DAY = 86_400_000;

function midnight(t: Date): number {
  return new Date(t.getFullYear(), t.getMonth(), t.getDate()).getTime();
}

/** How many calendar days lie between: 0 = today, 1 = yesterday. */
export function daysAgo(t: Date, now: Date): number {
  return Math.round((midnight(now) - midnight(t)) / DAY);
}

/** "14:05" */
export function hour(iso: string, lang: string): string {
  const t = new Date(iso);
  return Number.isNaN(t.getTime()) ? "" : fmt(lang, { hour: "2-digit", minute: "2-digit", hour12: false }).format(t);
}

/** For a line of the chat list: the hour today, then "yesterday", the weekday, the date. */
export function short(iso: string, lang: string, now = new Date()): string {
  const t = new Date(iso);
  if (Number.isNaN(t.getTime())) return "";
  const n = daysAgo(t, now);
  if (n <= 0) return hour(iso, lang);
  if (n === 1) return capital(new Intl.RelativeTimeFormat(lang, { numeric: "auto" }).format(-1, "day"));
  if (n < 7) return fmt(lang, { weekday: "short" }).format(t);
  if (t.getFullYear() === now.getFullYear()) return fmt(lang, { month: "short", day: "numeric" }).format(t);
  return fmt(lang, { year: "numeric", month: "numeric", day: "numeric" }).format(t);
}

/** For a day mark: "Today", "Yesterday", "Monday, 3 March". */
export function day(iso: string, lang: string, now = new Date()): string {
  const t = new Date(iso);
  if (Number.isNaN(t.getTime())) return "";
  const n = daysAgo(t, now);
  if (n === 0 || n === 1) return capital(new Intl.RelativeTimeFormat(lang, { numeric: "auto" }).format(-n, "day"));
  return fmt(lang, { weekday: "long", month: "long", day: "numeric", ...(t.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }) }).format(t);
}

/** Everything, for a tool tip and for devices. */
export function full(iso: string, lang: string): string {
  const t = new Date(iso);
  return Number.isNaN(t.getTime()) ? "" : fmt(lang, { dateStyle: "medium", timeStyle: "short" }).format(t);
}

function capital(s: string): string {
  return s.charAt(0).toUpperCase() + s.slice(1);
}
