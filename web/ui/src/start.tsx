// Puts the face on the page: the state listens to the core, the app draws the state.
import { render } from "preact";
import type { Core } from "./face.ts";

export function start(core: Core): void {
  const root = document.getElementById("app");
  if (!root) throw new Error("the page has no #app");
  render(<p>{core.role}</p>, root);
}
