// What the page itself remembers in IndexedDB: which account is signed in, and what to paint before the core runs. The
// account's messages are in a database of their own that the core keeps.
import type { CoreEvent } from "../contract.ts";

const name = "godwit-page";
const table = "kept";

/** The account that is signed in on this device. */
export interface Account {
  jid: string;
}

function asked<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the database failed"));
  });
}

let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(table);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the database failed"));
  });
  return opened;
}

async function get<T>(key: string): Promise<T | undefined> {
  const db = await open();
  return (await asked(db.transaction(table).objectStore(table).get(key))) as T | undefined;
}

async function put(key: string, value: unknown): Promise<void> {
  const db = await open();
  const store = db.transaction(table, "readwrite").objectStore(table);
  if (value === undefined) await asked(store.delete(key));
  else await asked(store.put(value, key));
}

export const account = {
  get: () => get<Account>("account").catch(() => undefined), // private windows may have no database
  set: (a: Account | undefined) => put("account", a),
};

export const snapshot = {
  get: () => get<CoreEvent[]>("snapshot").catch(() => undefined),
  set: (events: CoreEvent[] | undefined) => put("snapshot", events),
};

/** Forgets the messages of an account on this device. */
export async function forget(jid: string): Promise<void> {
  await Promise.all([account.set(undefined), snapshot.set(undefined)]);
  await asked(indexedDB.deleteDatabase(`godwit:${jid}`));
}
