// The page with the scripted core. Never shipped.
import { start } from "../src/start.tsx";
import { MockCore } from "./core.ts";

globalThis.mock = new MockCore(new URLSearchParams(location.search));
start(globalThis.mock);
