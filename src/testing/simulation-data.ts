/** One start of one task. */
export interface SimulatedRun {
  name: string;
  scheduledAt: Date;
  /** Later than `scheduledAt` by `spread`, `jitter` and what was missed before. */
  startedAt: Date;
}

export interface TaskCount {
  name: string;
  runs: number;
  first?: Date;
  last?: Date;
}

/** Several tasks that start within one second of the clock. */
export interface Collision {
  at: Date;
  tasks: string[];
}

/** How wide a `spread` or `jitter` on the tasks that collide would even them out. */
export interface Evening {
  /** The tasks that start together most. */
  tasks: string[];
  /** Milliseconds. */
  window: number;
}

/** An hour of the day, 0 to 23 in the simulation's zone, and how many starts fell into it over all days. */
export interface HourCount {
  hour: number;
  runs: number;
}

/** What a simulation found, for whoever shows it. */
export interface SimulationData {
  readonly from: Date;
  readonly to: Date;
  readonly zone: string;
  readonly runs: readonly SimulatedRun[];
  readonly perTask: readonly TaskCount[];
  readonly hours: readonly HourCount[];
  readonly collisions: readonly Collision[];
  readonly evening: Evening | undefined;
  readonly truncatedAt: Date | undefined;
}
