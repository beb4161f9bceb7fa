import type { AnyActorRef } from "xstate";

/** A statechart, laid out; lengths are pixels. */
export interface Chart {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly states: readonly ChartState[];
  readonly edges: readonly ChartEdge[];
  /** The state it begins in. */
  readonly initial: string;
}

export interface ChartState {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** What happens on entry, and which events it takes without leaving. */
  readonly notes: readonly string[];
}

export interface ChartEdge {
  readonly from: string;
  readonly to: string;
  /** One line for each way this transition is taken: the event, and its guard in brackets. */
  readonly labels: readonly string[];
  readonly events: readonly string[];
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly x: number;
  readonly y: number;
}

interface StateDefinition {
  key: string;
  entry: readonly (string | { type: string })[];
  initial?: { target: readonly { key: string }[] } | undefined;
  transitions: ReadonlyMap<string, readonly TransitionDefinition[]>;
}
interface TransitionDefinition {
  eventType: string;
  guard?: unknown;
  target?: readonly { key: string }[] | undefined;
  reenter?: boolean;
}
interface Machine {
  id: string;
  root: { initial?: { target: readonly { key: string }[] }; states: Record<string, StateDefinition> };
}

/** As much of dagre as is used here; its own types do not resolve in a CommonJS module. */
interface Dagre {
  Graph: new (options: { multigraph: boolean }) => DagreGraph;
  layout: (graph: DagreGraph) => void;
}
interface DagreGraph {
  setGraph(label: Record<string, unknown>): void;
  graph(): { width?: number; height?: number };
  setDefaultEdgeLabel(make: () => object): void;
  setNode(name: string, label: Omit<ChartState, "name" | "x" | "y">): void;
  node(name: string): Omit<ChartState, "name">;
  nodes(): string[];
  setEdge(from: string, to: string, label: Record<string, unknown>): void;
  edge(id: object): ChartEdge;
  edges(): object[];
}

const letter = 6.2;
const line = 14;
const done = new WeakMap<object, Chart>();

/** The chart of an actor's machine; actors of one machine share it. */
export async function chartOf(actor: AnyActorRef): Promise<Chart | undefined> {
  const machine = (actor as unknown as { logic: Partial<Machine> }).logic;
  if (machine.root === undefined) return undefined;
  const known = done.get(machine);
  if (known !== undefined) return known;
  const chart = await layOut(machine as Machine);
  done.set(machine, chart);
  return chart;
}

async function layOut(machine: Machine): Promise<Chart> {
  const { Graph, layout } = (await import("@dagrejs/dagre")) as unknown as Dagre;
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 30, ranksep: 34, edgesep: 12, marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  const states = Object.values(machine.root.states);
  for (const state of states) {
    const inside = [...state.transitions.values()]
      .flat()
      .filter(({ target }) => (target?.[0]?.key ?? state.key) === state.key);
    const events = [...new Set(inside.map(({ eventType }) => eventType))];
    const notes = [
      ...state.entry.map((action) => `entry / ${nameOf(action)}`),
      ...(events.length > 0 ? [events.join(", ")] : []),
    ];
    const width = Math.max(90, state.key.length * 8 + 28, ...notes.map((text) => text.length * letter + 20));
    graph.setNode(state.key, { width, height: 34 + notes.length * line, notes });
  }
  const merged = new Map<string, { from: string; to: string; labels: string[]; events: string[] }>();
  for (const state of states) {
    for (const transition of [...state.transitions.values()].flat()) {
      const to = transition.target?.[0]?.key ?? state.key;
      if (to === state.key) continue;
      const key = `${state.key} ${to}`;
      const edge = merged.get(key) ?? { from: state.key, to, labels: [], events: [] };
      merged.set(key, edge);
      const guard = guardOf(transition.guard);
      const label = guard === undefined ? transition.eventType : `${transition.eventType} [${guard}]`;
      if (!edge.labels.includes(label)) edge.labels.push(label);
      if (!edge.events.includes(transition.eventType)) edge.events.push(transition.eventType);
    }
  }
  for (const edge of merged.values()) {
    const width = Math.max(...edge.labels.map((label) => label.length)) * letter + 10;
    graph.setEdge(edge.from, edge.to, { ...edge, width, height: edge.labels.length * line + 4, labelpos: "c" });
  }
  layout(graph);
  const size = graph.graph();
  return {
    id: machine.id,
    width: Math.ceil(size.width ?? 0),
    height: Math.ceil(size.height ?? 0),
    initial: machine.root.initial?.target[0]?.key ?? "",
    states: graph.nodes().map((name) => {
      const { x, y, width, height, notes } = graph.node(name);
      return { name, x, y, width, height, notes };
    }),
    edges: graph.edges().map((id) => {
      const { from, to, labels, events, points, x, y } = graph.edge(id);
      return { from, to, labels, events, points, x, y };
    }),
  };
}

function guardOf(guard: unknown): string | undefined {
  if (guard === undefined) return undefined;
  return typeof guard === "string" ? guard : nameOf(guard as { type?: string });
}

function nameOf(action: { type?: string; name?: string } | string): string {
  if (typeof action === "string") return action;
  return action.type ?? (action.name === undefined || action.name === "" ? "…" : action.name);
}
