import { parse } from "node:path";
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
    swc: false,
    moduleTypes: { [`${parse(folder).root}**/*`]: "cjs" },
    // Options of the tsconfig that only go with other kinds of modules: nothing is resolved by the compiler here.
    ignoreDiagnostics: [5095, 5098, 5109, 5110],
    compilerOptions: { module: "commonjs", moduleResolution: "node10", esModuleInterop: true, target: "es2022" },
  });
}
