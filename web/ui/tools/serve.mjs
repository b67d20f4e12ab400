// Serves the face with the scripted core, as compiled by tsc, without a bundler: an import map leads to the two libraries.
// The headers are as strict as those of the real server, so that what they forbid is found here.
//
//   node tools/serve.mjs [PORT]     http://localhost:8080/?world=small

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png", ".webmanifest": "application/manifest+json", ".html": "text/html; charset=utf-8" };

const map = JSON.stringify({
  imports: {
    preact: "/node_modules/preact/dist/preact.mjs",
    "preact/hooks": "/node_modules/preact/hooks/dist/hooks.mjs",
    "preact/jsx-runtime": "/node_modules/preact/jsx-runtime/dist/jsxRuntime.mjs",
    "@preact/signals": "/node_modules/@preact/signals/dist/signals.mjs",
    "@preact/signals-core": "/node_modules/@preact/signals-core/dist/signals-core.mjs",
  },
});
const hash = createHash("sha256").update(map).digest("base64");
const CSP = [
  "default-src 'none'",
  `script-src 'self' 'wasm-unsafe-eval' 'sha256-${hash}'`,
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "connect-src 'self' data:", // data: for the picture that the scripted core draws
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

async function page() {
  const html = await readFile(join(root, "index.html"), "utf8");
  return html
    .replace('href="main.css"', 'href="/src/style/main.css"')
    .replace('<script type="module" src="main.js">', `<script type="importmap">${map}</script><script type="module" src="/out/mock/main.js">`);
}

/** Starts the server; resolves with it and its address. */
export async function serve(port = 0) {
  const server = createServer((req, res) => {
    const path = new URL(req.url ?? "/", "http://localhost").pathname;
    const send = (body, type, extra = {}) => {
      res.writeHead(200, { "content-type": type, "cache-control": "no-store", "x-content-type-options": "nosniff", ...extra });
      res.end(body);
    };
    const fail = () => res.writeHead(404).end();
    if (path === "/" || path === "/index.html") return void page().then((h) => send(h, TYPES[".html"], { "content-security-policy": CSP, "referrer-policy": "no-referrer" }), fail);
    const file = normalize(path).replace(/^\/+/, "");
    const inside = /^(out|node_modules|src\/style)\//.test(file) ? join(root, file) : join(root, "public", file);
    if (file.includes("..")) return void fail();
    readFile(inside).then((b) => send(b, TYPES[extname(file)] ?? "application/octet-stream"), fail);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { server, url: `http://localhost:${server.address().port}` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve(Number(process.argv[2] ?? 8080));
  console.log(url);
}
