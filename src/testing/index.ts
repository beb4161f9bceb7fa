export { virtualClock, type VirtualClock, type VirtualClockOptions } from "../clocks/virtual";
export { simulate, type SimulatedDefinition, type SimulateOptions } from "./simulate";
export {
  type Collision,
  type Evening,
  type HourCount,
  type SimulatedRun,
  type Simulation,
  type TaskCount,
} from "./simulation";
