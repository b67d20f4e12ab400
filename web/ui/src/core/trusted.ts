// The one Trusted Types policy of the page. It lets through the scripts of this page's own bundle and nothing else, so
// that nothing that came from somebody can become code.

/** Scripts that may be started: the core's worker and the service worker, beside the page. */
const own = /^(worker-[0-9a-f]{16}|sw)\.js$/;

interface Policy {
  createScriptURL(name: string): unknown;
}

interface Factory {
  createPolicy(name: string, rules: { createScriptURL(name: string): string }): Policy;
}

function check(name: string): string {
  if (!own.test(name)) throw new TypeError(`${name} is no script of this page`);
  return new URL(name, document.baseURI).href;
}

const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
const policy: Policy = factory ? factory.createPolicy("godwit", { createScriptURL: check }) : { createScriptURL: check };

/** The address of a script of this page, in the form that the browser takes for one. */
export function scriptURL(name: string): string {
  return policy.createScriptURL(name) as string;
}
