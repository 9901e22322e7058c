/** Which models and targets a caller may have: the alias a name stands for, and what of it is permitted. */
import type { Caller } from "../auth/caller.ts";
import { Failure } from "../base/failure.ts";
import { isPermitted } from "../routing/capability.ts";
import type { RequestRecord } from "./record.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Alias, Target } from "./target.ts";

/** Names an error lists at most. */
const LISTED = 50;
/** A model's name in a message. */
const SHOWN = 200;

/** The alias a model name stands for, if this caller may use it. Throws Failure 404 or 403. */
export function resolveAlias(record: RequestRecord): Alias {
  const { snapshot, caller, model } = record;
  const plain = record.protocol === "ollama" ? model.replace(/:latest$/, "") : model;
  const alias = snapshot.resolve(model) ?? (plain === model ? null : snapshot.resolve(plain));
  if (alias === null) throw unknownModel(snapshot, caller, model);
  if (!mayUse(caller, alias.name, model) && !mayUse(caller, alias.name, plain)) {
    throw new Failure("forbidden", `this key may not use "${model.slice(0, SHOWN)}"`, {
      code: "model_not_allowed",
      param: "model",
    });
  }
  return alias;
}

/** Whether the caller's list holds the alias, or the name as it was asked for. */
export function mayUse(caller: Caller | null, alias: string, asked: string): boolean {
  const allowed = caller?.models ?? [];
  return allowed.length === 0 || allowed.includes(alias) || allowed.includes(asked);
}

function unknownModel(snapshot: Snapshot, caller: Caller | null, model: string): Failure {
  const usable = snapshot.aliases.map(({ name }) => name).filter((name) => mayUse(caller, name, name));
  const list = usable.length === 0 ? "none" : usable.slice(0, LISTED).join(", ");
  const message = `the model "${model.slice(0, SHOWN)}" is not known here; you may use: ${list}`;
  return new Failure("not_found", message, { code: "model_not_found", param: "model" });
}

/** The alias's targets without those this request must not go to. Throws Failure 403, or 503 `no_target`, when none is left. */
export function permittedTargets(record: RequestRecord, alias: Alias): readonly Target[] {
  const providers = record.caller?.providers ?? [];
  if (!alias.privateOnly && providers.length === 0 && alias.targets.length > 0) return alias.targets;
  const permit = (allowed: readonly string[]) =>
    alias.targets.filter((target) =>
      isPermitted(
        { provider: target.provider.name, isPrivate: target.provider.private },
        { privateOnly: alias.privateOnly, providers: allowed },
      ),
    );
  const targets = permit(providers);
  if (targets.length > 0) return targets.length === alias.targets.length ? alias.targets : targets;
  if (permit([]).length > 0) {
    throw new Failure("forbidden", `this key may use no provider of "${record.model.slice(0, SHOWN)}"`, {
      code: "model_not_allowed",
      param: "model",
    });
  }
  const why =
    alias.targets.length === 0
      ? `no provider of "${record.model}" is switched on (is its API key set?)`
      : `"${record.model}" is private_only, and none of its targets is on the own network`;
  throw new Failure("overloaded", why, { code: "no_target", retryAfterMs: 30_000 });
}
