/** What a conversion may look at besides the request: the target's traits, time, chance, and what was learned of it. */
import type { Clock } from "../base/clock.ts";
import type { ObjectScan } from "../base/json-scan.ts";
import type { ConvertContext, LargeStrings } from "../protocols/protocol.ts";
import { protocolNamed } from "../protocols/registry.ts";
import type { TurnNotes } from "../protocols/turn-notes.ts";
import type { Core } from "./core.ts";
import { AS_IT_IS, type Rework } from "./plan.ts";
import type { RequestRecord } from "./record.ts";
import type { Target } from "./target.ts";
import { warnOrRefuse } from "./whole-plan.ts";

interface ContextOptions {
  readonly rework?: Rework;
  /** The walk over the body that told the request's facts. */
  readonly scan?: ObjectScan | undefined;
  readonly turns?: TurnNotes | null;
  /** The opened body's large strings; or who opens it when they are first looked at. */
  readonly large?: LargeStrings;
  readonly opener?: { openLarge(): LargeStrings };
}

/** The names protocols know the kinds by. */
const KIND_NAMES: Readonly<Record<string, string>> = { azure_openai: "azure", vertex_ai: "vertex" };

export function convertContext(
  core: Core,
  record: RequestRecord,
  target: Target,
  options: ContextOptions = {},
): ConvertContext {
  return new TargetContext(core, record, target, options);
}

/** A class, for its accessors: what only conversions look at is made when they do, and written into an object literal it costs as much as all the rest of the literal. */
class TargetContext implements ConvertContext {
  readonly model: string;
  readonly vendor: ConvertContext["vendor"];
  readonly providerKind: string;
  readonly dialect: string;
  readonly capability: ConvertContext["capability"];
  readonly scan: ObjectScan | undefined;
  readonly turns: TurnNotes | null;
  readonly warn: ConvertContext["warn"];
  readonly random: ConvertContext["random"];
  readonly carriers: ConvertContext["carriers"];
  readonly refused: readonly string[];
  readonly dropThinking: boolean;
  readonly thinkTags: boolean;
  readonly fastTier: boolean;
  readonly #large: LargeStrings | undefined;
  readonly #opener: ContextOptions["opener"];
  readonly #clock: Clock;
  #names: ConvertContext["names"] | null = null;

  constructor(core: Core, record: RequestRecord, target: Target, options: ContextOptions) {
    const { provider } = target;
    const { rework = AS_IT_IS, large, opener, scan, turns = null } = options;
    this.model = target.model;
    this.vendor = vendorOf(target);
    this.providerKind = KIND_NAMES[provider.kind.name] ?? provider.kind.name;
    this.dialect = provider.dialect;
    this.capability = core.claudeModels.capabilityOf(target);
    this.scan = scan;
    this.turns = turns;
    record.forgetWarnings(target.label);
    this.warn = (code, field) => warnOrRefuse(record, code, field, target.label);
    this.random = core.time.random;
    this.#clock = core.time.clock;
    this.carriers = core.carriers;
    this.refused = joined(core.refusedMembers(target), rework.refused);
    this.dropThinking = rework.dropThinking;
    this.thinkTags = provider.thinkTags;
    this.fastTier = record.alias?.fastTier ?? false;
    this.#large = large;
    this.#opener = opener;
  }

  get now(): number {
    return Math.floor(this.#clock.wall() / 1000);
  }

  get names(): ConvertContext["names"] {
    this.#names ??= { tools: new Map(), respondTool: false };
    return this.#names;
  }

  get large(): LargeStrings {
    const known = this.#large ?? this.#opener?.openLarge();
    if (known === undefined) throw new Error("this request has no opened body");
    return known;
  }
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
