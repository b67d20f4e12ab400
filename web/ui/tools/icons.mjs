// Draws the icons of the installed app from public/icon.svg: node tools/icons.mjs

import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "./browser.mjs";

const dir = join(dirname(dirname(fileURLToPath(import.meta.url))), "public");
const svg = await readFile(join(dir, "icon.svg"), "utf8");
// A maskable icon fills its square; what matters stays within the middle four fifths.
const maskable = svg.replace('rx="16" ', "").replace(/(<path|<circle)/, '<g transform="translate(32 32) scale(.78) translate(-32 -32)">$1').replace("</svg>", "</g></svg>");

const browser = await launch();
for (const [name, size, source] of [["icon-192.png", 192, svg], ["icon-512.png", 512, svg], ["icon-maskable-512.png", 512, maskable]]) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<body style="margin:0">${source.replace("<svg ", `<svg width="${size}" height="${size}" `)}</body>`);
  await writeFile(join(dir, name), await page.screenshot({ omitBackground: true }));
  await page.close();
}
await browser.close();
