// Sizes, speeds and times as people say them.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** "12 MB", in the numbers of a language. */
export function bytes(n: number, lang: string): string {
  let unit = 0;
  let v = Math.max(0, n);
  while (v >= 999.5 && unit < UNITS.length - 1) {
    v /= 1000;
    unit++;
  }
  const digits = unit === 0 || v >= 99.5 ? 0 : 1;
  return `${new Intl.NumberFormat(lang, { maximumFractionDigits: digits }).format(v)} ${UNITS[unit] ?? ""}`;
}

/** "12 ms", "0.7 ms". */
export function millis(n: number, lang: string): string {
  return `${new Intl.NumberFormat(lang, { maximumFractionDigits: n < 9.95 ? 1 : 0 }).format(n)} ms`;
}

/** "0:42", "3:05", "1:02:03". */
export function clock(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const two = (x: number): string => String(x).padStart(2, "0");
  const h = Math.floor(s / 3600);
  const m = Math.floor(s / 60) % 60;
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}
