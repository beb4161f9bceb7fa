import type { Store } from "../store";

const users = new WeakMap<Store, number>();

/** Counts one more that uses the store. */
export function useStore(store: Store): void {
  users.set(store, (users.get(store) ?? 0) + 1);
}

/** To be called once by each that uses the store; the last one closes it. */
export async function leaveStore(store: Store): Promise<void> {
  const left = (users.get(store) ?? 1) - 1;
  users.set(store, left);
  if (left === 0) await store.close();
}
