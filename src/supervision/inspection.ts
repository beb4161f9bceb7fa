import type { InspectionEvent, Observer } from "xstate";
import { callGuarded } from "../foreign";
import type { Report } from "./report";

/** An observer that throws would wedge the actor that it observes. Its first error is reported. */
export function guarded(
  inspect: Observer<InspectionEvent> | ((event: InspectionEvent) => void),
  report: Report,
): (event: InspectionEvent) => void {
  let told = false;
  const failed = (err: Error): void => {
    if (told) return;
    told = true;
    report.tell({ type: "warning", task: "", message: "the inspect observer threw", err });
  };
  return (event) => callGuarded(() => (typeof inspect === "function" ? inspect(event) : inspect.next?.(event)), failed);
}
