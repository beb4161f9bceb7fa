import type { SpawnSpec, SuperviseSpec, Task } from "ostinato";
import type { World } from "./world";

/** So short a wait before a restart that it does not keep the intensity from being exceeded. */
export const soon = { initialDelay: 10, factor: 1, jitter: 0, maxDelay: 60_000 };

/** Long-lived work under control: what began and ended in which order, and a way to end each by hand. */
export class Troupe {
  readonly log: string[] = [];
  readonly live = new Map<string, { resolve: () => void; reject: (error: unknown) => void }>();
  /** How many of one name ran at once, at most. */
  readonly doubled = new Set<string>();

  child(name: string, options: Partial<SpawnSpec> & { deaf?: boolean } = {}): SpawnSpec {
    const { deaf = false, ...rest } = options;
    const run: Task = ({ signal }) =>
      new Promise<void>((resolve, reject) => {
        if (this.live.has(name)) this.doubled.add(name);
        this.log.push(`+${name}`);
        const end = (settle: () => void) => () => {
          if (this.live.get(name) !== entry) return;
          this.live.delete(name);
          this.log.push(`-${name}`);
          settle();
        };
        const entry = {
          resolve: end(resolve),
          reject: (error: unknown) => {
            end(() => reject(error))();
          },
        };
        this.live.set(name, entry);
        if (!deaf) signal.addEventListener("abort", entry.resolve, { once: true });
      });
    return { name, run, retry: soon, ...rest };
  }

  end(name: string): void {
    this.live.get(name)?.resolve();
  }

  fail(name: string, error: unknown = new Error(`${name} broke`)): void {
    this.live.get(name)?.reject(error);
  }

  get names(): string[] {
    return [...this.live.keys()].sort();
  }

  /** What happened since the last call. */
  since(): string[] {
    return this.log.splice(0);
  }
}

/** A started runtime with one branch, which is patient unless told otherwise. */
export async function supervised(world: World, spec: Partial<SuperviseSpec> & Pick<SuperviseSpec, "children">) {
  const runtime = world.runtime();
  const group = runtime.supervise({ name: "group", intensity: { restarts: 100, within: "5s" }, ...spec });
  await runtime.start();
  await world.clock.advance(1);
  return { runtime, group };
}
