import type { InspectionEvent, Observer } from "xstate";
import { toError } from "../errors";
import type { Report } from "./report";

/** An observer that throws would wedge the actor that it observes. */
export function guarded(
  inspect: Observer<InspectionEvent> | ((event: InspectionEvent) => void),
  report: Report,
): (event: InspectionEvent) => void {
  return (event) => {
    try {
      if (typeof inspect === "function") inspect(event);
      else inspect.next?.(event);
    } catch (error) {
      report.tell({ type: "warning", task: "", message: "the inspect observer threw", err: toError(error) });
    }
  };
}
