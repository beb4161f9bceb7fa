/**
 * A small model of Erlang/OTP's supervisor, after its reference manual and written without a look at our own rules: who
 * is alive after children have ended one after another. Restarts take no time here.
 */
export type Restart = "permanent" | "transient" | "temporary";

export interface WorkerSpec {
  readonly name: string;
  readonly restart: Restart;
  readonly significant: boolean;
}

export interface TreeSpec extends WorkerSpec {
  readonly strategy: "one_for_one" | "one_for_all" | "rest_for_one";
  readonly autoShutdown: "never" | "any" | "all";
  readonly restarts: number;
  readonly withinMs: number;
  readonly children: readonly (WorkerSpec | TreeSpec)[];
}

export class Worker {
  alive = false;
  /** Which of its lives this is, or was. */
  life = 0;

  constructor(
    readonly spec: WorkerSpec,
    readonly parent: Supervisor | undefined,
  ) {}

  start(): void {
    this.alive = true;
    this.life += 1;
  }

  kill(): void {
    this.alive = false;
  }

  *workers(): Generator<Worker> {
    yield this;
  }
}

export class Supervisor extends Worker {
  children: Worker[] = [];
  #restartedAt: number[] = [];

  constructor(
    readonly rules: TreeSpec,
    parent: Supervisor | undefined,
  ) {
    super(rules, parent);
  }

  override start(): void {
    this.alive = true;
    this.#restartedAt = [];
    this.children = this.rules.children.map((spec) =>
      "children" in spec ? new Supervisor(spec, this) : new Worker(spec, this),
    );
    for (const child of this.children) child.start();
  }

  override kill(): void {
    this.alive = false;
    for (const child of this.children) child.kill();
  }

  override *workers(): Generator<Worker> {
    for (const child of this.children) yield* child.workers();
  }

  /**
   * Children have ended by themselves in one moment: their exits are dealt with one after another. A supervisor knows
   * nothing of those that it has not dealt with yet, and none counts of a child that it has terminated meanwhile.
   */
  endedTogether(exits: readonly { child: Worker; failed: boolean }[], now: number): void {
    const ending = exits.map((exit) => ({ ...exit, life: exit.child.life }));
    for (const { child, failed, life } of ending) {
      if (child.alive && child.life === life) this.ended(child, failed, now);
    }
  }

  /** `terminate_child` and `delete_child`: it does not come back, and no sibling is touched. */
  terminated(child: Worker): void {
    child.kill();
    this.children = this.children.filter((each) => each !== child);
  }

  /** A child has ended by itself. */
  ended(child: Worker, failed: boolean, now: number): void {
    child.alive = false;
    const { restart } = child.spec;
    if (restart === "permanent" || (restart === "transient" && failed)) this.#restart(child, now);
    else {
      if (restart === "temporary") this.children = this.children.filter((each) => each !== child);
      if (child.spec.significant && this.#significantEnough()) this.#end(false, now);
    }
  }

  #significantEnough(): boolean {
    const { autoShutdown } = this.rules;
    if (autoShutdown === "all") return !this.children.some((each) => each.spec.significant && each.alive);
    return autoShutdown === "any";
  }

  #restart(child: Worker, now: number): void {
    this.#restartedAt = [...this.#restartedAt.filter((at) => now - at <= this.rules.withinMs), now];
    if (this.#restartedAt.length > this.rules.restarts) {
      this.#end(true, now);
      return;
    }
    const at = this.children.indexOf(child);
    const touched = {
      one_for_one: [child],
      one_for_all: [...this.children],
      rest_for_one: this.children.slice(at),
    }[this.rules.strategy];
    for (const each of touched) each.kill();
    this.children = this.children.filter(
      (each) => each === child || !touched.includes(each) || each.spec.restart !== "temporary",
    );
    for (const each of this.children) if (touched.includes(each)) each.start();
  }

  #end(failed: boolean, now: number): void {
    this.kill();
    this.parent?.ended(this, failed, now);
  }
}
