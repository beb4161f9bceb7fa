export { virtualClock, type VirtualClock, type VirtualClockOptions } from "../clocks/virtual";
