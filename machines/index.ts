export { taskMachine, type IdleReason, type TaskMachineContext } from "./task";
export { supervisorMachine, type SupervisorMachineContext } from "./supervisor";
export { rootMachine } from "./root";
export type { Afterwards, ChildExit, Recorded, SupervisorEvent, TaskEvent, Verdict } from "./events";
export { leaseMachine, type LeaseEvent, type LeaseMachineContext, type Tenure } from "./lease";
export { partitionMachine, type PartitionEvent, type PartitionMachineContext } from "./partition";
export { workerMachine, type WorkerEvent, type WorkerMachineContext } from "./worker";
