import type { Child } from "./child";
import type { Children } from "./children";
import { supervisorHandle, taskHandle, type SupervisorHandle, type TaskHandle } from "./handles";
import { SupervisorChild } from "./supervisor-child";
import { TaskChild } from "./task-child";

/** One place in the tree. What it tells is read when it is asked for: ten thousand of them are cheap to list. */
export interface TreeEntry {
  readonly name: string;
  readonly kind: "task" | "supervisor";
  /** The name of the supervisor it is under; undefined for the root. */
  readonly parent: string | undefined;
  /** 0 for the root. */
  readonly depth: number;
  readonly state: string;
  /** Failures since the last success; 0 for a supervisor. */
  readonly failures: number;
  readonly paused: boolean;
  readonly overdue: boolean;
  /** Undefined for a supervisor. */
  readonly task: TaskHandle | undefined;
  /** Undefined for a task. */
  readonly supervisor: SupervisorHandle | undefined;
}

class Entry implements TreeEntry {
  constructor(
    readonly parent: string | undefined,
    readonly depth: number,
    readonly root: SupervisorChild,
    readonly child: SupervisorChild | TaskChild,
  ) {}

  get name(): string {
    return this.child.name;
  }

  get kind(): "task" | "supervisor" {
    return this.child instanceof TaskChild ? "task" : "supervisor";
  }

  get state(): string {
    return this.child.state;
  }

  get failures(): number {
    return this.child instanceof TaskChild ? (this.child.claims.record?.failures ?? 0) : 0;
  }

  get paused(): boolean {
    return this.child instanceof TaskChild && this.child.paused;
  }

  get overdue(): boolean {
    return this.child instanceof TaskChild && this.child.overdue.state !== undefined;
  }

  get task(): TaskHandle | undefined {
    return this.child instanceof TaskChild ? handleOf(this.child, this.root) : undefined;
  }

  get supervisor(): SupervisorHandle | undefined {
    return this.child instanceof SupervisorChild
      ? supervisorHandle(this.child, (gone) => stopIn(this.root, gone))
      : undefined;
  }
}

/** The handle of a task somewhere below `root`. */
export function handleOf(child: TaskChild, root: SupervisorChild): TaskHandle {
  return taskHandle(
    child,
    (gone) => stopIn(root, gone),
    async (again) => ownerOf(root, again)?.restartOne(again),
  );
}

/** Stops a child for good, wherever it is below `root`. */
export async function stopIn(root: SupervisorChild, child: Child): Promise<void> {
  await ownerOf(root, child)?.stopOne(child);
}

/** The whole tree in order, each supervisor before its children. */
export function outline(root: SupervisorChild): TreeEntry[] {
  const entries: TreeEntry[] = [];
  const visit = (child: Child, parent: string | undefined, depth: number): void => {
    if (!(child instanceof SupervisorChild || child instanceof TaskChild)) return;
    entries.push(new Entry(parent, depth, root, child));
    if (child instanceof SupervisorChild) for (const below of child.children) visit(below, child.name, depth + 1);
  };
  visit(root, undefined, 0);
  return entries;
}

/** The children among which this one is. */
function ownerOf(supervisor: SupervisorChild, child: Child): Children | undefined {
  for (const each of supervisor.children) {
    if (each === child) return supervisor.children;
    const below = each instanceof SupervisorChild ? ownerOf(each, child) : undefined;
    if (below !== undefined) return below;
  }
  return undefined;
}
