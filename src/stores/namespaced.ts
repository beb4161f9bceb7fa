import type { Store } from "../store";
import { refuse } from "../validate";
import { checkMapName } from "./arguments";

/**
 * The store, seen by those who share it under a name of their own: their maps never meet the maps of others. The name
 * is letters, digits and `-`; a `_` divides it from the map's. Closing this closes the store.
 */
export function namespaced(store: Store, namespace: string): Store {
  if (!/^[A-Za-z0-9-]+$/.test(namespace)) refuse("namespace", 'letters, digits and "-"', namespace);
  const full = (map: string) => {
    checkMapName(map);
    return `${namespace}_${map}`;
  };
  return {
    description: `${store.description}, namespace ${namespace}`,
    ...(store.shared === undefined ? {} : { shared: store.shared }),
    open: () => store.open(),
    map: (name) => store.map(full(name)),
    epoch: (name) => store.epoch(full(name)),
    onEvent: (listener) => store.onEvent(listener),
    close: () => store.close(),
  };
}
