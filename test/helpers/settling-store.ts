import type { Change, RevisionMap, Store, Watch, WatchListener, Written } from "ostinato";
import type { Intake } from "../../src/store";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What was written to one map last, and which watches have yet to tell of it. */
class Deliveries {
  private readonly written = new Map<string, number>();
  private readonly watches = new Set<{ prefix: string; isCurrent: boolean; position: number }>();

  constructor(private readonly changed: () => void) {}

  get areDone(): boolean {
    return [...this.watches].every(
      ({ prefix, isCurrent, position }) => isCurrent && position >= this.lastUnder(prefix),
    );
  }

  note(key: string, answer: Written): void {
    if (answer.ok) this.written.set(key, Math.max(answer.revision, this.written.get(key) ?? 0));
  }

  watch(map: RevisionMap, prefix: string, listener: WatchListener): Watch {
    const state = { prefix, isCurrent: false, position: 0 };
    let covered = this.lastUnder(prefix);
    this.watches.add(state);
    const watch = map.watch(prefix, {
      change: (change: Change) => {
        state.position = Math.max(state.position, change.revision);
        listener.change(change);
        this.changed();
      },
      current: () => {
        state.isCurrent = true;
        state.position = Math.max(state.position, covered);
        listener.current();
        this.changed();
      },
      doubt: (renewal) => {
        state.isCurrent = false;
        covered = this.lastUnder(prefix);
        listener.doubt(renewal);
      },
      failed: (error) => listener.failed?.(error),
    });
    return {
      close: () => {
        this.watches.delete(state);
        this.changed();
        return watch.close();
      },
    };
  }

  private lastUnder(prefix: string): number {
    let last = 0;
    for (const [key, revision] of this.written) if (key.startsWith(prefix)) last = Math.max(last, revision);
    return last;
  }
}

/**
 * A store whose calls are counted and whose watches are followed, so that a test on the virtual clock can wait until no
 * call is under way and every write was told: real input and output takes real time, of which the virtual clock knows
 * nothing.
 */
export function settling(store: Store): { store: Store; settled: () => Promise<void> } {
  let underWay = 0;
  let wake: (() => void) | undefined;
  const all: Deliveries[] = [];
  const isQuiet = () => underWay === 0 && all.every((deliveries) => deliveries.areDone);
  const changed = () => {
    if (isQuiet()) wake?.();
  };
  const counted = async <T>(call: Promise<T>): Promise<T> => {
    underWay += 1;
    try {
      return await call;
    } finally {
      underWay -= 1;
      changed();
    }
  };
  const maps = new Map<string, RevisionMap>();
  const wrap = (map: RevisionMap): RevisionMap => {
    const deliveries = new Deliveries(changed);
    all.push(deliveries);
    const noted = async (key: string, call: Promise<Written>): Promise<Written> => {
      const answer = await call;
      deliveries.note(key, answer);
      return answer;
    };
    return {
      get: (key) => counted(map.get(key)),
      create: (key, value) => counted(noted(key, map.create(key, value))),
      update: (key, value, revision) => counted(noted(key, map.update(key, value, revision))),
      delete: (key, revision) => counted(noted(key, map.delete(key, revision))),
      list: (prefix) => map.list(prefix),
      watch: (prefix, listener) => deliveries.watch(map, prefix, listener),
    };
  };
  const { intake } = store;
  const wrapIntake = (real: Intake): Intake => ({
    get epoch() {
      return real.epoch;
    },
    open: () => counted(real.open()),
    consume: (listener) => real.consume(listener),
    done: (sequence) => counted(real.done(sequence)),
  });
  return {
    store: {
      description: store.description,
      ...(store.shared === undefined ? {} : { shared: store.shared }),
      open: () => counted(store.open()),
      map(name) {
        let map = maps.get(name);
        if (map === undefined) maps.set(name, (map = wrap(store.map(name))));
        return map;
      },
      epoch: (map) => counted(store.epoch(map)),
      onEvent: (listener) => store.onEvent(listener),
      ...(intake === undefined ? {} : { intake: (queue: string) => wrapIntake(intake.call(store, queue)) }),
      close: () => counted(store.close()),
    },
    async settled() {
      for (let quiet = 0; quiet < 2;) {
        if (!isQuiet()) {
          await new Promise<void>((resolve) => (wake = resolve));
          wake = undefined;
          quiet = 0;
        }
        await turn();
        if (isQuiet()) quiet += 1;
      }
    },
  };
}
