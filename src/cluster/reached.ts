import type { Clock } from "../clock";
import type { Store } from "../store";
import { epochMap, type EpochMap } from "./epoch";
import { View } from "./view";

/** A map of a store that has been reached, and what is kept in view of it. */
export interface Reached extends EpochMap {
  readonly view: View;
}

/**
 * Opens the store and begins to look at everything under the prefix; `view.ready` tells when all is in view.
 *
 * @throws OstinatoError as the store's calls do.
 */
export async function reach(store: Store, name: string, prefix: string, clock: Clock): Promise<Reached> {
  await store.open();
  const { map, epoch } = await epochMap(store, name, clock);
  return { map, view: new View(map, prefix, clock), epoch };
}
