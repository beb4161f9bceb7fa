/** What the process warns of while something is done, a line each. */
export async function warningsDuring(work: () => Promise<void>): Promise<string> {
  const warnings: string[] = [];
  const keep = (warning: Error) => warnings.push(warning.message);
  process.on("warning", keep);
  await work();
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", keep);
  return warnings.join("\n");
}
