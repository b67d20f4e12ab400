import assert from "node:assert/strict";
import { test } from "node:test";
import { flatten, parse, spans, type Block, type Span } from "../src/lib/styling.ts";

const text = (s: string): Span => ({ kind: "text", text: s });

test("spans of XEP-0393", () => {
  const rows: [string, Span[]][] = [
    ["plain", [text("plain")]],
    ["*strong*", [{ kind: "strong", mark: "*", inner: [text("strong")] }]],
    ["a _b_ c", [text("a "), { kind: "emph", mark: "_", inner: [text("b")] }, text(" c")]],
    ["~gone~", [{ kind: "strike", mark: "~", inner: [text("gone")] }]],
    ["`*as is*`", [{ kind: "code", mark: "`", text: "*as is*" }]],
    ["*a _b_*", [{ kind: "strong", mark: "*", inner: [text("a "), { kind: "emph", mark: "_", inner: [text("b")] }] }]],
    ["* not*", [text("* not*")]], // whitespace follows the opening one
    ["*not *", [text("*not *")]], // whitespace precedes the closing one
    ["not*this*", [text("not*this*")]], // no whitespace before
    ["**", [text("**")]], // encloses nothing
    ["2*3*4", [text("2*3*4")]],
    ["*a*b*", [{ kind: "strong", mark: "*", inner: [text("a")] }, text("b*")]], // lazily matched
    ["snake_case_name", [text("snake_case_name")]],
  ];
  for (const [input, want] of rows) assert.deepEqual(spans(input, 0), want, input);
});

test("blocks of XEP-0393", () => {
  assert.deepEqual(
    parse("```\n*code*\n```\nafter").map((b) => b.kind),
    ["pre", "line"],
  );
  assert.deepEqual(parse("```ts\nnever closed"), [{ kind: "pre", open: "```ts", text: "never closed", close: "" }]);
  const quoted = parse("> a\n>> b\nc");
  assert.equal(quoted.length, 2);
  assert.equal(quoted[0]?.kind, "quote");
  assert.deepEqual(quoted[0]?.kind === "quote" ? quoted[0].blocks.map((b) => b.kind) : [], ["line", "quote"]);
});

test("a preview has no directives and no quotations", () => {
  assert.equal(flatten("> you said\n*no*, _I_ did"), "no, I did");
  assert.equal(flatten("> only a quotation"), "only a quotation");
});

/** All text of a tree, with its directives: what came in must come out. */
function whole(blocks: readonly Block[]): string {
  const span = (s: Span): string => (s.kind === "text" ? s.text : s.kind === "code" ? s.mark + s.text + s.mark : s.mark + s.inner.map(span).join("") + s.mark);
  return blocks
    .map((b) => (b.kind === "line" ? b.spans.map(span).join("") : b.kind === "pre" ? [b.open, b.text, b.close].filter((x) => x !== "").join("\n") : whole(b.blocks)))
    .join("\n");
}

test("nothing is lost and nothing hangs, whatever comes in", () => {
  let seed = 1;
  const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
  const alphabet = ["*", "_", "~", "`", "```", ">", " ", "\n", "a", "中", "😀", "\u202E", "<", "\\"];
  for (let i = 0; i < 3000; i++) {
    const input = Array.from({ length: random(60) }, () => alphabet[random(alphabet.length)]).join("");
    const letters = (s: string): string => s.replace(/[\s>]/g, "");
    assert.equal(letters(whole(parse(input))), letters(input), JSON.stringify(input));
  }
});

test("long bad input takes no time to speak of", () => {
  const begin = performance.now();
  for (const s of ["*".repeat(50_000), "*a ".repeat(20_000), "> ".repeat(20_000) + "x", "`a".repeat(30_000), "_*~".repeat(20_000)]) parse(s);
  assert.ok(performance.now() - begin < 5000);
});
