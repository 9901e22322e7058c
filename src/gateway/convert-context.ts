/** What a conversion may look at besides the request: the target's traits, time, chance, and what was learned of it. */
import type { ObjectScan } from "../base/json-scan.ts";
import type { ConvertContext, LargeStrings } from "../protocols/protocol.ts";
import { protocolNamed } from "../protocols/registry.ts";
import type { Core } from "./core.ts";
import { AS_IT_IS, type Rework } from "./plan.ts";
import type { RequestRecord } from "./record.ts";
import type { Target } from "./target.ts";
import { warnOrRefuse } from "./whole-plan.ts";

interface ContextOptions {
  readonly rework?: Rework;
  /** The walk over the body that told the request's facts. */
  readonly scan?: ObjectScan | undefined;
  /** The opened body's large strings; `open` opens it when they are first looked at. */
  readonly large?: LargeStrings;
  readonly open?: () => LargeStrings;
}

/** The names protocols know the kinds by. */
const KIND_NAMES: Readonly<Record<string, string>> = { azure_openai: "azure", vertex_ai: "vertex" };

export function convertContext(
  core: Core,
  record: RequestRecord,
  target: Target,
  options: ContextOptions = {},
): ConvertContext {
  const { time, carriers } = core;
  const { provider } = target;
  const { rework = AS_IT_IS, large, open, scan } = options;
  return {
    model: target.model,
    vendor: vendorOf(target),
    providerKind: KIND_NAMES[provider.kind.name] ?? provider.kind.name,
    dialect: provider.dialect,
    capability: target.capability,
    scan,
    warn: (code, field) => warnOrRefuse(record, code, field),
    random: time.random,
    now: Math.floor(time.clock.wall() / 1000),
    get large() {
      const known = large ?? open?.();
      if (known === undefined) throw new Error("this request has no opened body");
      return known;
    },
    names: { tools: new Map(), respondTool: false },
    carriers,
    refused: joined(core.refusedMembers(target), rework.refused),
    dropThinking: rework.dropThinking,
    thinkTags: provider.thinkTags,
    fastTier: record.alias?.fastTier ?? false,
  };
}

function joined(learned: readonly string[], now: readonly string[]): readonly string[] {
  if (now.length === 0) return learned;
  return learned.length === 0 ? now : [...learned, ...now];
}

/** Whose model it is: Vertex serves Claude beside Gemini, and signatures belong to the model's vendor. */
function vendorOf(target: Target): ConvertContext["vendor"] {
  const { kind, facts } = target.provider;
  if (kind.name !== "vertex_ai") return kind.vendor;
  const [first] = kind.speaks(facts, target.model);
  return first === undefined ? kind.vendor : protocolNamed(first).vendor;
}
