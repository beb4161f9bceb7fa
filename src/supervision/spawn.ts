import { createActor, type ActorOptions, type AnyActorLogic, type AnyActorRef } from "xstate";

/**
 * Makes a child actor without putting it into its parent's snapshot: a machine copies its map of children at every
 * spawn and stop, which at 10,000 siblings costs milliseconds each. The child has the parent's system, clock and
 * inspector, and is found by `system.get(name)`.
 */
export function spawnActor(parent: AnyActorRef, logic: AnyActorLogic, name: string, input: unknown): AnyActorRef {
  const options = { parent, id: name, systemId: name, input } as unknown as ActorOptions<AnyActorLogic>;
  return createActor(logic, options).start();
}

/** Stops a child made by {@link spawnActor}; XState lets only the parent do so, through this method. */
export function stopActor(actor: AnyActorRef): void {
  (actor as unknown as { _stop(): void })._stop();
}
