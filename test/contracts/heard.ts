import type { Change, RevisionMap, WatchListener } from "../../src/store";

export interface Heard {
  readonly listener: WatchListener;
  /** Everything heard in order: the change's key and revision, "current" or "doubt". */
  readonly log: string[];
  readonly changes: Change[];
  /** Resolves at the first `current()`. */
  readonly current: Promise<void>;
  until(wanted: (change: Change) => boolean): Promise<void>;
}

/** A listener that remembers what it heard and lets a test wait for more. */
export function listen(): Heard {
  const log: string[] = [];
  const changes: Change[] = [];
  const waiting = new Set<() => void>();
  let arrive: () => void = () => undefined;
  const current = new Promise<void>((resolve) => (arrive = resolve));
  const wake = () => {
    for (const look of [...waiting]) look();
  };
  return {
    log,
    changes,
    current,
    listener: {
      change(change) {
        log.push(`${change.key}@${String(change.revision)}`);
        changes.push(change);
        wake();
      },
      current() {
        log.push("current");
        arrive();
        wake();
      },
      doubt() {
        log.push("doubt");
      },
    },
    until: (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          if (!changes.some(wanted)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

/** Follows a prefix for as long as `use` takes; the answer is what was live among what was heard. */
export async function follow(
  map: RevisionMap,
  prefix: string,
  use: (heard: Heard) => Promise<unknown>,
): Promise<readonly Change[]> {
  const heard = listen();
  const watch = map.watch(prefix, heard.listener);
  await use(heard);
  await watch.close();
  return heard.changes.filter((change) => change.value !== undefined);
}
