import { isBuiltin } from "node:module";
import { dirname, relative, resolve } from "node:path";
import tseslint from "typescript-eslint";

const root = import.meta.dirname;

/**
 * Which way imports may point. A file belongs to the first layer whose pattern fits its path without extension.
 * `may`: the layers it may import besides its own. `packages`: what it may load; `types`: what it may only
 * `import type` from. "node:*" stands for every module of Node but timers and performance counters, which are clocks.
 */
const base = ["errors"];
const rules = [...base, "ports", "rules"];
const cluster = [...rules, "machines", "ticks", "cluster"];
const supervision = [...cluster, "supervision"];
const queue = [...supervision, "queue"];
const layers = [
  {
    name: "errors",
    files: /^src\/(errors|foreign(\/.*)?|duration|payload|validate|identity|fifo)$/,
    may: [],
    packages: ["ms", "node:crypto", "node:os", "node:util"],
    types: ["pino"],
  },
  { name: "ports", files: /^src\/(clock|schedule|store|task)$/, may: base, types: ["pino", "xstate", "rxjs"] },
  { name: "rules", files: /^src\/schedules\/zoned$/, may: rules, packages: ["@js-temporal/polyfill"] },
  { name: "rules", files: /^src\/(rules|schedules)\//, may: rules },
  { name: "machines", files: /^machines\//, may: rules, packages: ["xstate"], types: ["pino"] },
  {
    name: "clocks",
    files: /^src\/clocks\//,
    may: rules,
    packages: ["rxjs", "node:*", "node:timers", "node:perf_hooks"],
  },
  { name: "ticks", files: /^src\/(ticks|alarms)$/, may: [...rules, "clocks"], packages: ["rxjs"] },
  // A network needs deadlines in real time, whatever clock the runtime goes by.
  { name: "ticks", files: /^src\/guarded-events$/, may: rules, packages: ["rxjs"] },
  { name: "stores", files: /^src\/stores\/nats(-examination)?$/, may: [...rules, "clocks"], packages: ["nats"] },
  { name: "stores", files: /^src\/stores\//, may: rules, packages: ["lmdb", "nats", "node:*"] },
  {
    name: "tasks",
    files: /^src\/tasks\//,
    may: [...rules, "clocks", "ticks"],
    packages: ["rxjs", "pino", "node:*"],
  },
  {
    name: "cluster",
    files: /^src\/cluster\//,
    may: cluster,
    packages: ["@opentelemetry/api", "xstate", "rxjs"],
    types: ["pino"],
  },
  {
    name: "supervision",
    files: /^src\/supervision\//,
    may: supervision,
    packages: ["@opentelemetry/api", "xstate", "rxjs"],
    types: ["pino"],
  },
  {
    name: "queue",
    files: /^src\/queue\//,
    may: queue,
    packages: ["@opentelemetry/api", "xstate", "rxjs"],
    types: ["pino"],
  },
  {
    name: "runtime",
    files: /^src\/runtime(-api)?$/,
    may: [...queue, "clocks", "stores", "tasks"],
    packages: ["xstate", "rxjs", "pino"],
  },
  { name: "index", files: /^src\/index$/, may: [...queue, "clocks", "stores", "tasks", "runtime"] },
  {
    name: "testing",
    files: /^src\/testing\//,
    may: [...base, "index", "machines", "clocks"],
    packages: ["xstate", "rxjs", "pino"],
  },
  {
    name: "inspector",
    files: /^src\/inspector\//,
    may: [...base, "index", "machines"],
    packages: ["@dagrejs/dagre", "xstate", "rxjs", "node:*"],
    types: ["pino"],
  },
  {
    name: "cli",
    files: /^src\/cli\//,
    may: [...base, "index", "rules", "machines", "inspector", "testing"],
    packages: ["commander", "nats", "pino", "pino-pretty", "ts-node", "typescript", "xstate", "node:*"],
    anyPath: true,
  },
];

const layerOf = (path) => layers.find((layer) => layer.files.test(path.replace(/\.[cm]?[jt]s$/, "")));

function allowsPackage(layer, name, typeOnly) {
  const allowed = [...(layer.packages ?? []), ...(typeOnly ? (layer.types ?? []) : [])];
  if (!isBuiltin(name)) return allowed.some((one) => name === one || name.startsWith(`${one}/`));
  const clock = /^node:(timers|perf_hooks)/.test(name);
  return name.startsWith("node:") && (allowed.includes(name.split("/")[0]) || (allowed.includes("node:*") && !clock));
}

const oneWay = {
  meta: { type: "problem", schema: [] },
  create(context) {
    const from = relative(root, context.filename);
    const layer = layerOf(from);
    if (layer === undefined) {
      return {
        Program: (node) =>
          context.report({ node, message: `${from} belongs to no layer: add it to the table in eslint.config.mjs` }),
      };
    }
    const report = (node, what, hint) =>
      context.report({ node, message: `${layer.name} may not import ${what}${hint}` });
    const check = (node, source, typeOnly) => {
      if (source?.type !== "Literal" || typeof source.value !== "string") {
        if (!layer.anyPath) report(node, "a computed path", ": the direction of imports must be readable");
        return;
      }
      const name = source.value;
      if (!/^\.\.?(\/|$)/.test(name)) {
        if (!allowsPackage(layer, name, typeOnly)) report(node, name, typeOnly ? "" : " (as a value)");
        return;
      }
      const path = resolve(dirname(context.filename), name);
      const target = layerOf(relative(root, path)) ?? layerOf(relative(root, resolve(path, "index")));
      const allowed = target !== undefined && (target.name === layer.name || layer.may.includes(target.name));
      if (!allowed) report(node, `${name} (${target?.name ?? "outside src and machines"})`, "");
    };
    const onlyTypes = (node, kind) =>
      node[kind] === "type" || (node.specifiers.length > 0 && node.specifiers.every((one) => one[kind] === "type"));
    return {
      ImportDeclaration: (node) => check(node, node.source, onlyTypes(node, "importKind")),
      ExportAllDeclaration: (node) => check(node, node.source, node.exportKind === "type"),
      ExportNamedDeclaration: (node) => node.source && check(node, node.source, onlyTypes(node, "exportKind")),
      ImportExpression: (node) => check(node, node.source, false),
      TSImportType: (node) => check(node, node.source ?? node.argument?.literal, true),
      TSImportEqualsDeclaration: (node) =>
        node.moduleReference.type === "TSExternalModuleReference" &&
        check(node, node.moduleReference.expression, node.importKind === "type"),
      "CallExpression[callee.name='require']": (node) => check(node, node.arguments[0], false),
      "CallExpression[callee.object.name='require'][callee.property.name='resolve']": (node) =>
        check(node, node.arguments[0], false),
    };
  },
};

/** Values that others made are read in src/foreign alone: reading one may throw, never end, or cost any memory. */
const noForeignReads = {
  meta: { type: "problem", schema: [] },
  create(context) {
    const services = context.sourceCode.parserServices;
    const isError = (node) => services.getTypeAtLocation(node).symbol?.name === "Error";
    const isForeign = (node) => (services.getTypeAtLocation(node).flags & 3) !== 0 || isError(node);
    const report = (node, what) =>
      context.report({
        node,
        message: `${what} of a value that others made: use textOf, toError, isError or read (src/foreign.ts)`,
      });
    return {
      "CallExpression[callee.name='String'][arguments.length=1]": (node) =>
        isForeign(node.arguments[0]) && report(node, "String()"),
      "CallExpression[callee.object.name='JSON'][callee.property.name='stringify']": (node) =>
        node.arguments[0] !== undefined && isError(node.arguments[0]) && report(node, "JSON.stringify()"),
      "BinaryExpression[operator='instanceof'][right.name=/^(Aggregate)?Error$/]": (node) => report(node, "instanceof"),
      "TSAsExpression[typeAnnotation.typeName.name='Error']": (node) =>
        isForeign(node.expression) && report(node, "a cast"),
    };
  },
};

const useClock = "use the Clock that was handed in: hidden time cannot be tested";
const timers = ["setTimeout", "setInterval", "setImmediate"];
const noHiddenClock = {
  "no-restricted-globals": ["error", ...[...timers, "performance"].map((name) => ({ name, message: useClock }))],
  "no-restricted-properties": [
    "error",
    { object: "Date", property: "now", message: useClock },
    { object: "process", property: "hrtime", message: useClock },
    { object: "process", property: "uptime", message: useClock },
    { object: "AbortSignal", property: "timeout", message: useClock },
    { object: "Temporal", property: "Now", message: useClock },
    { object: "Math", property: "random", message: "use the Random that was handed in (src/identity.ts)" },
    ...["globalThis", "global"].flatMap((object) =>
      [...timers, "performance"].map((property) => ({ object, property, message: useClock })),
    ),
  ],
  "no-restricted-syntax": [
    "error",
    { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: useClock },
    { selector: "CallExpression[callee.name='Date']", message: useClock },
  ],
};

export default tseslint.config(
  { ignores: ["dist/", "data/", ".cache/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["{src,machines,test,examples}/**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "max-lines": ["error", { max: 250, skipComments: true, skipBlankLines: true }],
      "@typescript-eslint/consistent-type-imports": [
        "error",
        { fixStyle: "inline-type-imports", disallowTypeAnnotations: false },
      ],
      "@typescript-eslint/no-require-imports": ["error", { allowAsImport: true }],
      // A flag that another callback sets during an await looks constant to the compiler: the rule would have it removed.
      "@typescript-eslint/no-unnecessary-condition": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
      // An async function without await turns what it throws into a rejection.
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
  {
    files: ["{src,machines}/**/*.ts"],
    plugins: { house: { rules: { "one-way": oneWay, foreign: noForeignReads } } },
    rules: { "house/one-way": "error" },
  },
  { files: ["src/**/*.ts"], ignores: ["src/foreign/**"], rules: { "house/foreign": "error" } },
  { files: ["{src,machines}/**/*.ts"], ignores: ["src/clocks/**", "src/identity.ts"], rules: noHiddenClock },
  { files: ["src/cli/**/*.ts"], rules: { "no-console": "off" } },
  {
    files: ["{test,examples}/**/*.ts"],
    rules: {
      "no-console": "off",
      "max-lines": ["error", { max: 400, skipComments: true, skipBlankLines: true }],
      // Tests hand in what types forbid, to see it refused, and stand in for promises with plain values.
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/only-throw-error": "off",
      "@typescript-eslint/prefer-promise-reject-errors": "off",
      "@typescript-eslint/unbound-method": "off",
      "@typescript-eslint/no-empty-function": "off",
    },
  },
);
