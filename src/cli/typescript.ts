import { register, REGISTER_INSTANCE } from "ts-node";

const registered = new Set<string>();

/**
 * Lets `require` read TypeScript, by the tsconfig of the folder if it has one: types are stripped, not checked, and
 * modules become CommonJS whatever the package says. A ts-node that runs this program itself steps aside.
 */
export function registerTypeScript(folder: string): void {
  if (registered.has(folder)) return;
  registered.add(folder);
  process[REGISTER_INSTANCE]?.enabled(false);
  register({
    projectSearchDir: folder,
    compiler: require.resolve("typescript"),
    transpileOnly: true,
    moduleTypes: { "**/*": "cjs" },
    compilerOptions: { module: "node16", moduleResolution: "node16", esModuleInterop: true, target: "es2022" },
  });
}
