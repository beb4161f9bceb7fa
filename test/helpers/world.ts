import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createRuntime,
  fileStore,
  memoryStore,
  natsStore,
  type Runtime,
  type RuntimeOptions,
  type Store,
} from "ostinato";
import { virtualClock, type VirtualClock } from "ostinato/testing";
import pino, { type Logger } from "pino";
import { test } from "uvu";
import { natsVersions, startNatsServer, type NatsServer, type NatsVersion } from "./nats-server";
import { settling } from "./settling-store";

/** A log line as it was written, parsed. */
export interface Line {
  level: number;
  msg: string;
  event?: string;
  task?: string;
  runId?: string;
  attempt?: number;
  durationMs?: number;
  reason?: string;
  err?: { message: string; type: string };
  [field: string]: unknown;
}

/** A virtual clock, a store, and everything that was logged: what a test about runtimes needs. */
export interface World {
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly lines: Line[];
  readonly logger: Logger;
  /** A runtime in this world; it is stopped at the end of the test. */
  runtime(options?: RuntimeOptions): Runtime;
  /** Another clock of this world, which stands still until it is told to go on: that of a node that has frozen. */
  otherClock(start?: Date): VirtualClock;
  /** Messages of the monitor lines, without their common part: `START`, `FINISHED`, … */
  events(task?: string): string[];
  /** Resolves after this much time on the virtual clock. */
  pause(milliseconds: number): Promise<void>;
}

interface StoreKind {
  readonly name: string;
  make(): Promise<{ store: Store; cleanup: () => Promise<void> }>;
}

const memory: StoreKind = {
  name: "memory",
  make: () => Promise.resolve({ store: memoryStore(), cleanup: () => Promise.resolve() }),
};

const file: StoreKind = {
  name: "file",
  async make() {
    const path = await mkdtemp(join(tmpdir(), "ostinato-test-"));
    return { store: fileStore({ path }), cleanup: () => rm(path, { recursive: true, force: true }) };
  },
};

/** A real server of this version, one for all tests of a file; each test has a namespace of its own. */
function nats(version: NatsVersion): StoreKind {
  let server: Promise<NatsServer> | undefined;
  let count = 0;
  test.after(async () => {
    await (await server)?.stop();
  });
  return {
    name: `nats ${version}`,
    async make() {
      const { url } = await (server ??= startNatsServer({ version }));
      count += 1;
      const store = natsStore({ servers: url, namespace: `test${String(count)}`, storage: "memory" });
      return { store, cleanup: () => Promise.resolve() };
    },
  };
}

/** Every kind of store that the rows marked for all stores are run on. */
export const everyStore: readonly StoreKind[] = [memory, file, ...natsVersions.map(nats)];

async function inWorld(kind: StoreKind, body: (world: World) => Promise<void>): Promise<void> {
  const { store: real, cleanup } = await kind.make();
  const { store, settled } = settling(real);
  const clock = virtualClock({ settle: settled });
  const clocks = [clock];
  const lines: Line[] = [];
  const logger = pino(
    { base: null, level: "trace" },
    { write: (text: string) => lines.push(JSON.parse(text) as Line) },
  );
  const runtimes: Runtime[] = [];
  const world: World = {
    clock,
    store,
    lines,
    logger,
    runtime(options = {}) {
      const runtime = createRuntime({ clock, store, logger, ...options });
      runtimes.push(runtime);
      return runtime;
    },
    otherClock(start) {
      const other = virtualClock({ settle: settled, ...(start === undefined ? {} : { start }) });
      clocks.push(other);
      return other;
    },
    events: (task) =>
      lines
        .filter((line) => line.event !== undefined && (task === undefined || line.task === task))
        .map((line) => line.event as string),
    pause: (milliseconds) =>
      new Promise((resolve) => {
        clock.setTimeout(resolve, milliseconds);
      }),
  };
  try {
    await body(world);
  } finally {
    const stopped = Promise.all(runtimes.map((runtime) => runtime.stop()));
    for (const each of clocks) await each.advance("1m");
    await stopped;
    await real.close();
    await cleanup();
  }
}

/** A test in a world on the memory store. */
export function inMemory(name: string, body: (world: World) => Promise<void>): void {
  test(name, () => inWorld(memory, body));
}

/** The same test on every store. */
export function onEveryStore(name: string, body: (world: World) => Promise<void>): void {
  for (const kind of everyStore) test(`${name} [${kind.name}]`, () => inWorld(kind, body));
}
