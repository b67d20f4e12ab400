// Addresses, as far as the face needs them: the core validates, the face only splits and shows.

/** The address without its resource. */
export function bare(jid: string): string {
  const slash = jid.indexOf("/");
  return slash < 0 ? jid : jid.slice(0, slash);
}

/** What follows the slash, or "". */
export function resource(jid: string): string {
  const slash = jid.indexOf("/");
  return slash < 0 ? "" : jid.slice(slash + 1);
}

/** What stands before the @, or the whole address of a domain. */
export function local(jid: string): string {
  const b = bare(jid);
  const at = b.indexOf("@");
  return at < 0 ? b : b.slice(0, at);
}

/** The domain. */
export function domain(jid: string): string {
  const b = bare(jid);
  return b.slice(b.indexOf("@") + 1);
}

/** Whether a text could be the address of a person: something@somewhere, no spaces. */
export function plausible(text: string): boolean {
  return /^[^\s@/"&'<>:]{1,255}@[^\s@/]{1,255}$/u.test(text);
}

/** Makes a full address of what somebody typed: "bob" means bob at the server of this page. */
export function complete(text: string, home: string): string {
  const typed = text.trim().replace(/^xmpp:/i, "").replace(/\?.*$/, "");
  return typed.includes("@") || typed === "" ? typed : `${typed}@${home}`;
}
