import type { GrpcCode } from "./grpc-error.ts";

/** How a sandbox comes to its end without being asked to. */
export type SandboxEnd = "lost" | "out-of-memory" | "terminated" | "timeout";

/** Something that goes wrong; `method` is a name such as `SandboxCreateV2`, or `*`. */
type Fault =
  /** The call is refused and nothing was done. */
  | { kind: "status"; method: string; code: GrpcCode; message?: string }
  /** The call was done, but its answer is lost on the way. */
  | { kind: "lost-answer"; method: string }
  | { kind: "hang"; method: string }
  | { kind: "delay"; method: string; ms: number }
  /** Breaks off one reading of an output after so many bytes of it. */
  | { kind: "break-output"; afterBytes: number }
  | { kind: "build-failure"; exception: string; log?: string }
  /** The next sandbox ends before it has started. */
  | { kind: "dies-before-start"; exception: string }
  /** Counted from the start of the next program. */
  | { kind: "end-sandbox"; how: SandboxEnd; afterMs?: number }
  /** Connections for programs are broken and refused, for ever if no end is given; counted from the start of the next program. */
  | { kind: "router-outage"; afterMs?: number; forMs?: number }
  /** A program at its time limit is ended so much later. */
  | { kind: "late-kill"; ms: number };

type FaultOf<Kind extends Fault["kind"]> = Extract<Fault, { kind: Kind }>;

export interface Faults {
  /** Happens as often as told, once if not; Infinity for always. */
  add(fault: Fault, times?: number): void;
  /** Uses up one; undefined where none was planned. */
  take<Kind extends Fault["kind"]>(kind: Kind, method?: string): FaultOf<Kind> | undefined;
  /** Those that have not happened yet. */
  readonly pending: readonly Fault[];
  clear(): void;
}

export function createFaults(): Faults {
  const planned: Array<{ fault: Fault; left: number }> = [];
  return {
    add(fault, times = 1) {
      planned.push({ fault, left: times });
    },
    take<Kind extends Fault["kind"]>(kind: Kind, method?: string) {
      const index = planned.findIndex(
        ({ fault }) => fault.kind === kind && (!("method" in fault) || fault.method === "*" || fault.method === method),
      );
      const found = planned[index];
      if (found === undefined) return undefined;
      found.left -= 1;
      if (found.left <= 0) planned.splice(index, 1);
      return found.fault as FaultOf<Kind>;
    },
    get pending() {
      return planned.map(({ fault }) => fault);
    },
    clear() {
      planned.length = 0;
    },
  };
}
