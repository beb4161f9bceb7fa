import type { LeaseLostError } from "../errors";
import { Bearings } from "./bearings";
import { Claims } from "./claims";
import type { Host } from "./host";
import type { ParsedSpec } from "./spec";
import { StartDelay } from "./start-delay";

/** What a task wants to know of its claims. */
export interface ClaimEvents {
  onLost: (error: LeaseLostError) => void;
  warn: (message: string, error?: unknown) => void;
  /** The record lies ahead of this node's clock. */
  onAhead: (reason: string) => void;
}

/** The claims of a task, as its spec and the runtime want them. */
export function claimsOf(key: string, spec: ParsedSpec, host: Host, events: ClaimEvents): Claims {
  const lease = spec.exclusive ? spec.lease : Infinity;
  const { name, rule } = spec;
  const startDelay = new StartDelay(spec, host.random);
  return new Claims({
    onLost: events.onLost,
    warn: events.warn,
    key,
    nodeId: host.nodeId,
    place: () => host.placeOf(spec.exclusive),
    rule,
    lease,
    bearings:
      rule &&
      new Bearings({
        warn: events.warn,
        onAhead: events.onAhead,
        name,
        rule,
        lease,
        nodeId: host.nodeId,
        clock: host.clock,
      }),
    retry: spec.retry,
    clock: host.clock,
    random: host.random,
    newRunId: () => host.newRunId(),
    delayAfter: (tick) => startDelay.after(tick),
  });
}
