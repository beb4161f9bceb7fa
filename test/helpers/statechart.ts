import * as assert from "uvu/assert";
import {
  createActor,
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  type EventObject,
  type InspectionEvent,
} from "xstate";
import { getShortestPaths } from "xstate/graph";

/** A statechart with stand-ins for its effects, and what is needed to walk it. */
export interface Walk<E extends EventObject> {
  machine: AnyStateMachine;
  input: unknown;
  /** One of each kind of event; several where what they carry decides. */
  events: readonly E[];
  /** The parts of the context that guards look at: states that differ in them are told apart. */
  matters(context: Record<string, unknown>): unknown;
}

/** The shortest way to a state of the chart. */
export interface Way<E extends EventObject> {
  events: E[];
  snapshot: AnyMachineSnapshot;
}

/** The shortest way to each state that can be reached, those with different guards' inputs told apart. */
export function waysOf<E extends EventObject>({ machine, input, events, matters }: Walk<E>): Way<E>[] {
  const paths = getShortestPaths(machine, {
    input,
    events: [...events],
    serializeState: (snapshot: AnyMachineSnapshot) =>
      JSON.stringify([snapshot.value, matters(snapshot.context as Record<string, unknown>)]),
  });
  return paths.map(({ steps, state }) => ({
    events: steps
      .map(({ event }) => event as AnyEventObject)
      .filter(({ type }) => type !== "xstate.init") as unknown as E[],
    snapshot: state as AnyMachineSnapshot,
  }));
}

/** Runs a real actor along a way, and then through more events; throws what it throws. */
export function follow<E extends EventObject>(
  { machine, input }: Walk<E>,
  events: readonly E[],
  inspect?: (event: InspectionEvent) => void,
): AnyMachineSnapshot {
  const errors: unknown[] = [];
  const actor = createActor(machine, inspect === undefined ? { input } : { input, inspect });
  actor.subscribe({ error: (thrown) => errors.push(thrown) });
  actor.start();
  for (const event of events) actor.send(event);
  const snapshot: AnyMachineSnapshot = actor.getSnapshot();
  actor.stop();
  if (errors.length > 0) throw errors[0];
  return snapshot;
}

function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((child) => nodesOf(child as AnyStateNode))];
}

const leavesOf = (machine: AnyStateMachine): string[] =>
  nodesOf(machine.root as AnyStateNode)
    .filter(({ states }) => Object.keys(states).length === 0)
    .map(({ id }) => id);

/** Every state can be reached, every transition can be taken, and no event throws in any state. */
export function assertComplete<E extends EventObject>(walk: Walk<E>): void {
  const ways = waysOf(walk);
  const reached = new Set<string>();
  const taken = new Set<unknown>();
  for (const { events } of ways) {
    for (const event of walk.events) {
      const snapshot = follow(walk, [...events, event], (inspected) => {
        if (inspected.type !== "@xstate.microstep") return;
        for (const transition of inspected._transitions) taken.add(transition);
      });
      assert.is(snapshot.status, "active");
      for (const { id } of snapshot._nodes as AnyStateNode[]) reached.add(id);
    }
  }
  assert.equal(
    leavesOf(walk.machine).filter((id) => !reached.has(id)),
    [],
    "states that cannot be reached",
  );
  const dead = nodesOf(walk.machine.root as AnyStateNode)
    .flatMap((node) => [...node.transitions.values()].flat())
    .filter((transition) => !taken.has(transition))
    .map(({ eventType, source, guard }) => `${source.id} on ${eventType} if ${JSON.stringify(guard)}`);
  assert.equal(dead, [], "transitions that are never taken");
}

/** What an editor or an inspector is shown says everything by name: no function is hidden in the chart. */
export function assertNamed(machine: AnyStateMachine): void {
  const hidden: string[] = [];
  const search = (value: unknown, path: string): void => {
    if (typeof value === "function") hidden.push(path);
    else if (typeof value === "object" && value !== null) {
      for (const [key, each] of Object.entries(value)) search(each, `${path}.${key}`);
    }
  };
  const { context, ...shown } = machine.config as unknown as Record<string, unknown>;
  assert.ok(context !== undefined);
  search(shown, machine.id);
  assert.equal(hidden, [], "unnamed actions or guards");
  const definition = JSON.stringify(machine.definition);
  for (const { key } of nodesOf(machine.root as AnyStateNode)) assert.match(definition, `"key":"${key}"`);
}
