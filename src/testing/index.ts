export { virtualClock, type VirtualClock, type VirtualClockOptions } from "../clocks/virtual";
export { simulate, type SimulatedDefinition, type SimulateOptions } from "./simulate";
export type { Simulation } from "./simulation";
export type { Collision, Evening, HourCount, SimulatedRun, TaskCount } from "./simulation-data";
