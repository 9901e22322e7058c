/** Explicit affinity: `x-session-affinity: provider/model` pins a request while that target is sound. */

/** Longest header value that is looked at. */
const MAX_LENGTH = 512;

/**
 * Index of the pinned target, or -1: unknown, malformed, or its error average is above `errorThreshold`. Whether it is
 * usable now is the caller's to check.
 */
export function affinityTarget(
  header: string,
  targets: readonly { readonly id: string; readonly view: { readonly successRate: number } }[],
  errorThreshold: number,
): number {
  if (header === "" || header.length > MAX_LENGTH || !header.includes("/")) return -1;
  const wanted = header.trim();
  const index = targets.findIndex((target) => target.id === wanted);
  const target = targets[index];
  if (target === undefined) return -1;
  return 1 - target.view.successRate <= errorThreshold ? index : -1;
}
