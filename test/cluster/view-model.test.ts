import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import { View } from "../../src/cluster/view";
import type { Change, Entry, RevisionMap, WatchListener } from "../../src/store";

/*
 * Goal: however late answers come, whatever is deleted meanwhile, and however often the store is made again or restored,
 * a view shows what the store holds as soon as its watch has delivered everything. Method: a model of a store whose
 * deliveries and answers are held back and let go one by one, in an order that fast-check chooses; after each step the
 * view must never show an entry that the watch has already told to be gone, and in the end it must equal the store.
 */

const keys = ["a", "b", "c"];

/** A store of a few keys. Deliveries wait in order; answers wait each for itself. */
class Model {
  live = new Map<string, Entry>();
  revision = 0;
  backup: { live: Map<string, Entry>; revision: number } | undefined;
  /** What the watch has yet to tell. */
  pending: (() => void)[] = [];
  answers: (() => void)[] = [];
  /** The deletions and writes that the watch has delivered in the present generation. */
  told = new Map<string, number>();
  generation = 0;
  listener: WatchListener | undefined;

  readonly map = {
    watch: (_prefix: string, listener: WatchListener) => {
      this.listener = listener;
      this.load();
      return { close: () => Promise.resolve() };
    },
  } as unknown as RevisionMap;

  write(key: string, value: string | undefined): Change {
    this.revision += 1;
    const change = { key, value, revision: this.revision };
    if (value === undefined) this.live.delete(key);
    else this.live.set(key, { key, value, revision: this.revision });
    const { listener } = this;
    this.pending.push(() => {
      this.told.set(key, change.revision);
      listener?.change(change);
    });
    return change;
  }

  /** A watch begins: all that is stored now, in order, then that this was all. */
  load(): void {
    const { listener } = this;
    const stored = [...this.live.values()].sort((one, other) => one.revision - other.revision);
    this.told = new Map();
    this.generation += 1;
    this.pending = [...stored.map((entry) => () => listener?.change(entry)), () => listener?.current()];
  }

  /** The store is another one from now on; the watch notices at once, or has to be asked by a contradiction. */
  renew(to: { live: Map<string, Entry>; revision: number }): void {
    this.live = new Map(to.live);
    this.revision = to.revision;
  }
}

type Step =
  | { do: "put" | "delete" | "read" | "ownPut" | "ownDelete"; key: string }
  | { do: "deliver" | "answer"; at: number }
  | { do: "backup" | "restore" | "recreate" | "doubt" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("put", "delete", "read", "ownPut", "ownDelete"),
      key: fc.constantFrom(...keys),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom("deliver", "answer"), at: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("backup", "restore", "recreate", "doubt") }) },
);

function play(steps: readonly Step[]): void {
  const model = new Model();
  const view = new View(model.map, "", virtualClock());
  let count = 0;
  const own = (key: string, value: string | undefined): void => {
    const sent = view.moment();
    const change = model.write(key, value);
    model.answers.push(() => view.noteOwnWrite(change, sent));
  };
  const renew = (to: { live: Map<string, Entry>; revision: number }, how: "recreated" | "rolledBack"): void => {
    model.renew(to);
    model.load();
    const rest = model.pending;
    const { listener } = model;
    model.pending = [() => listener?.doubt({ bucket: "KV_x", how }), ...rest];
  };
  const act: Record<Step["do"], (given: { key: string; at: number }) => unknown> = {
    put: ({ key }) => model.write(key, String((count += 1))),
    delete: ({ key }) => model.live.has(key) && model.write(key, undefined),
    ownPut: ({ key }) => own(key, String((count += 1))),
    ownDelete: ({ key }) => model.live.has(key) && own(key, undefined),
    read: ({ key }) => {
      const sent = view.moment();
      const found = model.live.get(key) ?? { key, value: undefined, revision: 0 };
      model.answers.push(() => view.noteOwnWrite(found, sent));
    },
    deliver: () => model.pending.shift()?.(),
    answer: ({ at }) => model.answers.splice(at % Math.max(1, model.answers.length), 1)[0]?.(),
    backup: () => (model.backup = { live: new Map(model.live), revision: model.revision }),
    restore: () => model.backup !== undefined && renew(model.backup, "rolledBack"),
    recreate: () => renew({ live: new Map(), revision: 0 }, "recreated"),
    doubt: () => {
      const { listener } = model;
      model.load();
      model.pending.unshift(() => listener?.doubt());
    },
  };
  for (const one of steps) {
    act[one.do]({ key: "", at: 0, ...one });
    for (const key of keys) {
      const told = model.told.get(key);
      const shown = view.get(key)?.entry.revision;
      if (told === undefined || shown === undefined) continue;
      assert.ok(shown >= told, `${key} is shown at ${String(shown)} although the watch has told of ${String(told)}`);
    }
  }
  const finish = (): void => {
    while (model.pending.length > 0) model.pending.shift()?.();
  };
  finish();
  const equal = (what: string): void => {
    const shown = [...view.entries()].map(({ entry: { key, value } }) => [key, value]).sort();
    const stored = [...model.live.values()].map(({ key, value }) => [key, value]).sort();
    assert.equal(shown, stored, what);
  };
  equal("all is delivered");
  while (model.answers.length > 0) {
    model.answers.shift()?.();
    finish();
    equal("a late answer changed nothing");
  }
}

test("A view equals its store once all is delivered, whatever comes late, is deleted or belongs to another store", () => {
  fc.assert(fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), play), { numRuns: 3_000 });
});

test.run();
