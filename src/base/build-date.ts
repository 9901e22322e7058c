/** When this program was built: a wall clock that stands before it was never set. */

/** Epoch milliseconds, put in by the bundler. */
declare const SLUICE_BUILD_DATE: number | undefined;

/** Unbundled runs (tests, the library from source) take the release's own year. */
export const BUILD_DATE = typeof SLUICE_BUILD_DATE === "number" ? SLUICE_BUILD_DATE : Date.UTC(2026, 0, 1);
