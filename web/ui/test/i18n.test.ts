import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { en } from "../src/i18n/en.ts";
import { format, parameters } from "../src/i18n/format.ts";
import { prefer, type Key } from "../src/i18n/index.ts";
import { zh } from "../src/i18n/zh.ts";

const keys = Object.keys(en) as Key[];

test("both languages have every key, with words and the same parameters", () => {
  assert.deepEqual(Object.keys(zh).sort(), [...keys].sort());
  for (const k of keys) {
    assert.ok(en[k].trim() && zh[k].trim(), k);
    assert.deepEqual(parameters(zh[k]), parameters(en[k]), k);
  }
});

test("every key is used, and every key that is used is there", () => {
  const sources: string[] = [];
  const walk = (dir: string): void => {
    for (const e of readdirSync(dir, { withFileTypes: true })) {
      if (e.isDirectory()) walk(join(dir, e.name));
      else if (/\.tsx?$/.test(e.name) && !/i18n\/(en|zh)\.ts$/.test(join(dir, e.name))) sources.push(readFileSync(join(dir, e.name), "utf8"));
    }
  };
  walk("src");
  const all = sources.join("\n");
  // Keys that are put together from a code.
  const made = /^(error|presence|state|emoji|nat|failure|path|me|link|privacy\.share)\./;
  const unused = keys.filter((k) => !made.test(k) && !all.includes(`"${k}"`));
  assert.deepEqual(unused, []);
  // A fixed word of a face stands in the catalogue, not in the source.
  for (const s of sources) assert.doesNotMatch(s, />\s*[A-Z][a-z]+ [a-z]+[^<>{}]*<\//, "words outside the catalogue");
});

test("plurals", () => {
  const m = "{n, plural, =0 {none} one {# file} other {# files of {who}}}";
  assert.equal(format(m, { n: 0, who: "Bob" }, "en"), "none");
  assert.equal(format(m, { n: 1, who: "Bob" }, "en"), "1 file");
  assert.equal(format(m, { n: 2000, who: "Bob" }, "en"), "2,000 files of Bob");
  assert.equal(format("{n} 条", { n: 3 }, "zh-CN"), "3 条");
  assert.equal(format("{who} is {x}", { who: "A" }, "en"), "A is {x}");
});

test("braces that do not match are an error", () => {
  for (const bad of ["{a", "a}", "{n, plural, one {x}}", "{n, plural, other {x}"]) assert.throws(() => parameters(bad), bad);
});

test("the browser's first language that we speak", () => {
  assert.equal(prefer(["fr", "zh-TW", "en"]), "zh-CN");
  assert.equal(prefer(["en-GB", "zh"]), "en");
  assert.equal(prefer(["de"]), "en");
});
